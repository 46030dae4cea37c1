/** What the browser client does with mails: forgotten passwords, and addresses that are confirmed and changed. */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Inbox, codeIn, tokenIn } from '../support/inbox.js';
import { hasChromium, launchChromium } from './chromium.js';
import { openPage } from './open-page.js';
import { password, Site } from './site.js';

describe.skipIf(!hasChromium())('a page', () => {
  const email = 'ada@example.com';
  const newPassword = 'seven other long words';
  let browser: Browser;
  let context: BrowserContext;
  let site: Site;
  let inbox: Inbox;
  let lateMilliseconds: number;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    context = await browser.newContext();
    inbox = new Inbox();
    lateMilliseconds = 0;
    site = await Site.start({ sendMail: inbox.send, clock: { now: () => Date.now() + lateMilliseconds } });
    await site.auth.users.create({ username: 'ada', email, password });
  });
  afterEach(async () => {
    await context.close();
    await site.close();
  });

  const open = () => openPage(context, site.origin);
  async function openSignedIn() {
    const page = await open();
    expect(await page.evaluate((input) => auth.login(input), { identifier: 'ada', password })).toMatchObject({ ok: true });
    return page;
  }

  test('has a forgotten password set anew, once, and whoever was signed in there is a guest', async () => {
    const page = await openSignedIn();
    const forgot = (address: string) => page.evaluate((to) => auth.forgotPassword({ email: to }), address);
    const told = await forgot(email);
    expect(told).toMatchObject({ ok: true, value: { message: expect.stringContaining('mail') as string } });
    expect(await forgot('nobody@example.com')).toEqual(told);
    const token = tokenIn(await inbox.next(email, 1));
    const reset = (wanted: string) => page.evaluate((input) => auth.resetPassword(input), { token, newPassword: wanted });
    expect(await reset('short')).toMatchObject({ ok: false, code: 'invalid_request', errors: [{ path: 'newPassword' }] });
    expect(await page.evaluate(() => auth.state.status)).toBe('authenticated');
    expect(await reset(newPassword)).toMatchObject({ ok: true });
    expect(await page.evaluate(() => auth.state.status)).toBe('guest');
    expect(await reset(newPassword)).toMatchObject({ ok: false, code: 'one_time_token_used' });
    const login = await page.evaluate((input) => auth.login(input), { identifier: email, password: newPassword });
    expect(login).toMatchObject({ ok: true, value: { user: { emailVerified: true } } });
  });

  test('confirms an address by the code of the mail, and knows it at once', async () => {
    const page = await open();
    const bob = { username: 'bob', email: 'bob@example.com', password };
    expect(await page.evaluate((input) => auth.register(input), bob)).toMatchObject({
      ok: true,
      value: { user: { emailVerified: false } },
    });
    expect(await page.evaluate((input) => auth.login(input), { identifier: 'bob', password })).toMatchObject({ ok: true });
    expect(await page.evaluate(() => auth.sendVerification())).toMatchObject({ ok: true });
    const code = codeIn(await inbox.next(bob.email, 2));
    const wrong = await page.evaluate((input) => auth.verifyEmail(input), { code: code === '000000' ? '000001' : '000000' });
    expect(wrong).toMatchObject({ ok: false });
    expect(await page.evaluate(() => auth.state)).toMatchObject({ user: { emailVerified: false } });
    expect(await page.evaluate((input) => auth.verifyEmail(input), { code })).toMatchObject({ ok: true });
    expect(await page.evaluate(() => auth.state)).toMatchObject({ user: { emailVerified: true } });
  });

  test('changes an address by the link of the mail, once the user has proved again who he is', async () => {
    const page = await openSignedIn();
    lateMilliseconds = 11 * 60_000;
    const change = () => page.evaluate(() => auth.changeEmail({ newEmail: 'ada@elsewhere.example' }));
    expect(await change()).toMatchObject({ ok: false, code: 'step_up_required' });
    expect(await page.evaluate((input) => auth.reauthenticate(input), { password })).toMatchObject({ ok: true });
    expect(await change()).toMatchObject({ ok: true });
    const token = tokenIn(await inbox.next('ada@elsewhere.example', 1));
    const other = await openPage(await browser.newContext(), site.origin);
    expect(await other.evaluate((input) => auth.verifyEmail(input), { token })).toMatchObject({ ok: true });
    expect(await other.evaluate(() => auth.state.status)).toBe('guest');
    await other.context().close();
    const { items } = await site.auth.users.list({ q: 'ada@elsewhere.example' });
    expect(items).toMatchObject([{ username: 'ada', emailVerified: true }]);
  });
});
