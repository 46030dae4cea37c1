/** The pages that links in mails open, in a real browser; and a mail scanner that was there first. */
import { mkdir } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Inbox, linkIn, tokenIn } from '../support/inbox.js';
import { freePort } from '../support/free-port.js';
import { startApp, type TestApp } from '../support/start-app.js';
import { hasChromium, launchChromium } from './chromium.js';

describe.skipIf(!hasChromium())('a page that a link in a mail opens', () => {
  let browser: Browser;
  let app: TestApp;
  const inbox = new Inbox();
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    const port = await freePort();
    app = await startApp({ inbox, port, publicUrl: `http://localhost:${port}` });
  });
  afterAll(async () => {
    await browser.close();
    await app.stop();
  });

  async function open(link: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const page = await browser.newPage({ colorScheme });
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(link);
    return page;
  }

  const said = (page: Page): Promise<string> => page.getByRole('status').innerText();

  /** For whoever wants to see them: `SCREENSHOTS=folder`. */
  async function show(page: Page, name: string): Promise<void> {
    const folder = process.env['SCREENSHOTS'];
    if (folder === undefined) return;
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: `${folder}/${name}.png` });
  }

  test('sets a new password, after a scanner has opened the link, and takes the token out of the address', async () => {
    const user = await app.createUser();
    await app.client().post('/api/auth/password/forgot', { email: user.email });
    const mail = await inbox.next(user.email, 1);
    const link = linkIn(mail);
    for (const method of ['HEAD', 'GET', 'GET']) expect((await fetch(link, { method })).status).toBe(200);
    const scanner = await open(link);
    await scanner.waitForTimeout(300);
    await scanner.close();

    const page = await open(link);
    expect(page.url()).toBe(link.split('#')[0]);
    await show(page, 'reset-light');
    await page.getByLabel('New password').fill('short');
    await page.getByRole('button').click();
    expect(await page.getByLabel('New password').evaluate((input: HTMLInputElement) => input.validity.valid)).toBe(false);
    await page.getByLabel('New password').fill('aaaaaaaaaaaaaaa');
    await page.getByRole('button').click();
    await page.locator('#status.error').waitFor();
    expect(await said(page)).toMatch(/\w/);
    await page.getByLabel('New password').fill('seven purple lanterns drift');
    await page.getByRole('button').click();
    await page.locator('#status.done').waitFor();
    expect(await said(page)).toContain('Your password is set.');
    await show(page, 'reset-done');
    expect((await app.client().login(user, { password: 'seven purple lanterns drift' })).status).toBe(200);

    const again = await open(link);
    await again.getByLabel('New password').fill('seven purple lanterns drift');
    await again.getByRole('button').click();
    await again.locator('#status.error').waitFor();
    expect(await said(again)).toBe('This link or code was used before.');
  });

  test('confirms an address by one press, and says in words what is wrong with a link', async () => {
    const user = await app.signedIn({ emailVerified: false });
    await user.post('/api/auth/email/verification');
    const link = linkIn(await inbox.next(user.user!.email, 1));
    const broken = await open(link.slice(0, -1));
    await broken.getByRole('button').click();
    await broken.locator('#status.error').waitFor();
    expect(await said(broken)).toBe('This link or code is not valid.');
    const without = await open(link.split('#')[0]!);
    expect(await said(without)).toContain('not complete');
    expect(await without.getByRole('button').count()).toBe(0);
    const page = await open(link, 'dark');
    await show(page, 'verify-dark');
    await page.getByRole('button', { name: 'Confirm address' }).click();
    await page.locator('#status.done').waitFor();
    expect((await app.auth.users.find({ id: user.userId }))?.emailVerified).toBe(true);
  });

  test('ends all sessions when it was somebody else', async () => {
    const user = await app.signedIn();
    await user.signInAgain('/auth/password', { currentPassword: user.user!.password, newPassword: 'nine quiet rivers of glass' });
    const mail = await inbox.find(user.user!.email, /password .* was changed/);
    const page = await open(linkIn(mail));
    await show(page, 'not-me');
    await page.getByRole('button', { name: 'Sign out all devices' }).click();
    await page.locator('#status.done').waitFor();
    expect((await user.get('/hello')).outcome).toBe('401 session_revoked');
    await inbox.find(user.user!.email, /Set a new password/);
  });

  test('runs nothing but its own script, and hands its address to nobody', async () => {
    const answer = await fetch(`${app.publicUrl}/api/auth/not-me`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[\w+/=]+';/);
    expect(policy).not.toContain('unsafe');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const page = await open(`${app.publicUrl}/api/auth/email/verify#token=<img src=x onerror=alert(1)>`);
    await page.getByRole('button').click();
    await page.locator('#status.error').waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  test('all of this without an error in the console but those of refused requests', () => {
    expect(problems.filter((text) => !text.includes('Failed to load resource'))).toEqual([]);
    expect(tokenIn({ text: app.logText })).toBe('');
  });
});
