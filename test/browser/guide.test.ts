/** What docs/guide/front-end.md prints, run as printed: the page without a build step, and the one of React. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import express from 'express';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fileOf, root } from '../docs/markdown.js';
import { bundle } from './bundle.js';
import { hasChromium, launchChromium } from './chromium.js';
import { password, Site } from './site.js';

const page = 'docs/guide/front-end.md';

describe.skipIf(!hasChromium())('the guide', () => {
  let browser: Browser;
  let site: Site;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  afterEach(() => site.close());

  const serve = async (more: (app: express.Express) => void) => {
    site = await Site.start({}, {}, undefined, 0, more);
    await site.createUser('ada');
  };

  async function walkThrough({ tells = true } = {}): Promise<void> {
    const tab = await browser.newPage();
    const printed: string[] = [];
    tab.on('console', (message) => {
      if (message.type() === 'error') printed.push(message.text());
    });
    await tab.goto(`${site.origin}/page/`);
    const signIn = tab.getByRole('button', { name: 'Sign in' });
    await signIn.waitFor();
    expect(printed).toEqual([]);
    await tab.getByLabel('User name').fill('ada');
    await tab.getByLabel('Password').fill('wrong password');
    await signIn.click();
    await tab.getByText('The user name or password is wrong.').waitFor();
    // React empties a form after its action.
    await tab.getByLabel('User name').fill('ada');
    await tab.getByLabel('Password').fill(password);
    await signIn.click();
    await tab.getByText('Hello, ada').waitFor();
    await tab.reload();
    await tab.getByText('Hello, ada').waitFor();
    await tab.getByRole('button', { name: 'Sign out' }).click();
    await signIn.waitFor();
    expect(await tab.getByText('Hello, ada').isVisible()).toBe(false);
    // Nothing is left of who was here, and a broken network is told.
    expect(await tab.getByLabel('Password').inputValue()).toBe('');
    if (!tells) return tab.close();
    await tab.context().setOffline(true);
    await tab.getByLabel('User name').fill('ada');
    await tab.getByLabel('Password').fill(password);
    await signIn.click();
    await tab.getByText('The server cannot be reached.').waitFor();
    await tab.context().setOffline(false);
    await tab.getByLabel('User name').fill('ada');
    await tab.getByLabel('Password').fill(password);
    await signIn.click();
    await tab.getByText('Hello, ada').waitFor();
    await tab.context().setOffline(true);
    await tab.getByRole('button', { name: 'Sign out' }).click();
    await tab.getByText('You are still signed in.').waitFor();
    await tab.close();
  }

  test('has a page without a build step that works', async () => {
    await serve((app) => {
      app.use('/countersign', express.static(join(root, 'dist')));
      app.get('/page/', (_request, response) => void response.type('html').send(fileOf(page, 'index.html')));
    });
    await walkThrough();
  });

  /** Bundles files of which `main.tsx` is the first. */
  async function serveBundled(files: Readonly<Record<string, string>>): Promise<void> {
    const folder = await mkdtemp(join(root, 'test/browser/guide-'));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      const script = await bundle(join(folder, 'main.tsx'));
      const html =
        '<!doctype html><title>App</title><link rel="icon" href="data:,"><body></body><script type="module" src="/page.js"></script>';
      await serve((app) => {
        app.get('/page.js', (_request, response) => void response.type('js').send(script));
        app.get('/page/', (_request, response) => void response.type('html').send(html));
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  test('has an application of React that works', async () => {
    const main = `import { createRoot } from 'react-dom/client';\nimport { App } from './app';\ncreateRoot(document.body).render(<App />);\n`;
    await serveBundled({ 'app.tsx': fileOf(page, 'app.tsx'), 'main.tsx': main });
    await walkThrough();
  });

  test('has a composable for Vue that works', async () => {
    const main = `import { createApp, h } from 'vue';
import { auth } from './auth';
import { useSession } from './use-session';
const field = (label, name) => h('label', [label, h('input', { name })]);
async function signIn(event) {
  event.preventDefault();
  const result = await auth.login(Object.fromEntries(new FormData(event.target)));
  if (!result.ok) document.querySelector('[role=alert]').textContent = result.message;
}
createApp({
  setup() {
    const session = useSession();
    return () => session.value.status === 'authenticated'
      ? h('p', ['Hello, ' + session.value.user?.username, h('button', { onClick: auth.logout }, 'Sign out')])
      : h('form', { onSubmit: signIn }, [field('User name', 'identifier'), field('Password', 'password'), h('button', 'Sign in'), h('p', { role: 'alert' })]);
  },
}).mount(document.body);
`;
    const composable = `import { auth } from './auth';\n${fileOf(page, 'use-session.ts')}`;
    await serveBundled({ 'auth.ts': fileOf(page, 'auth.ts'), 'use-session.ts': composable, 'main.tsx': main });
    await walkThrough({ tells: false });
  });
});
