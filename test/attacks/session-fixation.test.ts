/**
 * The attacker gives the victim's browser a session of his own before the victim signs in, or keeps one past the end of the account; or he
 * asks for sessions and users of others by their ids.
 *
 * Proves: ASVS 5.0 V7.2.4 (new session at login and step-up), V7.4.2 (ended with the account), V8.2 (object-level authorisation); S-01, S-04,
 * S-06, S-08, S-09, S-10, D-01, D-06; CVE-2022-25896, GHSA-2vg6-77g8-24mp, CVE-2025-71400.
 */
import { describe, expect, test } from 'vitest';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';

overEachCarrier('a session that was planted before', (at) => {
  test("is not the victim's after login: id, both tokens and CSRF token are new, and the planted session has ended (S-01)", async () => {
    const { app } = at;
    const attacker = await app.signedIn();
    const victim = app.client();
    for (const kind of ['access', 'refresh', 'state'] as const)
      victim.jar.plant(app.cookie(kind), attacker.jar.get(app.cookie(kind))!.value);
    expect((await victim.login(await app.createUser())).status).toBe(200);
    expect(victim.sessionId).not.toBe(attacker.sessionId);
    for (const kind of ['access', 'refresh', 'state'] as const) {
      expect(victim.jar.get(app.cookie(kind))!.value).not.toBe(attacker.jar.get(app.cookie(kind))!.value);
    }
    expect((await attacker.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await attacker.refresh()).outcome).toBe('401 session_revoked');
    expect((await victim.get('/hello')).json).toMatchObject({ userId: victim.userId });
  });

  test('does not survive a step-up or a password change of the victim: a silent copy dies (S-01)', async () => {
    const { app } = at;
    const victim = await app.signedIn();
    for (const [path, json] of [
      ['/auth/reauthenticate', { password: victim.user!.password }],
      ['/auth/password', { currentPassword: victim.user!.password, newPassword: 'a new long password' }],
    ] as const) {
      const copy = victim.copy();
      expect((await victim.signInAgain(path, json)).status).toBe(200);
      expect(victim.sessionId).not.toBe(copy.sessionId);
      expect((await copy.get('/hello')).outcome).toBe('401 session_revoked');
      expect((await copy.refresh()).outcome).toBe('401 session_revoked');
    }
  });

  test('by registering it gets no session at all (S-01)', async () => {
    const { app } = at;
    const attacker = await app.signedIn();
    const victim = attacker.copy();
    const answer = await victim.post('/api/auth/register', { username: `fixed${app.port}`, password: 'a long enough password' });
    expect([answer.status, answer.setCookies]).toEqual([201, []]);
    expect((await victim.get('/hello')).json).toMatchObject({ userId: attacker.userId });
  });
});

overEachCarrier('sessions of others', (at) => {
  test('cannot be seen or ended, and look the same as none (S-08, D-06)', async () => {
    const { app } = at;
    const [page, other] = [await app.signedIn(), await app.signedIn()];
    const listed = await page.get('/api/auth/sessions?userId=' + other.userId);
    expect(listed.json.items.map(({ id }: { id: string }) => id)).toEqual([page.sessionId]);
    expect(listed.text).not.toContain(other.sessionId);
    const answers = [];
    for (const id of [other.sessionId, 'ses_AAAAAAAAAAAAAAAAAAAAAA', 'x', '__proto__', other.userId]) {
      const { problem, status } = await page.call('DELETE', `/api/auth/sessions/${id}`);
      answers.push({ ...problem, status, requestId: '' });
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, code: 'not_found' });
    expect((await other.get('/hello')).status).toBe(200);
    expect((await other.refresh()).status).toBe(200);
  });

  test('end with the account, however it ends, and do not come back with a namesake (S-04)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const copy = page.copy();
    await page.call('DELETE', '/api/users/me');
    const namesake = app.client();
    await namesake.post('/api/auth/register', { username: page.user!.username, password: 'of somebody else' });
    await namesake.login({ username: page.user!.username, password: 'of somebody else' });
    expect(namesake.userId).not.toBe(page.userId);
    for (const path of ['/hello', '/api/users/me', '/api/auth/sessions'])
      expect((await copy.get(path)).outcome, path).toBe('401 session_revoked');
    expect((await copy.refresh()).outcome).toBe('401 session_revoked');
    expect((await namesake.get('/api/auth/sessions')).json.items).toHaveLength(1);
  });
});

describe('the cap of sessions', () => {
  const at = withApp({ session: { maxPerUser: 3 } });
  test('holds when many log in at once (S-06)', async () => {
    const { app } = at;
    const user = await app.createUser();
    const clients = Array.from({ length: 12 }, () => app.client());
    await Promise.all(clients.map((client) => client.login(user)));
    const alive = await Promise.all(clients.map(async (client) => (await client.get('/hello')).status === 200));
    expect(alive.filter(Boolean)).toHaveLength(3);
  });
});

overEachCarrier('every route, asked by everyone', (at) => {
  test('answers whom it is for and nobody else (D-01)', async () => {
    const { app } = at;
    const subject = await app.createUser();
    const stranger = await app.createUser();
    const target = `/api/admin/users/${subject.id}`;
    const rows: [string, string, unknown, string, string, string][] = [
      // method, path, body, guest, user, admin
      ['GET', '/api/auth/session', undefined, '200', '200', '200'],
      ['GET', '/api/auth/sessions', undefined, '401 token_missing', '200', '200'],
      ['GET', '/api/users/me', undefined, '401 token_missing', '200', '200'],
      ['PATCH', '/api/users/me', {}, '401 token_missing', '200', '200'],
      ['GET', '/api/admin/users', undefined, '401 token_missing', '403 insufficient_role', '200'],
      ['GET', target, undefined, '401 token_missing', '403 insufficient_role', '200'],
      ['PATCH', target, {}, '401 token_missing', '403 insufficient_role', '200'],
      ['PUT', `${target}/roles`, { roles: ['user'] }, '401 token_missing', '403 insufficient_role', '200'],
      ['DELETE', `${target}/sessions`, undefined, '401 token_missing', '403 insufficient_role', '200'],
      ['DELETE', `/api/admin/users/${stranger.id}`, undefined, '401 token_missing', '403 insufficient_role', '200'],
      ['GET', '/hello', undefined, '401 token_missing', '200', '200'],
      ['GET', '/admin-area', undefined, '401 token_missing', '403 insufficient_role', '200'],
      ['POST', '/admin-area', undefined, '401 token_missing', '403 insufficient_role', '200'],
      ['GET', '/public', undefined, '200', '200', '200'],
    ];
    const callers = [app.client(), await app.signedIn(), await app.signedIn({ roles: ['user', 'admin'] })];
    for (const [method, path, json, ...expected] of rows) {
      const got = [];
      for (const caller of callers) got.push((await caller.call(method, path, json === undefined ? {} : { json })).outcome);
      expect(got, `${method} ${path}`).toEqual(expected);
    }
  });

  test('with what is private never kept by a cache (S-10, H-04)', async () => {
    const page = await at.app.signedIn();
    for (const path of [
      '/api/auth/session',
      '/api/auth/sessions',
      '/api/users/me',
      '/api/users/me/style.css',
      '/api/users/me%0a.css',
      '/api/users/me;x.js',
    ]) {
      const answer = await page.get(path);
      if (path.startsWith('/api/users/me') && path !== '/api/users/me') expect(answer.text, path).not.toContain(page.userId);
      else expect(answer.header('cache-control'), path).toBe('no-store');
      expect(answer.header('etag')).toBeUndefined();
    }
  });
});
