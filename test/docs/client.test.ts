/** The client that the guide on sessions prints keeps a page signed in: run as printed, in a page that is made of a cookie jar and `fetch`. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import express from 'express';
import { createAuth, developmentSecret, type Auth } from 'countersign';
import { expressAuth } from 'countersign/express';
import { sqlite } from 'countersign/sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Browser } from './browser.js';
import { fileOf } from './markdown.js';

type Api = (path: string, init?: RequestInit) => Promise<Response>;
type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

const password = 'correct horse battery';
let folder: string;
let auth: Auth;
let server: Server;
let origin: string;
/** Requests that met the server, as `POST /api/auth/refresh`. */
let seen: string[];
/** Answers in the server's place; true when it did. */
let instead: Answer;

interface Page {
  readonly document: { readonly cookie: string };
  readonly fetch: Api;
}
const worldOfPages = globalThis as { countersignPages?: Page[] };

class PageDocument {
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  get cookie(): string {
    return this.#browser.readableCookies;
  }
}

/** A page of its own, which has loaded the client. */
async function openPage(browser: Browser): Promise<Api> {
  const pages = (worldOfPages.countersignPages ??= []);
  const number = pages.push({ document: new PageDocument(browser), fetch: (path, init) => browser.fetch(path, init) }) - 1;
  const { outputText } = ts.transpileModule(fileOf('docs/guide/sessions-and-refresh.md', 'api.ts'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  });
  const file = join(folder, `page-${number}.mjs`);
  writeFileSync(file, `const { document, fetch } = globalThis.countersignPages[${number}];\n${outputText}`);
  return ((await import(/* @vite-ignore */ pathToFileURL(file).href)) as { api: Api }).api;
}

async function loggedIn(): Promise<Browser> {
  const browser = new Browser(origin);
  expect(await browser.send('POST', '/api/auth/login', { identifier: 'alice', password })).toMatchObject({ status: 200 });
  return browser;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-client-'));
  server = createServer().listen(0);
  await once(server, 'listening');
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  auth = await createAuth({
    publicUrl: origin,
    secret: developmentSecret(folder),
    store: sqlite(':memory:'),
    tokens: { accessTtl: '2s' },
  });
  await auth.users.create({ username: 'alice', password });
  const { routes, authenticated } = expressAuth(auth);
  const app = express();
  [seen, instead] = [[], () => false];
  app.use((req, res, next) => {
    seen.push(`${req.method} ${req.path}`);
    if (!instead(req, res)) next();
  });
  app.use(routes());
  app.all(
    '/api/hello',
    authenticated((req, res) => res.json({ hello: req.auth.userId })),
  );
  server.on('request', app);
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await auth.close();
  rmSync(folder, { recursive: true, force: true });
});

const idOf = async (username: string): Promise<string> => (await auth.users.find({ username }))?.id ?? '';
const untilExpired = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2100));
const refreshes = (): number => seen.filter((request) => request === 'POST /api/auth/refresh').length;

describe('the client that the guide prints', () => {
  it('refreshes once for many requests that meet an expired token', async () => {
    const browser = await loggedIn();
    const api = await openPage(browser);
    await untilExpired();
    const answers = await Promise.all(Array.from({ length: 5 }, () => api('/api/hello', { method: 'POST' })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(refreshes()).toBe(1);
  });

  it('keeps two tabs signed in that refresh at the same moment', async () => {
    const browser = await loggedIn();
    const tabs = await Promise.all([openPage(browser), openPage(browser)]);
    await untilExpired();
    const answers = await Promise.all(tabs.map((api) => api('/api/hello')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('waits and repeats when the server is busy or the network is broken', async () => {
    const browser = await loggedIn();
    const api = await openPage(browser);
    await untilExpired();
    const troubles: Answer[] = [
      (_request, response) => Boolean(response.writeHead(503, { 'retry-after': '0' }).end()),
      (_request, response) => Boolean(response.destroy()),
    ];
    instead = (request, response) => request.url === '/api/auth/refresh' && (troubles.shift()?.(request, response) ?? false);
    expect((await api('/api/hello')).status).toBe(200);
    expect(refreshes()).toBe(3);
  });

  it('has the CSRF token of the newest login, also when that was in another tab', async () => {
    const browser = await loggedIn();
    const api = await openPage(browser);
    await browser.send('POST', '/api/auth/login', { identifier: 'alice', password });
    expect((await api('/api/hello', { method: 'POST' })).status).toBe(200);
  });

  it('leaves the refusal to the page when the session is over', async () => {
    const browser = await loggedIn();
    const api = await openPage(browser);
    await auth.sessions.endAll(await idOf('alice'));
    const answer = await api('/api/hello');
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ code: 'session_revoked' });
    expect(refreshes()).toBe(1);
  });

  it('does not go on asking when the account is disabled', async () => {
    const browser = await loggedIn();
    const api = await openPage(browser);
    await auth.users.setDisabled(await idOf('alice'), true);
    expect((await api('/api/hello')).status).toBe(401);
    expect(refreshes()).toBe(1);
  });
});
