/** The browser client in real Chromium: nobody at the page notices tokens. */
import { setTimeout as pause } from 'node:timers/promises';
import type { AuthClient } from 'countersign/client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasChromium, launchChromium } from './chromium.js';
import { password, Site } from './site.js';

declare global {
  // eslint-disable-next-line no-var -- what the page puts on its window
  var auth: AuthClient, firstState: AuthClient['state'], seen: string[], isReady: boolean;
}

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

  async function open(url = site.origin): Promise<Page> {
    const page = await context.newPage();
    await page.goto(url);
    await page.waitForFunction(() => globalThis.isReady);
    return page;
  }

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
});
