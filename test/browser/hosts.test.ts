/** Pages and servers on hosts as they are in life: the three topologies of the guide, and pages of strangers. Real Chromium, https, real host names. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasChromium, launchChromium } from './chromium.js';
import { openPage } from './open-page.js';
import { password, Site } from './site.js';

describe.skipIf(!hasChromium())('in a browser', () => {
  let browser: Browser;
  let context: BrowserContext;
  let site: Site;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(async () => {
    await context.close();
    await site.close();
  });

  const logIn = (page: Page) => page.evaluate((password) => auth.login({ identifier: 'ada', password }), password);
  const get = (page: Page, path = '/hello') => page.evaluate(async (path) => (await auth.fetch(path)).status, path);
  const post = (page: Page, path = '/upload') =>
    page.evaluate(async (path) => (await auth.fetch(path, { method: 'POST', body: 'x' })).status, path);
  const username = (page: Page) =>
    page.evaluate(() => (auth.state.status === 'authenticated' ? (auth.state.user?.username ?? null) : auth.state.status));
  const cookies = async () => (await context.cookies()).map(({ name }) => name).sort();

  describe('a page on the host of its server', () => {
    beforeEach(async () => {
      site = await Site.start({}, {}, 'app.example.test');
      await site.createUser('ada');
    });

    test('is not misled by cookies that a neighbour plants, signed in or not', async () => {
      const neighbour = await context.newPage();
      await neighbour.goto(site.at('evil.example.test'));
      const plant = () =>
        neighbour.evaluate(() => {
          const state = btoa(JSON.stringify({ v: 1, exp: 4_000_000_000, csrf: 'planted' }));
          for (const name of [
            'cs-state',
            'cs-access',
            'cs-refresh',
            '__Host-cs-state',
            '__Host-cs-access',
            '__Host-cs-refresh',
            '__Secure-cs-access',
          ])
            document.cookie = `${name}=${state}; Domain=example.test; Path=/; Secure`;
        });
      await plant();
      const page = await openPage(context, site.origin);
      expect([await page.evaluate(() => firstState.status), await get(page)]).toEqual(['guest', 401]);
      await logIn(page);
      await plant();
      await page.reload();
      await page.waitForFunction(() => globalThis.isReady);
      await expect.poll(() => username(page)).toBe('ada');
      expect([await get(page), await post(page)]).toEqual([200, 200]);
      expect(await cookies()).toEqual(
        expect.arrayContaining(['__Host-cs-access', '__Host-cs-refresh', '__Host-cs-state', 'cs-access', 'cs-state']),
      );
    });

    test.each(['elsewhere.test', 'evil.example.test'])('is safe from a page on %s', async (host) => {
      const page = await openPage(context, site.origin);
      await logIn(page);
      const foreign = await context.newPage();
      await foreign.goto(site.at(host));
      const outcomes = await foreign.evaluate(async (origin) => {
        const attempt = async (path: string, init: RequestInit): Promise<string> => {
          const response = await fetch(origin + path, { credentials: 'include', ...init }).catch(() => null);
          return response === null ? 'refused' : `${response.type} ${response.status}`;
        };
        const json = { headers: { 'content-type': 'application/json' } };
        return [
          await attempt('/hello', {}),
          await attempt('/api/auth/session', {}),
          await attempt('/upload', { method: 'POST', body: 'x' }),
          await attempt('/api/auth/refresh', { method: 'POST' }),
          await attempt('/api/auth/logout', { method: 'POST', body: '{}', ...json }),
          await attempt('/api/auth/logout', { method: 'POST', mode: 'no-cors' }),
          await attempt('/upload', { method: 'POST', mode: 'no-cors', body: 'x' }),
          await attempt('/api/users/me', { method: 'DELETE' }),
        ];
      }, site.origin);
      expect(new Set(outcomes)).toEqual(new Set(['refused']));
      // And a form that sends itself, for which no script is asked.
      await foreign.evaluate((origin) => {
        document.body.innerHTML = `<form method="post" action="${origin}/api/auth/logout"></form>`;
        document.forms[0]!.submit();
      }, site.origin);
      await foreign.waitForURL(`${site.origin}/**`);
      expect(await foreign.textContent('body')).toContain('origin_not_allowed');
      expect([site.count('/upload', 200), site.count('/api/auth/refresh', 200), site.count('/api/auth/logout', 200)]).toEqual([0, 0, 0]);
      expect([await get(page), await username(page)]).toEqual([200, 'ada']);
    });
  });

  const topologies = [
    ['a neighbour of its server', 'app.example.test', {}],
    ['another site than its server', 'www.shop.test', { cookies: { topology: 'cross-site' } }],
  ] as const;

  describe.each(topologies)('a page that is %s', (_, host, options) => {
    test.each(['cookie', 'memory'] as const)(
      'signs in, is known after a reload and in a second tab, and signs out: %s mode',
      async (delivery) => {
        const server = 'api.example.test';
        const client = (origin: string) => ({ baseUrl: origin, delivery });
        // The port is known only when the server listens; any page of that host will do.
        site = await startFor(server, host, options);
        await site.createUser('ada');
        const url = site.at(host, client(site.origin));
        const page = await openPage(context, url);
        expect(await page.evaluate(() => firstState.status)).toBe('loading');
        await expect.poll(() => username(page)).toBe('guest');
        expect(await logIn(page)).toMatchObject({ ok: true });
        expect([await get(page), await post(page)]).toEqual([200, 200]);
        await page.reload();
        await page.waitForFunction(() => globalThis.isReady);
        await expect.poll(() => username(page)).toBe('ada');
        const second = await openPage(context, url);
        await expect.poll(() => username(second)).toBe('ada');
        expect([await post(page), await post(second)]).toEqual([200, 200]);
        expect(await second.evaluate(() => auth.logout())).toMatchObject({ ok: true });
        await expect.poll(() => username(page), { timeout: 1000 }).toBe('guest');
        expect([await get(page), await cookies()]).toEqual([401, []]);
      },
    );
  });

  test('a page in memory mode shows its token to the APIs that it names, and to no other', async () => {
    site = await startFor('app.example.test', 'app.example.test', {});
    await site.createUser('ada');
    const api = site.at('orders.example.test').slice(0, -1);
    const page = await openPage(context, site.at('app.example.test', { delivery: 'memory', apiOrigins: [api] }));
    await logIn(page);
    expect([await get(page, `${api}/hello`), await post(page, `${api}/upload`)]).toEqual([200, 200]);
    expect(await cookies()).toEqual(['__Host-cs-refresh', '__Host-cs-state']);
    await expect(get(page, site.at('other.example.test'))).rejects.toThrow('apiOrigins');
    // What this mode gives up: a script that gets into the page can use the session, and take the access token with it.
    const stolen = await page.evaluate(async () => {
      const original = window.fetch;
      let seen: string | null = null;
      window.fetch = (input, init) => {
        seen = new Headers(init?.headers).get('authorization');
        return original(input, init);
      };
      await auth.fetch('/hello');
      return seen;
    });
    expect(stolen).toMatch(/^Bearer /);
  });

  /** The page's origin has the port of the server, which must be known before the server trusts it. */
  async function startFor(server: string, host: string, options: object): Promise<Site> {
    const probe = await Site.start({}, {}, server);
    const { port } = new URL(probe.origin);
    await probe.close();
    return Site.start({ trustedOrigins: [`https://${host}:${port}`], ...options }, {}, server, Number(port));
  }
});
