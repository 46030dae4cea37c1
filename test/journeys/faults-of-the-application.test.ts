/** What the application's own parts do wrong must not log anybody out, lock anybody out, or take the process down. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, createAuth, masterSecret, newSecret, type AccessRule, type AuthOptions } from 'countersign';
import { expressAuth } from 'countersign/express';
import { sqlite } from 'countersign/sqlite';
import express from 'express';
import { startApp, type TestApp } from '../support/start-app.js';

describe('while the claims of the application fail', () => {
  let app: TestApp;
  let failing = false;
  beforeEach(async () => {
    failing = false;
    app = await startApp({
      claims: () => {
        if (failing) throw new Error('the directory is down');
        return { plan: 'pro' };
      },
    });
  });
  afterEach(() => app.stop());

  it('for ten minutes, nobody who retries is logged out', async () => {
    const browser = await app.signedIn();
    failing = true;
    for (let minute = 0; minute < 10; minute++) {
      expect((await browser.refresh()).status).toBe(500);
      await app.advance({ minutes: 1 });
    }
    failing = false;
    expect((await browser.refresh()).outcome).toBe('200');
    await app.advance({ minutes: 14 });
    expect((await browser.refresh()).outcome).toBe('200');
    expect((await browser.get('/api/auth/session')).json.user).not.toBeNull();
  });

  it('a password change changes nothing, or all of it', async () => {
    const browser = await app.signedIn();
    const change = { currentPassword: browser.user?.password, newPassword: 'another long password' };
    failing = true;
    expect((await browser.post('/api/auth/password', change)).status).toBe(500);
    failing = false;
    expect((await browser.get('/api/users/me')).status).toBe(200);
    expect((await browser.post('/api/auth/password', change)).status).toBe(200);
  });

  it('no session is opened by a login that cannot be answered', async () => {
    const user = await app.createUser();
    failing = true;
    expect((await app.client().login(user)).status).toBe(500);
    expect(await app.auth.sessions.list(user.id)).toEqual([]);
  });
});

describe('a rule that a compiler would have refused', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.stop());

  it.each([
    ['a misspelt demand', { role: ['admin'] }],
    ['a demand in the wrong case', { maxage: '5m' }],
    ['a handler', () => undefined],
    ['text', 'admin'],
    ['a mode that is none', { revocation: 'stritc' }],
    ['three factors', { factors: 3 }],
    ['no role at all', { roles: [] }],
    ['a role that is not configured', { roles: ['root'] }],
  ])('is refused when the guard is made, not read as "anybody": %s', (_, rule) => {
    expect(() => expressAuth(app.auth).authenticate(rule as AccessRule)).toThrow(ConfigError);
  });
});

describe('when something else has answered already', () => {
  it('the process goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
    const options: AuthOptions = {
      publicUrl: 'http://localhost:4000',
      secret: masterSecret(newSecret()),
      store: sqlite(join(folder, 'auth.db')),
    };
    const auth = await createAuth(options);
    const application = express();
    application.use((_req, res, next) => {
      res.status(503).end('too slow');
      next();
    });
    application.use(expressAuth(auth).routes());
    const server = createServer(application);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    for (let attempt = 0; attempt < 3; attempt++) expect((await fetch(`${base}/api/auth/session`)).status).toBe(503);
    server.closeAllConnections();
    server.close();
    await auth.close();
    rmSync(folder, { recursive: true });
  });
});

it('closing lets a login that is under way finish', async () => {
  const app = await startApp({ carrier: 'fetch handler' });
  const user = await app.createUser();
  const body = JSON.stringify({ identifier: user.username, password: user.password });
  const request = new Request(`${app.publicUrl}/api/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const answering = app.auth.fetch(request);
  await app.auth.close();
  expect((await answering).status).toBe(200);
  await app.stop();
});

it('why a request was refused stands in the log, under the id that the answer has', async () => {
  const app = await startApp();
  const browser = app.client();
  const answer = await browser.post('/api/auth/refresh', { refreshToken: 'csr_nonsense' });
  expect(answer.problem).toMatchObject({ code: 'refresh_token_invalid' });
  const line = app.log.find(({ facts }) => facts['requestId'] === answer.problem.requestId);
  expect(line).toMatchObject({ level: 'info', facts: { code: 'refresh_token_invalid', reason: 'invalid' } });
  await app.stop();
});
