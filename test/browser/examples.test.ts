/** The examples with a page, as a person uses them in real Chromium. With `SCREENSHOTS=folder` it leaves pictures of them there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { root } from '../docs/markdown.js';
import { typeProblems } from '../docs/type-check.js';
import { hasChromium, launchChromium } from './chromium.js';
import { faultsOf } from './page-faults.js';
import { servedExamples, type Served } from './served-examples.js';

const password = 'correct horse battery staple';

test('the examples look alike', () => {
  const styleOf = (path: string) => readFileSync(join(root, 'examples', path), 'utf8');
  expect(styleOf('vanilla/public/style.css')).toBe(styleOf('react-spa/src/style.css'));
});

test('the server of the HTML file type-checks', { timeout: 60_000 }, () => {
  expect(typeProblems([], [join(root, 'examples/vanilla/server.js')])).toEqual([]);
});

describe.skipIf(!hasChromium()).each(servedExamples)('the example: %s', (name, serve) => {
  let served: Served;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    [served, browser] = await Promise.all([serve(), launchChromium()]);
  });
  afterAll(async () => {
    await browser.close();
    await served.close();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.on('weberror', (error) => faults.push(error.error().message));
    page = await open(context);
  });
  afterEach(async () => {
    await context.close();
    expect(faults.splice(0)).toEqual([]);
  });

  async function open(where: BrowserContext): Promise<Page> {
    const opened = await where.newPage();
    opened.setDefaultTimeout(10_000);
    await opened.goto(served.origin);
    await heading(opened, 'Sign in');
    return opened;
  }
  const heading = (where: Page, title: string) => where.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  const field = (where: Page, label: string) => where.getByLabel(label, { exact: true }).filter({ visible: true });
  const click = (where: Page, button: string) => where.getByRole('button', { name: button, exact: true }).click();
  const alert = (text: string) => page.getByRole('alert').getByText(text).waitFor();
  const status = (text: string) => page.getByRole('status').getByText(text).waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.getAttribute('name'));

  async function fill(where: Page, fields: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, text] of Object.entries(fields)) await field(where, label).fill(text);
  }
  async function goTo(where: Page, title: string): Promise<void> {
    await where.getByRole('link', { name: title, exact: true }).click();
    await heading(where, title);
  }
  async function register(username: string): Promise<void> {
    await page.getByRole('link', { name: 'Create an account' }).click();
    await heading(page, 'Create an account');
    await fill(page, { 'User name': username, Password: password });
    await click(page, 'Create account');
    await heading(page, 'Profile');
  }
  async function signIn(where: Page, username: string, with_ = password): Promise<void> {
    await fill(where, { 'User name': username, Password: with_ });
    await click(where, 'Sign in');
  }

  test('walks through an account, on two devices', async () => {
    await register('ada');
    await click(page, 'Sign out');
    await heading(page, 'Sign in');

    await signIn(page, 'ada', 'wrong');
    await alert('The user name or password is wrong.');
    expect(await field(page, 'User name').inputValue()).toBe('ada');
    await signIn(page, 'ada');
    await heading(page, 'Profile');
    expect(await focused()).toBe('Profile');

    await fill(page, { Name: 'Ada Lovelace' });
    await click(page, 'Save');
    await status('Saved.');
    await page.getByRole('banner').getByText('Ada Lovelace').waitFor();

    const elsewhere = await browser.newContext();
    const other = await open(elsewhere);
    await signIn(other, 'ada');
    await heading(other, 'Profile');
    await expect.poll(() => field(other, 'Name').inputValue()).toBe('Ada Lovelace');

    await goTo(page, 'Devices');
    await expect.poll(() => page.getByRole('listitem').count()).toBe(2);
    await page.getByRole('listitem').getByRole('button').click();
    await status('Signed out.');
    await expect.poll(() => page.getByRole('listitem').count()).toBe(1);
    await other.reload();
    await heading(other, 'Sign in');
    await page.reload();
    await heading(page, 'Devices');
    await page.getByRole('banner').getByText('Ada Lovelace').waitFor();

    await signIn(other, 'ada');
    await heading(other, 'Profile');
    await click(page, 'Sign out everywhere');
    await heading(page, 'Sign in');
    await goToGuests(other);

    await signIn(page, 'ada');
    // Where one wanted to be.
    await heading(page, 'Devices');
    await click(page, 'Sign out');
    await heading(page, 'Sign in');
    await page.reload();
    await heading(page, 'Sign in');
    expect(await context.cookies()).toEqual([]);
    await elsewhere.close();
  });

  /** A device whose session was ended notices it with its next request. */
  async function goToGuests(where: Page): Promise<void> {
    await where.getByRole('link', { name: 'Devices', exact: true }).click();
    await heading(where, 'Sign in');
  }

  test('says what is refused, and at which field', async () => {
    await register('eve');
    await goTo(page, 'Password');
    await fill(page, { 'Current password': 'wrong', 'New password': 'another long password' });
    await click(page, 'Change password');
    await alert('This is not your password.');
    expect(await focused()).toBe('currentPassword');
    await fill(page, { 'Current password': password, 'New password': 'short' });
    await click(page, 'Change password');
    await field(page, 'New password').and(page.locator('[aria-invalid=true]')).waitFor();
    expect(await focused()).toBe('newPassword');
    expect(await page.locator('small.failed').textContent()).toContain('at least');
    await fill(page, { 'New password': 'another long password' });
    await click(page, 'Change password');
    await status('Your password is changed.');
    expect(await field(page, 'New password').inputValue()).toBe('');
    await click(page, 'Sign out');

    await page.getByRole('link', { name: 'Create an account' }).click();
    await heading(page, 'Create an account');
    await fill(page, { 'User name': 'eve', Password: password });
    await click(page, 'Create account');
    await alert('This user name is taken.');
  });

  test('tells when the network is broken, and loses nothing', async () => {
    await register('grace');
    await context.setOffline(true);
    await fill(page, { Name: 'Grace Hopper' });
    await click(page, 'Save');
    await alert('The server cannot be reached. Nothing is lost: try again.');
    await click(page, 'Sign out');
    await page.getByRole('alert').getByText('cannot be reached').first().waitFor();
    await context.setOffline(false);
    expect(await field(page, 'Name').inputValue()).toBe('Grace Hopper');
    await click(page, 'Save');
    await status('Saved.');
  });

  test('can be read and used by everybody, on a phone and on a desk, by day and by night', async () => {
    const username = `somebody-with-a-name-as-long-as-it-may-be-${name.length}`.padEnd(64, '-and-longer');
    const everywhere = async (label: string) => {
      for (const [device, size] of Object.entries({ phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } })) {
        await page.setViewportSize(size);
        for (const colorScheme of ['dark', 'light'] as const) {
          await page.emulateMedia({ colorScheme });
          expect(await faultsOf(page), `${label} on ${device}, ${colorScheme}`).toEqual([]);
          const folder = process.env['SCREENSHOTS'];
          if (folder !== undefined)
            await page.screenshot({ path: join(folder, `${name}, ${label}, ${device}, ${colorScheme}.png`), fullPage: true });
        }
      }
    };
    await signIn(page, username, 'wrong');
    await alert('wrong');
    await everywhere('refused');
    await page.getByRole('link', { name: 'Create an account' }).click();
    await heading(page, 'Create an account');
    await fill(page, { 'User name': username, Password: 'short' });
    await click(page, 'Create account');
    await page.locator('small.failed').waitFor();
    await everywhere('register');
    await fill(page, { Password: password });
    await click(page, 'Create account');
    await heading(page, 'Profile');
    await click(page, 'Save');
    await status('Saved.');
    await everywhere('profile');
    const elsewhere = await browser.newContext();
    const other = await open(elsewhere);
    await signIn(other, username);
    await heading(other, 'Profile');
    await goTo(page, 'Devices');
    await expect.poll(() => page.getByRole('listitem').count()).toBe(2);
    await everywhere('devices');
    await goTo(page, 'Password');
    await everywhere('password');
    await elsewhere.close();
  });
});
