/** Many tabs, sleep, cuts and restarts in real Chromium: nobody is ever logged out by accident. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, launchChromium, openProfile } from './chromium.js';
import { openPage } from './open-page.js';
import { password, Site } from './site.js';

const life = { tokens: { accessTtl: '2s' } } as const;

describe.skipIf(!hasChromium())('tabs of one browser', () => {
  let browser: Browser;
  let site: Site;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  afterEach(() => site.close());

  async function startSite(...options: Parameters<typeof Site.start>): Promise<BrowserContext> {
    site = await Site.start(...options);
    await site.createUser('ada');
    await site.createUser('bob');
    return browser.newContext();
  }
  const open = (context: BrowserContext) => openPage(context, site.origin);
  const logIn = (page: Page, identifier = 'ada', remember = true) =>
    page.evaluate((input) => auth.login(input), { identifier, password, remember });
  const hello = (page: Page) => page.evaluate(async () => (await auth.fetch('/hello')).status);
  const username = (page: Page) =>
    page.evaluate(() => (auth.state.status === 'authenticated' ? (auth.state.user?.username ?? null) : auth.state.status));

  test.each(['cookie', 'memory'] as const)(
    'twelve of them, an access life of two seconds, a minute: %s mode',
    { timeout: 240_000 },
    async (delivery) => {
      const context = await startSite(life, { delivery });
      const first = await open(context);
      await logIn(first);
      const pages = [first, ...(await Promise.all(Array.from({ length: 11 }, () => open(context))))];
      // Answers get lost, late and doubled on the way.
      let serial = 0;
      let lost = 0;
      site.weather = (request, response, next) => {
        serial += 1;
        if (serial % 50 === 0) {
          if (request.path === '/hello') lost += 1;
          response.end = () => request.socket.destroy() as never;
        }
        if (serial % 7 === 0) setTimeout(next, 150);
        else next();
      };
      const seconds = delivery === 'cookie' ? 60 : 20;
      const outcomes = await Promise.all(
        pages.map((page) =>
          page.evaluate(async (milliseconds) => {
            const until = performance.now() + milliseconds;
            const counts: Record<string, number> = {};
            while (performance.now() < until) {
              const outcome = await auth.fetch('/hello').then(
                ({ status }) => String(status),
                (error: unknown) => (error as Error).message,
              );
              counts[outcome] = (counts[outcome] ?? 0) + 1;
              await new Promise((done) => setTimeout(done, 100 + 200 * (performance.now() % 1)));
            }
            return { counts, seen };
          }, seconds * 1000),
        ),
      );
      const kinds = new Set(outcomes.flatMap(({ counts }) => Object.keys(counts)));
      // A request of the page's own whose answer was lost is the page's to repeat; nothing else happened to anybody.
      expect([...kinds].sort().filter((kind) => kind !== 'Failed to fetch')).toEqual(['200']);
      expect(outcomes.reduce((total, { counts }) => total + (counts['Failed to fetch'] ?? 0), 0)).toBeLessThanOrEqual(lost);
      expect(outcomes.flatMap(({ seen }) => seen).filter((status) => status !== 'authenticated')).toEqual([]);
      const refreshes = site.count('/api/auth/refresh', 200);
      const requests = site.count('/hello') - site.count('/hello', 401);
      console.log(`${requests} requests of twelve tabs in ${seconds} s, ${refreshes} refreshes (${delivery} mode)`);
      // One for each life of a token, and some for what was lost: not one for each tab.
      expect(refreshes).toBeLessThan(seconds * 1.5);
      expect(refreshes).toBeGreaterThan(seconds / 4);
      await context.close();
    },
  );

  test('see within a second that one of them signed in, or out, or as somebody else', async () => {
    const context = await startSite();
    const [one, two] = [await open(context), await open(context)];
    await logIn(one);
    await expect.poll(() => username(two), { timeout: 1000 }).toBe('ada');
    await one.evaluate(() => auth.logout());
    await expect.poll(() => username(two), { timeout: 1000 }).toBe('guest');
    await logIn(two, 'bob');
    await expect.poll(() => username(one), { timeout: 1000 }).toBe('bob');
    expect([await hello(one), await hello(two)]).toEqual([200, 200]);
    await context.close();
  });

  test('do nothing in the name of another user: what one began before the change is not repeated after it', async () => {
    const context = await startSite(life);
    const [one, two] = [await open(context), await open(context)];
    await logIn(one);
    await one.reload();
    await one.waitForFunction(() => globalThis.isReady);
    await pause(2500);
    // Between the refusal and the repetition, the other tab signs in as somebody else.
    site.weather = (request, response, next) => {
      if (request.path !== '/upload') {
        next();
        return;
      }
      site.weather = (_request, _response, next) => next();
      const { end } = response;
      response.end = ((...args: Parameters<typeof end>) => {
        void logIn(two, 'bob').then(() => end.apply(response, args));
        return response;
      }) as typeof end;
      next();
    };
    const sent = await one.evaluate(async () => {
      const answer = await auth.fetch('/upload', { method: 'POST', body: 'all my money' });
      return answer.status;
    });
    expect([sent, site.count('/upload', 200)]).toEqual([401, 0]);
    expect(await username(one)).toBe('bob');
    await context.close();
  });

  test('stay signed in when one of them changes the password', async () => {
    const context = await startSite(life);
    const pages = [await open(context), await open(context), await open(context)];
    await logIn(pages[0]!);
    const busy = pages.slice(1).map((page) =>
      page.evaluate(async () => {
        const statuses = new Set<number>();
        for (let round = 0; round < 60; round += 1) {
          statuses.add((await auth.fetch('/hello')).status);
          await new Promise((done) => setTimeout(done, 50));
        }
        return { statuses: [...statuses], seen };
      }),
    );
    await pause(1500);
    for (const [currentPassword, newPassword] of [
      [password, 'another long password'],
      ['another long password', password],
    ] as const) {
      const changed = await pages[0]!.evaluate((input) => auth.changePassword(input), { currentPassword, newPassword });
      expect(changed).toMatchObject({ ok: true });
      await pause(700);
    }
    for (const { statuses, seen } of await Promise.all(busy)) {
      expect(statuses).toEqual([200]);
      expect(seen).not.toContain('guest');
    }
    await context.close();
  });

  test('that one froze while it held the lock do not wait for it', async () => {
    const context = await startSite(life);
    const [one, two] = [await open(context), await open(context)];
    await logIn(one);
    await pause(2500);
    let held = 0;
    site.weather = (request, _response, next) => {
      // The first one's refresh is never answered.
      if (request.path === '/api/auth/refresh' && (held += 1) === 1) return;
      next();
    };
    void one.evaluate(() => auth.fetch('/hello')).catch(() => undefined);
    await pause(200);
    const startedAt = performance.now();
    expect(await hello(two)).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(6000);
    await context.close();
  });

  test('that slept past the end of their tokens wake up signed in', async () => {
    const context = await startSite(life);
    const page = await open(context);
    await logIn(page);
    const session = await context.newCDPSession(page);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await pause(5000);
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    expect([await hello(page), await username(page)]).toEqual([200, 'ada']);
    await context.close();
  });

  test('whose network is cut in the middle of a refresh go on when it is back', async () => {
    const context = await startSite(life);
    const page = await open(context);
    await logIn(page);
    await pause(2500);
    let backAt = Infinity;
    site.weather = (request, _response, next) => {
      if (performance.now() > backAt) {
        next();
        return;
      }
      if (backAt === Infinity) backAt = performance.now() + 1500;
      request.socket.destroy();
    };
    expect([await hello(page), await username(page)]).toEqual([200, 'ada']);
    await context.close();
  });

  test.each([
    ['remembered, is signed in when the browser is opened again', true, 'authenticated'],
    ['not remembered, is signed out', false, 'guest'],
  ] as const)('a session that is %s', async (_, remember, expected) => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-profile-'));
    try {
      await (await startSite()).close();
      const before = await openProfile(folder);
      const page = await open(before);
      await logIn(page, 'ada', remember);
      await page.reload();
      expect(await page.evaluate(() => auth.state.status)).toBe('authenticated');
      // Chromium writes its cookies down every now and then.
      await pause(1000);
      await before.close();
      const after = await openProfile(folder);
      const again = await open(after);
      expect(await again.evaluate(() => firstState.status)).toBe(expected);
      expect(await hello(again)).toBe(remember ? 200 : 401);
      await after.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
