/**
 * The attacker adds fields that a form does not have: a role, an id, a verified flag, somebody else's user id, or keys that change objects.
 *
 * Proves: ASVS 5.0 V15.3.3 (mass assignment), V15.3.6 (prototype pollution); I-01, I-02, I-04, V-13, D-02, D-08; CVE-2025-61928,
 * CVE-2026-27946.
 */
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, test } from 'vitest';
import type { HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import type { TestApp } from '../support/start-app.js';

const extras: readonly (readonly [string, unknown])[] = [
  ['role', 'admin'],
  ['roles', ['admin']],
  ['isAdmin', true],
  ['admin', true],
  ['permissions', ['*']],
  ['emailVerified', true],
  ['email_verified', true],
  ['verified', true],
  ['mfaEnabled', false],
  ['disabled', false],
  ['disabledAt', null],
  ['tenantId', 'other'],
  ['id', 'usr_chosen'],
  ['userId', 'usr_other'],
  ['user', { roles: ['admin'] }],
  ['createdAt', '2001-01-01T00:00:00Z'],
  ['passwordHash', '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ['sessionEpoch', 0],
  ['profile', { role: 'admin' }],
  ['profile.role', 'admin'],
  ['roles[]', 'admin'],
  ['roles[0]', 'admin'],
  ['$set', { roles: ['admin'] }],
  ['constructor', { prototype: { isAdmin: true } }],
  ['prototype', { isAdmin: true }],
  ['__proto__', { roles: ['admin'], isAdmin: true }],
  ['toString', 'x'],
  ['hasOwnProperty', 'x'],
  ['', 'admin'],
  [' roles', ['admin']],
  ['ROLES', ['admin']],
];

/** As text, so that `__proto__` is a key like any other. */
function withExtra(body: object, [key, value]: readonly [string, unknown]): string {
  return `{${JSON.stringify(body).slice(1, -1)}${Object.keys(body).length > 0 ? ',' : ''}${JSON.stringify(key)}:${JSON.stringify(value)}}`;
}

function usersIn(app: TestApp): string {
  const database = new DatabaseSync(app.file);
  const rows = database.prepare('SELECT * FROM users ORDER BY id').all();
  database.close();
  return JSON.stringify(rows);
}

overEachCarrier('a field that a body does not have', (at) => {
  test('is refused by name on every route that takes a body, and nothing is written (I-01, I-02, I-04)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    const victim = await app.createUser();
    const before = usersIn(app);
    const call = (client: typeof page, method: string, path: string, body: string): Promise<HttpAnswer> =>
      client.call(method, path, { body, headers: { 'content-type': 'application/json' } });
    for (const extra of extras) {
      const routes = [
        [page, 'POST', '/api/auth/register', { username: 'assigned', password: 'a long enough password' }],
        [page, 'POST', '/api/auth/login', { identifier: page.user!.username, password: page.user!.password }],
        [page, 'POST', '/api/auth/refresh', {}],
        [page, 'POST', '/api/auth/logout', {}],
        [page, 'POST', '/api/auth/reauthenticate', { password: page.user!.password }],
        [page, 'POST', '/api/auth/password', { currentPassword: page.user!.password, newPassword: 'a new long password' }],
        [page, 'PATCH', '/api/users/me', { name: 'Changed' }],
        [page, 'DELETE', '/api/users/me', {}],
        [page, 'DELETE', '/api/auth/sessions', {}],
        [admin, 'PATCH', `/api/admin/users/${victim.id}`, { name: 'Changed' }],
        [admin, 'PUT', `/api/admin/users/${victim.id}/roles`, { roles: ['admin'] }],
        [admin, 'DELETE', `/api/admin/users/${victim.id}`, {}],
      ] as const;
      for (const [client, method, path, body] of routes) {
        if (extra[0] in body || (extra[0] === 'disabled' && path.startsWith('/api/admin'))) continue;
        const answer = await call(client, method, path, withExtra(body, extra));
        expect(answer.outcome, `${method} ${path} ${extra[0]}`).toBe('400 invalid_request');
        expect(answer.setCookies).toEqual([]);
      }
    }
    expect(usersIn(app)).toBe(before);
    expect(({} as Record<string, unknown>)['isAdmin'], 'no object has changed').toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('roles');
    expect((await page.get('/hello')).status).toBe(200);
  });

  test('a key that is there twice has its last value, as JSON.parse has it, and is judged like any other', async () => {
    const { app } = at;
    const user = await app.createUser();
    const login = (body: string): Promise<HttpAnswer> =>
      app.client().post('/api/auth/login', undefined, { body, headers: { 'content-type': 'application/json' } });
    expect(
      (await login(`{"identifier":"nobody","identifier":"${user.username}","password":"x","password":"${user.password}"}`)).json.user.id,
    ).toBe(user.id);
    expect((await login(`{"identifier":"${user.username}","password":"${user.password}","password":["${user.password}"]}`)).outcome).toBe(
      '400 invalid_request',
    );
    expect(
      (await login(`{"identifier":"${user.username}","password":"${user.password}","delivery":"bearer","delivery":"cookies"}`)).outcome,
    ).toBe('400 invalid_request');
  });
});

describe('a route that needs somebody', () => {
  const at = withApp();

  test('does not take somebody from body, query or header: without a credential every one is 401 (D-08, CVE-2025-61928)', async () => {
    const { app } = at;
    const victim = await app.signedIn({ roles: ['user', 'admin'] });
    const claims = {
      userId: victim.userId,
      id: victim.userId,
      user: victim.userId,
      sub: victim.userId,
      sessionId: victim.sessionId,
      username: victim.user!.username,
    };
    const query = new URLSearchParams({ ...claims, access_token: victim.currentAccessToken, token: victim.currentAccessToken }).toString();
    const headers = {
      'x-user-id': victim.userId,
      'x-session-id': victim.sessionId,
      'x-access-token': victim.currentAccessToken,
      'x-auth-token': victim.currentAccessToken,
      'x-forwarded-user': victim.userId,
      'remote-user': victim.userId,
    };
    for (const [method, path] of [
      ['GET', '/api/users/me'],
      ['PATCH', '/api/users/me'],
      ['DELETE', '/api/users/me'],
      ['GET', '/api/auth/sessions'],
      ['DELETE', '/api/auth/sessions'],
      ['DELETE', `/api/auth/sessions/${victim.sessionId}`],
      ['POST', '/api/auth/reauthenticate'],
      ['POST', '/api/auth/password'],
      ['GET', '/api/admin/users'],
      ['GET', `/api/admin/users/${victim.userId}`],
      ['PATCH', `/api/admin/users/${victim.userId}`],
      ['DELETE', `/api/admin/users/${victim.userId}`],
      ['PUT', `/api/admin/users/${victim.userId}/roles`],
      ['DELETE', `/api/admin/users/${victim.userId}/sessions`],
      ['GET', '/hello'],
      ['POST', '/hello'],
      ['GET', '/admin-area'],
      ['GET', '/area/inside'],
    ] as const) {
      const json = method === 'GET' ? undefined : { ...claims, accessToken: victim.currentAccessToken };
      const answer = await app.client().call(method, `${path}?${query}`, { headers, ...(json === undefined ? {} : { json }) });
      expect(answer.outcome, `${method} ${path}`).toBe('401 token_missing');
    }
    const session = await app.client().get(`/api/auth/session?${query}`, { headers });
    expect(session.json).toEqual({ user: null, session: null });
  });
});
