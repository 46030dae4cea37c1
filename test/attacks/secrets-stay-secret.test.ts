/**
 * The attacker reads what a deployment keeps and shows: its log, its events, its error answers, its database file and the log beside it.
 *
 * Every secret of a run is collected as it passes, then looked for in all of them. Proves: ASVS 5.0 V16.2.5 (nothing secret in logs), V11.4,
 * V14.2.1; G-01, G-02, G-05, R-18; I10 of the invariants.
 */
import { DatabaseSync } from '@photostructure/sqlite';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Mail } from 'countersign';
import { describe, expect, test } from 'vitest';
import { unseal } from '../../dist/crypto/sealing.js';
import type { Client } from '../support/client.js';
import type { HttpAnswer } from '../support/http.js';
import { Inbox, tokenIn } from '../support/inbox.js';
import { withApp } from '../support/over-each-carrier.js';
import { articleRoles as roles, startApp, type TestApp } from '../support/start-app.js';

/** What an attacker with the database and the secret could unseal; nobody without the secret may find it. */
async function addKeys(app: TestApp): Promise<void> {
  const { core } = app.internals;
  app.secrets.add('key', app.secret);
  app.secrets.add('key', Buffer.from(app.secret, 'base64url'));
  for (const { kid, sealedPrivate } of await core.store.keys.list()) {
    const pkcs8 = unseal(core.secrets, `signing-key/${kid}`, sealedPrivate)!;
    app.secrets.add('key', pkcs8);
    // The private scalar inside.
    app.secrets.add('key', pkcs8.subarray(36, 68));
  }
}

async function databaseBytes(app: TestApp): Promise<Buffer> {
  const files = [app.file, `${app.file}-wal`, `${app.file}-shm`, `${app.file}-journal`].filter((file) => existsSync(file));
  expect(files.length).toBeGreaterThanOrEqual(2);
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}

/** Everything that a person, a program and an attacker do; gives every answer that was a refusal. */
async function liveThroughEverything(app: TestApp): Promise<HttpAnswer[]> {
  const refusals: HttpAnswer[] = [];
  const refused = async (answer: Promise<HttpAnswer>): Promise<void> => {
    const { status } = await answer;
    expect(status).toBeGreaterThanOrEqual(400);
    refusals.push(await answer);
  };
  const registered = { username: 'Gardener', password: 'planted-password-of-registration' };
  const page: Client = app.client();
  app.secrets.add('password', registered.password);
  await page.post('/api/auth/register', { ...registered, email: 'gardener@example.test' });
  await page.login(registered);
  await refused(page.post('/api/auth/register', registered));
  const wrong = 'planted-wrong-password';
  app.secrets.add('password', wrong);
  await refused(app.client().login(registered, { password: wrong }));
  await refused(app.client().post('/api/auth/login', { identifier: wrong, password: wrong }));
  await refused(app.client().post('/api/auth/login', { identifier: 'x', password: [wrong] }));
  await refused(
    app.client().post('/api/auth/login', undefined, { body: `{"password":"${wrong}"`, headers: { 'content-type': 'application/json' } }),
  );
  await refused(page.post('/api/auth/password', { currentPassword: wrong, newPassword: `${wrong}-new` }));
  const changed = 'planted-password-after-change';
  app.secrets.add('password', changed);
  await page.signInAgain('/auth/password', { currentPassword: registered.password, newPassword: changed });
  await page.signInAgain('/auth/reauthenticate', { password: changed });
  await page.refresh();
  await page.post('/hello');

  const token = page.currentAccessToken;
  await refused(page.get('/hello', { headers: { authorization: `Bearer ${token}x` } }));
  await refused(page.get('/hello', { headers: { cookie: `${page.jar.header ?? ''}; ${page.jar.header ?? ''}` } }));
  await refused(page.get(`/api/users/me?access_token=${token}&token=${page.currentRefreshToken}`, { cookies: false }));
  await refused(page.post('/hello', undefined, { headers: { 'x-csrf-token': `${page.csrf ?? ''}x` } }));
  await refused(page.post('/api/auth/refresh', { refreshToken: page.currentRefreshToken }));
  await refused(page.post('/api/auth/refresh', { [page.currentRefreshToken]: 1 }, { cookies: false }));
  await refused(page.get(`/api/admin/users?cursor=${page.currentRefreshToken}`));

  const [memory, bearer, admin] = [
    await app.signedIn({ delivery: 'memory' }),
    await app.signedIn({ delivery: 'bearer' }),
    await app.signedIn({ roles: ['user', 'admin'] }),
  ];
  const thief = bearer.copy();
  for (const client of [memory, bearer, admin]) await client.refresh();
  await bearer.refresh();
  await app.advance({ minutes: 2 });
  await refused(thief.refresh());
  await refused(bearer.get('/hello'));
  await refused(admin.get(`/api/admin/users?cursor=${admin.currentRefreshToken}`));
  await admin.call('PUT', `/api/admin/users/${memory.userId}/roles`, { json: { roles: ['user', 'admin'] } });
  await refused(memory.get('/hello'));
  await admin.call('PATCH', `/api/admin/users/${memory.userId}`, { json: { disabled: true } });
  await refused(memory.refresh());
  await admin.call('DELETE', `/api/admin/users/${memory.userId}`);
  await livePrograms(app, refused);
  await liveByMail(app, refused);
  await app.auth.keys.rotate();
  await app.auth.keys.rotate({ compromised: true });
  await refused(page.get('/hello'));
  await page.refresh();
  await page.logout();
  await app.advance({ minutes: 15 });
  await refused(admin.get('/hello'));
  return refusals;
}

/** Links are sent, used, used again and put where they do not belong; one stays unused, and its mail waits. */
async function liveByMail(app: TestApp, refused: (answer: Promise<HttpAnswer>) => Promise<void>): Promise<void> {
  const observe = (mail: Mail): string => {
    app.secrets.addOneTimeToken(tokenIn(mail));
    return tokenIn(mail);
  };
  const user = await app.signedIn({ emailVerified: false });
  await user.post('/api/auth/email/verification');
  const verification = observe(await app.inbox.next(user.user!.email, 1));
  await app.client().post('/api/auth/password/forgot', { email: user.user!.email });
  const reset = observe(await app.inbox.next(user.user!.email, 2));
  await refused(app.client().post('/api/auth/password/reset', { token: verification, newPassword: 'planted-password-of-reset' }));
  await refused(app.client().post('/api/auth/password/reset', { token: reset, newPassword: 'short' }));
  await app.client().post('/api/auth/email/verify', { token: verification });
  await refused(app.client().post('/api/auth/email/verify', { token: verification }));
  await refused(app.client().get(`/api/users/me?token=${verification}`));
  app.secrets.add('password', 'planted-password-of-reset');
  await app.client().post('/api/auth/password/reset', { token: reset, newPassword: 'planted-password-of-reset' });
  observe(await app.inbox.next(user.user!.email, 3));
  app.secrets.add('password', 'planted-password-by-mail');
  await app.client().post('/api/auth/register', { email: 'planted-by-mail@example.test', password: 'planted-password-by-mail' });
  observe(await app.inbox.next('planted-by-mail@example.test', 1));
  app.inbox.failures.push(...Array.from({ length: 9 }, () => new Error('550 no planted-waiting@example.test here')));
  await app.client().post('/api/auth/register', { email: 'planted-waiting@example.test', password: 'planted-password-by-mail' });
  await expect.poll(() => app.inbox.failures.length).toBeLessThan(9);
}

/** An API key is made, used, put where it does not belong, exchanged for tokens, rotated and revoked. */
async function livePrograms(app: TestApp, refused: (answer: Promise<HttpAnswer>) => Promise<void>): Promise<void> {
  const owner = await app.signedIn({ roles: ['editor'], delivery: 'bearer' });
  const made = await owner.post('/api/auth/api-keys', { name: 'planted', scopes: ['article:read'] });
  const { apiKey, secret } = made.json as { apiKey: { id: string }; secret: string };
  const present = (key: string, path: string, body?: object): Promise<HttpAnswer> => {
    const headers = { authorization: `Bearer ${key}` };
    return body ? owner.post(path, body, { headers, cookies: false }) : owner.get(path, { headers, cookies: false });
  };
  expect((await present(secret, '/articles')).status).toBe(200);
  const token = (await present(secret, '/api/auth/token', { grant_type: 'client_credentials' })).json.access_token as string;
  expect((await present(token, '/articles')).status).toBe(200);
  await refused(present(secret, '/hello'));
  await refused(present(secret, '/api/auth/token', { grant_type: secret, scope: secret }));
  await refused(present(secret, `/api/admin/users?key=${secret}`));
  await refused(present(`${secret}x`, '/articles'));
  await refused(present(secret.slice(0, -6), '/articles'));
  await refused(owner.get('/articles', { headers: { authorization: null, cookie: `${app.cookie('access')}=${secret}` } }));
  await refused(owner.post('/api/auth/refresh', { refreshToken: secret }));
  await refused(owner.post('/api/auth/api-keys', { name: secret, scopes: [secret] }));
  await refused(owner.post(`/api/auth/api-keys/${secret.slice(0, 60)}/rotate`, {}));
  const rotated = (await owner.post(`/api/auth/api-keys/${apiKey.id}/rotate`, {})).json.secret as string;
  await app.auth.apiKeys.revoke(apiKey.id);
  for (const key of [secret, rotated, token]) await refused(present(key, '/articles'));
}

test('the search finds what is there', async () => {
  const app = await startApp({ roles });
  try {
    const [page, program] = [await app.signedIn(), await app.signedIn({ delivery: 'bearer' })];
    const key = await program.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] });
    for (const text of [
      page.currentAccessToken,
      page.currentRefreshToken,
      page.csrf ?? '',
      page.user!.password,
      JSON.stringify({ t: program.currentRefreshToken }),
      (key.json.secret as string).slice(20, 72),
    ]) {
      expect(app.secrets.foundIn(`before ${text} after`), text).not.toEqual([]);
    }
    const secretInside = Buffer.from(page.currentRefreshToken.slice(4), 'base64url').subarray(22, 38);
    expect(app.secrets.foundIn(Buffer.concat([Buffer.alloc(100), secretInside, Buffer.alloc(3)]))).toHaveLength(1);
    expect(app.secrets.foundIn('nothing of the kind')).toEqual([]);
  } finally {
    await app.stop();
  }
});

describe('after a whole life of an application', () => {
  const at = withApp({ roles, inbox: new Inbox() });

  test('no secret of it is in the log, in an event, in an answer to anybody else, or in the database', async () => {
    const { app } = at;
    const refusals = await liveThroughEverything(app);
    await addKeys(app);
    for (const kind of ['password', 'access token', 'refresh token', 'csrf token', 'key', 'API key', 'one-time token'] as const)
      expect(app.secrets.count(kind), kind).toBeGreaterThanOrEqual(4);
    expect(app.log.length).toBeGreaterThan(10);
    expect(app.secrets.foundIn(app.logText), 'log').toEqual([]);
    expect(app.logText).not.toContain('planted-waiting@');
    expect(app.secrets.foundIn(JSON.stringify(app.events)), 'events').toEqual([]);
    for (const refusal of refusals) {
      expect(app.secrets.foundIn(refusal.text), refusal.outcome).toEqual([]);
      expect(app.secrets.foundIn(JSON.stringify(refusal.headers)), refusal.outcome).toEqual([]);
    }
    expect(app.secrets.foundIn(await databaseBytes(app)), 'database and its write-ahead log').toEqual([]);

    const database = new DatabaseSync(app.file);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const dump =
      JSON.stringify(database.prepare('SELECT * FROM users').all()) +
      JSON.stringify(database.prepare('SELECT * FROM sessions').all()) +
      JSON.stringify(database.prepare('SELECT * FROM api_keys').all()) +
      JSON.stringify(database.prepare('SELECT * FROM proofs').all()) +
      JSON.stringify(database.prepare('SELECT * FROM outbox').all());
    database.close();
    expect(app.secrets.foundIn(dump)).toEqual([]);
    expect(app.secrets.foundIn(await readFile(app.file)), 'after a checkpoint').toEqual([]);
  });

  test('each event says who, what and when, and why it was refused', () => {
    const { app } = at;
    const types = new Set(app.events.map(({ type }) => type));
    expect([...types].sort()).toEqual(
      expect.arrayContaining([
        'api_key.created',
        'api_key.revoked',
        'api_key.rotated',
        'login.failed',
        'login.succeeded',
        'password.changed',
        'session.ended',
        'session.reauthenticated',
        'session.replayed',
        'user.deleted',
        'user.disabled',
        'user.registered',
        'user.roles_changed',
      ]),
    );
    for (const event of app.events) {
      expect(Object.keys(event).filter((key) => !['type', 'at', 'userId', 'sessionId', 'actorId', 'reason'].includes(key))).toEqual([]);
      expect(event.at).toBeInstanceOf(Date);
      expect(Object.isFrozen(event)).toBe(true);
    }
    for (const event of app.events.filter(({ type }) => type === 'login.failed')) expect(event.reason).toMatch(/^[a-z -]+$/);
  });
});

describe('a fault inside', () => {
  const planted = 'planted-inside-an-error';

  test("of the application's own functions is told to the log, never to the client", async () => {
    const app = await startApp({
      claims: () => {
        throw new Error(`${planted} of claims`);
      },
      beforeRegister: () => {
        throw new Error(`${planted} of beforeRegister`);
      },
    });
    try {
      const password = 'a-password-that-must-not-show';
      app.secrets.add('password', password);
      const answers = [
        await app.client().login(await app.createUser()),
        await app.client().post('/api/auth/register', { username: 'anna', password }),
      ];
      for (const answer of answers) {
        expect(answer.outcome).toBe('500 internal_error');
        expect(answer.text).not.toContain(planted);
        expect(Object.keys(answer.problem).sort()).toEqual(['code', 'requestId', 'status', 'title', 'type']);
        expect(answer.setCookies).toEqual([]);
        expect(app.log.filter(({ level, facts }) => level === 'error' && facts['requestId'] === answer.problem.requestId)).toHaveLength(1);
      }
      expect(app.logText).toContain(`${planted} of claims`);
      expect(app.secrets.foundIn(app.logText)).toEqual([]);
    } finally {
      await app.stop();
    }
  });

  test('of the hook for events is told to the log and disturbs nobody', async () => {
    const app = await startApp();
    try {
      app.events.push = (): never => {
        throw new Error(planted);
      };
      expect((await app.client().login(await app.createUser())).status).toBe(200);
      expect(app.logText).toContain(planted);
    } finally {
      await app.stop();
    }
  });

  test('of the store is 503 with Retry-After, clears nothing, and what it says is in the log only', async () => {
    const app = await startApp();
    try {
      const page = await app.signedIn();
      await app.internals.core.store.close();
      const answers = [
        await page.refresh(),
        await page.post('/api/auth/login', { identifier: 'anna', password: 'x' }),
        await page.get('/api/users/me'),
      ];
      for (const answer of answers) {
        expect(answer.outcome).toMatch(/^503 (store_unavailable|revocation_unavailable)$/);
        expect(answer.header('retry-after')).toMatch(/^\d+$/);
        expect(answer.setCookies).toEqual([]);
      }
      expect(page.jar.all).toHaveLength(3);
      expect(app.secrets.foundIn(app.logText)).toEqual([]);
    } finally {
      await app.stop();
    }
  });
});
