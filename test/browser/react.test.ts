/** `countersign/react` in real Chromium, rendered on the server by Express as the guide shows: no flash, no hydration warning, strict mode. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, type SerializedState } from 'countersign/client';
import { AuthProvider } from 'countersign/react';
import type { Request, Response } from 'express';
import type { Browser, BrowserContext, Page as Tab } from 'playwright-core';
import { createElement as h, StrictMode } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bundle } from './bundle.js';
import { hasChromium, launchChromium } from './chromium.js';
import { openPage } from './open-page.js';
import { Page } from './react-page.js';
import { password, Site } from './site.js';

describe.skipIf(!hasChromium())('a page of React', () => {
  let browser: Browser;
  let context: BrowserContext;
  let site: Site;
  let script: string;
  let printed: string[];

  beforeAll(async () => {
    [browser, script] = await Promise.all([launchChromium(), bundle(join(import.meta.dirname, 'react-entry.ts'))]);
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    site = await Site.start({ tokens: { accessTtl: '2s' } }, {}, undefined, 0, (app) => {
      app.get('/page.js', (_request, response) => void response.type('js').send(script));
      app.get('/page', (request, response, next) => void render(request, response).catch(next));
    });
    await site.createUser('ada');
    context = await browser.newContext();
    printed = [];
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) printed.push(message.text());
    });
    context.on('weberror', (error) => printed.push(error.error().message));
  });
  afterEach(async () => {
    await context.close();
    await site.close();
  });

  /** A module may make its client on a server, too; there it knows of nobody. */
  const clientOfServer = createClient();

  async function render(request: Request, response: Response): Promise<void> {
    const { principal, headers } = await site.auth.continueSession(request);
    for (const [name, value] of headers) response.append(name, value);
    const initialState: SerializedState =
      principal === null
        ? { status: 'guest' }
        : { status: 'authenticated', user: await site.auth.users.get(principal.userId), expiresAt: principal.expiresAt };
    const html = renderToString(h(StrictMode, null, h(AuthProvider, { client: clientOfServer, initialState }, h(Page))));
    const json = JSON.stringify(initialState).replaceAll('<', '\\u003c');
    response.set('cache-control', 'no-store').type('html').send(`<!doctype html><title>Page</title><link rel="icon" href="data:,">
<div id="root">${html}</div><script type="application/json" id="session">${json}</script><script type="module" src="/page.js"></script>`);
  }

  const open = () => openPage(context, `${site.origin}/page`);
  const texts = (tab: Tab) => tab.evaluate(() => seen);
  async function signIn(tab: Tab, word = password): Promise<void> {
    await tab.getByLabel('User name').fill('ada');
    await tab.getByLabel('Password').fill(word);
    await tab.getByRole('button', { name: 'Sign in' }).click();
  }

  test('greets a guest, shows a refusal, signs in, hides what is not for him, and signs out', async () => {
    const tab = await open();
    await signIn(tab, 'wrong');
    await tab.getByText('The user name or password is wrong.').waitFor();
    await signIn(tab);
    await tab.getByText('Hello, ada').waitFor();
    expect([
      await tab.locator('#roles').textContent(),
      await tab.locator('#forbidden').count(),
      await tab.locator('#secret').count(),
    ]).toEqual(['user', 1, 0]);
    await tab.getByRole('button', { name: 'Sign out' }).click();
    await tab.getByText('You are guest').waitFor();
    expect(await texts(tab)).toEqual(['You are guest', 'Hello, ada', 'You are guest']);
    expect(printed.filter((text) => !text.includes('401'))).toEqual([]);
  });

  test('is signed in from the first byte, although the access token is over, and nothing flickers', async () => {
    const tab = await open();
    await signIn(tab);
    await tab.getByText('Hello, ada').waitFor();
    await pause(2500);
    const answer = await tab.reload();
    expect(await answer!.text()).toContain('<h1>Hello, ada</h1>');
    await tab.waitForFunction(() => globalThis.isReady);
    await pause(300);
    expect(await texts(tab)).toEqual(['Hello, ada']);
    expect(printed).toEqual([]);
    // The client need not ask who it is.
    expect(site.count('/api/auth/session')).toBe(0);
  });

  test('shows another user nothing of what its components kept, and keeps it through refreshes', async () => {
    await site.createUser('bob');
    const [one, other] = [await open(), await open()];
    await signIn(one);
    await other.getByText('Hello, ada').waitFor();
    const made = () => one.locator('#roles').getAttribute('data-made');
    const before = await made();
    await pause(2500);
    expect([await one.evaluate(async () => (await auth.fetch('/hello')).status), await made()]).toEqual([200, before]);
    await other.evaluate((password) => auth.login({ identifier: 'bob', password }), password);
    await one.getByText('Hello, bob').waitFor();
    expect(await made()).not.toBe(before);
  });

  test('that is loaded again and again beside a tab that refreshes logs nobody out', async () => {
    const [one, other] = [await open(), await open()];
    await signIn(one);
    await other.getByText('Hello, ada').waitFor();
    const busy = other.evaluate(async () => {
      const statuses = new Set<number>();
      for (let round = 0; round < 60; round += 1) {
        statuses.add((await auth.fetch('/hello')).status);
        await new Promise((done) => setTimeout(done, 100));
      }
      return [...statuses];
    });
    for (let round = 0; round < 12; round += 1) {
      const answer = await one.reload();
      expect(await answer!.text()).toContain('<h1>Hello, ada</h1>');
      await pause(400);
    }
    expect(await busy).toEqual([200]);
    expect(await texts(other)).toEqual(['You are guest', 'Hello, ada']);
  });
});
