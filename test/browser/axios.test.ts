/** axios by `auth.fetch`: refreshed, repeated and protected as everything else. */
import type { AxiosInstance } from 'axios';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from './bundle.js';
import { hasChromium, launchChromium } from './chromium.js';
import { openPage } from './open-page.js';
import { password, Site } from './site.js';

declare global {
  var api: AxiosInstance;
}

describe.skipIf(!hasChromium())('axios', () => {
  let browser: Browser;
  let site: Site;

  beforeAll(async () => {
    const script = await bundle(join(import.meta.dirname, 'axios-entry.ts'));
    browser = await launchChromium();
    site = await Site.start({ tokens: { accessTtl: '2s' } }, {}, undefined, 0, (app) => {
      app.get('/page.js', (_request, response) => void response.type('js').send(script));
      app.get(
        '/page',
        (_request, response) => void response.send('<!doctype html><title>axios</title><script type="module" src="/page.js"></script>'),
      );
    });
    await site.createUser('ada');
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  test('reads, sends with the CSRF token, goes on after the end of a token, and tells refusals in its own way', async () => {
    const page = await openPage(await browser.newContext(), `${site.origin}/page`);
    const status = () =>
      page.evaluate(() =>
        api.get('/hello').then(
          ({ status }) => status,
          (error: unknown) => (error as { response?: { status: number } }).response?.status,
        ),
      );
    expect(await status()).toBe(401);
    await page.evaluate((password) => auth.login({ identifier: 'ada', password }), password);
    await page.reload();
    await page.waitForFunction(() => globalThis.isReady);
    await pause(2500);
    expect(await page.evaluate(async () => (await api.post<{ bytes: number }>('/upload', { some: 'json' })).data.bytes)).toBe(15);
    expect([await status(), site.count('/upload', 401), site.count('/api/auth/refresh')]).toEqual([200, 1, 1]);
  });
});
