/** The browser client in real Chromium: nobody at the page notices tokens. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasChromium, launchChromium } from './chromium.js';
import { openPage } from './open-page.js';
import { password, Site } from './site.js';

describe.skipIf(!hasChromium())('a page', () => {
  let browser: Browser;
  let context: BrowserContext;
  let site: Site;
  /** What browsers print in red, of all pages. */
  let redLines: string[];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    redLines = [];
    context = await browser.newContext();
    context.on('console', (message) => {
      if (message.type() === 'error') redLines.push(message.text());
    });
    context.on('weberror', (error) => redLines.push(error.error().message));
  });
  afterEach(async () => {
    await context.close();
    await site.close();
  });

  const open = () => openPage(context, site.origin);
  async function startSite(...options: Parameters<typeof Site.start>): Promise<void> {
    site = await Site.start(...options);
    await site.createUser('ada');
  }

  const logIn = (page: Page, identifier = 'ada', remember = true) =>
    page.evaluate((input) => auth.login(input), { identifier, password, remember });
  const hello = (page: Page) => page.evaluate(async () => (await auth.fetch('/hello')).status);
  const status = (page: Page) => page.evaluate(() => auth.state.status);
  const username = (page: Page) =>
    page.evaluate(() => (auth.state.status === 'authenticated' ? auth.state.user?.username : auth.state.status));

  test('knows at once who is nobody, asks nothing, and prints nothing red', async () => {
    await startSite();
    const page = await open();
    await pause(300);
    expect(await page.evaluate(() => firstState.status)).toBe('guest');
    expect([site.answers, redLines]).toEqual([[], []]);
  });

  test('signs in, is known after a reload at once and by name soon, and signs out', async () => {
    await startSite();
    const page = await open();
    expect(await logIn(page)).toMatchObject({ ok: true, value: { user: { username: 'ada', roles: ['user'] } } });
    expect([await hello(page), await username(page)]).toEqual([200, 'ada']);
    await page.reload();
    await page.waitForFunction(() => globalThis.isReady);
    expect(await page.evaluate(() => firstState)).toMatchObject({ status: 'authenticated', user: null });
    await expect.poll(() => username(page)).toBe('ada');
    expect(await page.evaluate(() => auth.logout())).toEqual({ ok: true, value: null });
    expect([await status(page), await hello(page)]).toEqual(['guest', 401]);
    expect(await context.cookies()).toEqual([]);
  });

  test('changes a password long after the login without asking for it twice', async () => {
    let lateMilliseconds = 0;
    await startSite({ clock: { now: () => Date.now() + lateMilliseconds } });
    const page = await open();
    await logIn(page);
    lateMilliseconds = 11 * 60_000;
    const change = (currentPassword: string) =>
      page.evaluate((input) => auth.changePassword(input), { currentPassword, newPassword: 'another long password' });
    expect(await change('wrong')).toMatchObject({ ok: false, code: 'invalid_credentials' });
    expect(await change(password)).toMatchObject({ ok: true, value: { user: { username: 'ada' } } });
    expect(await hello(page)).toBe(200);
  });

  test('tells refusals as values, with what can be shown', async () => {
    await startSite();
    const page = await open();
    expect(await page.evaluate(() => auth.login({ identifier: 'ada', password: 'wrong' }))).toEqual({
      ok: false,
      code: 'invalid_credentials',
      message: 'The user name or password is wrong.',
      errors: [],
    });
    const short = await page.evaluate(() => auth.register({ username: 'bob', password: 'x' }));
    expect(short).toMatchObject({ ok: false, code: 'invalid_request', errors: [{ path: 'password' }] });
    expect(await page.evaluate((password) => auth.register({ username: 'bob', password }), password)).toMatchObject({
      ok: true,
      value: { user: { username: 'bob' } },
    });
    expect(await status(page)).toBe('guest');
    site.weather = (_request, response) => void response.status(502).type('html').send('<h1>Bad gateway</h1>');
    expect(await logIn(page)).toMatchObject({ ok: false, code: 'overloaded' });
    site.weather = (request) => void request.socket.destroy();
    await expect(logIn(page)).rejects.toThrow('Failed to fetch');
  });

  test('hides its tokens from scripts', async () => {
    await startSite();
    const page = await open();
    await logIn(page);
    const readable = await page.evaluate(() => document.cookie);
    expect(readable).toMatch(/^cs-state=[\w-]+$/);
    const everything = await page.evaluate(() =>
      JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), auth.state, document.cookie]),
    );
    for (const { name, value } of await context.cookies()) if (name !== 'cs-state') expect(everything).not.toContain(value);
  });

  test('sends the session nowhere but where it was told to', async () => {
    await startSite();
    const page = await open();
    await logIn(page);
    const refused = page.evaluate(() => auth.fetch('https://elsewhere.example.test/'));
    await expect(refused).rejects.toThrow('Add "https://elsewhere.example.test" to apiOrigins');
  });

  describe('whose access token is over', () => {
    const life = { tokens: { accessTtl: '2s' } } as const;

    test('refreshes once for all that wait, and repeats each request', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      await page.reload();
      await page.waitForFunction(() => globalThis.isReady);
      await pause(2500);
      site.answers.length = 0;
      const statuses = await page.evaluate(() =>
        Promise.all(Array.from({ length: 20 }, () => auth.fetch('/hello').then(({ status }) => status))),
      );
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(site.count('/api/auth/refresh')).toBe(1);
    });

    test('sends a form, a file and a Request again as they were', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      // After a reload the page does not know that its token is over: it sends, and sends again.
      const afterReload = async (): Promise<void> => {
        await page.reload();
        await page.waitForFunction(() => globalThis.isReady);
        await pause(2500);
      };
      const size = async (kind: 'file' | 'form' | 'request'): Promise<number> => {
        await afterReload();
        return page.evaluate(async (kind) => {
          const file = new Blob(['x'.repeat(100_000)]);
          const form = new FormData();
          form.set('file', file);
          const request = new Request('/upload', { method: 'POST', body: 'y'.repeat(5000) });
          const sent =
            kind === 'request' ? auth.fetch(request) : auth.fetch('/upload', { method: 'POST', body: kind === 'file' ? file : form });
          return ((await (await sent).json()) as { bytes: number }).bytes;
        }, kind);
      };
      expect([await size('file'), await size('request')]).toEqual([100_000, 5000]);
      expect(await size('form')).toBeGreaterThan(100_000);
      expect([site.count('/upload', 401), site.count('/upload', 200)]).toEqual([3, 3]);
    });

    test('hands over streams as they come, both ways, and stops waiting when told', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      const chunks = await page.evaluate(async () => {
        const reader = (await auth.fetch('/stream')).body!.getReader();
        let count = 0;
        while (!(await reader.read()).done) count += 1;
        return count;
      });
      expect(chunks).toBeGreaterThan(3);

      site.weather = (request, _response, next) => {
        if (request.path !== '/api/auth/refresh') next();
      };
      await pause(2500);
      const given = await page.evaluate(async () => {
        const startedAt = performance.now();
        const error = await auth.fetch('/hello', { signal: AbortSignal.timeout(300) }).catch((error: unknown) => error);
        return [(error as Error).name, performance.now() - startedAt < 1500];
      });
      expect(given).toEqual(['TimeoutError', true]);
    });

    test('is signed out by no broken network, no 409, no 429 and no 5xx', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      let trouble = 0;
      site.weather = (request, response, next) => {
        if (request.path !== '/api/auth/refresh' || trouble === 4) {
          next();
          return;
        }
        trouble += 1;
        if (trouble === 1) return void request.socket.destroy();
        const [status, code] = (
          [
            [409, 'refresh_superseded'],
            [429, 'too_many_attempts'],
            [503, 'store_unavailable'],
          ] as const
        )[trouble - 2]!;
        response.status(status).set('retry-after', '1').type('application/problem+json').send({ status, code, title: 'Later.' });
      };
      await pause(2500);
      expect(await hello(page)).toBe(200);
      expect([trouble, await status(page), await page.evaluate(() => seen.includes('guest'))]).toEqual([4, 'authenticated', false]);
    });

    test('loses the answer of a refresh that the server has carried out, and goes on', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      let isLost = false;
      site.weather = (request, response, next) => {
        if (request.path !== '/api/auth/refresh' || isLost) {
          next();
          return;
        }
        isLost = true;
        // All is done, and then the cable is cut.
        response.end = () => request.socket.destroy() as never;
        next();
      };
      await pause(2500);
      expect([await hello(page), isLost, await status(page)]).toEqual([200, true, 'authenticated']);
    });

    test('learns from the server that the session was ended, and says so once', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      const user = await site.auth.users.find({ username: 'ada' });
      await site.auth.sessions.endAll(user!.id);
      expect([await hello(page), await status(page)]).toEqual([401, 'guest']);
      await page.reload();
      await page.waitForFunction(() => globalThis.isReady);
      expect(await page.evaluate(() => firstState.status)).toBe('guest');
    });

    test('refreshes by itself while somebody is there, and not while nobody is', async () => {
      await startSite(life);
      const page = await open();
      await logIn(page);
      await pause(4000);
      expect(site.count('/api/auth/refresh')).toBe(0);
      for (let second = 0; second < 5; second += 1) {
        await page.mouse.click(5, 5);
        await pause(1000);
      }
      expect(site.count('/api/auth/refresh')).toBeGreaterThan(1);
      site.answers.length = 0;
      expect([await hello(page), site.answers.length]).toEqual([200, 1]);
    });
  });
});
