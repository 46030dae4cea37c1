/** Access tokens are stateless, and yet what ends a session is felt by the very next request, whoever makes it. */
import { expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { overEachCarrier } from '../support/over-each-carrier.js';
import type { TestApp } from '../support/start-app.js';

type Ending = (app: TestApp, victim: Client, admin: Client) => Promise<unknown>;

const endings: readonly (readonly [string, string, Ending])[] = [
  ['logs out', '401 session_revoked', (_app, victim) => victim.logout()],
  [
    'changes his password',
    '401 session_revoked',
    (_app, victim) =>
      victim.signInAgain('/auth/password', { currentPassword: victim.user!.password, newPassword: 'another long password' }),
  ],
  [
    'proves again who he is',
    '401 session_revoked',
    (_app, victim) => victim.signInAgain('/auth/reauthenticate', { password: victim.user!.password }),
  ],
  ['ends this session himself', '401 session_revoked', (_app, victim) => victim.call('DELETE', `/api/auth/sessions/${victim.sessionId}`)],
  ['deletes his account', '401 session_revoked', (_app, victim) => victim.call('DELETE', '/api/users/me')],
  [
    'is disabled',
    '401 session_revoked',
    (_app, victim, admin) => admin.call('PATCH', `/api/admin/users/${victim.userId}`, { json: { disabled: true } }),
  ],
  [
    'is deleted by an administrator',
    '401 session_revoked',
    (_app, victim, admin) => admin.call('DELETE', `/api/admin/users/${victim.userId}`),
  ],
  [
    'has all his sessions ended by an administrator',
    '401 session_revoked',
    (_app, victim, admin) => admin.call('DELETE', `/api/admin/users/${victim.userId}/sessions`),
  ],
  [
    'gets another role',
    '401 token_expired',
    (_app, victim, admin) => admin.call('PUT', `/api/admin/users/${victim.userId}/roles`, { json: { roles: ['user', 'admin'] } }),
  ],
  ['is signed out by the application', '401 session_revoked', (app, victim) => app.auth.sessions.end(victim.sessionId)],
  ['is signed out everywhere by the application', '401 session_revoked', (app, victim) => app.auth.sessions.endAll(victim.userId)],
  ['is disabled by the application', '401 session_revoked', (app, victim) => app.auth.users.setDisabled(victim.userId, true)],
  ['is deleted by the application', '401 session_revoked', (app, victim) => app.auth.users.delete(victim.userId)],
  ['gets other roles from the application', '401 token_expired', (app, victim) => app.auth.users.setRoles(victim.userId, [])],
  ['gets new public facts', '401 token_expired', (app, victim) => app.auth.users.refreshClaims(victim.userId)],
];

overEachCarrier('a copied access token', (at) => {
  test.each(endings)('is refused at once when its owner %s', async (_name, outcome, end) => {
    const { app } = at;
    const victim = await app.signedIn();
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    const [copied, refreshToken, csrf] = [victim.currentAccessToken, victim.currentRefreshToken, victim.csrf];
    expect((await victim.presentAccessToken(copied)).status).toBe(200);
    const ended = await end(app, victim, admin);
    if (ended !== undefined) expect(ended).toMatchObject({ status: 200 });

    expect((await victim.presentAccessToken(copied)).outcome).toBe(outcome);
    const thief = app.client();
    thief.jar.plant(app.cookie('access'), copied);
    thief.jar.plant(app.cookie('refresh'), refreshToken);
    expect((await thief.get('/hello')).outcome, 'in a cookie').toBe(outcome);
    expect((await thief.get('/api/users/me')).outcome, 'on our own routes').toBe(outcome);

    const refreshed = await thief.refresh({ headers: { 'x-csrf-token': csrf } });
    if (outcome === '401 token_expired') expect(refreshed.status, 'the session itself goes on').toBe(200);
    else expect(['401 session_revoked', '403 account_disabled']).toContain(refreshed.outcome);
  });

  test('with an old role is refused at once, and a refresh brings the new one (D-12)', async () => {
    const { app } = at;
    const boss = await app.signedIn({ roles: ['admin'] });
    const former = await app.signedIn({ roles: ['user', 'admin'] });
    expect((await former.get('/admin-area')).status).toBe(200);
    const change = await boss.call('PUT', `/api/admin/users/${former.userId}/roles`, { json: { roles: ['user'] } });
    expect(change.json.user.roles).toEqual(['user']);
    expect((await former.get('/admin-area')).outcome).toBe('401 token_expired');
    expect((await former.refresh()).json.user.roles).toEqual(['user']);
    expect((await former.get('/admin-area')).outcome).toBe('403 insufficient_role');
    expect((await former.get('/api/admin/users')).outcome).toBe('403 insufficient_role');
    expect((await former.get('/hello')).status).toBe(200);
  });
});
