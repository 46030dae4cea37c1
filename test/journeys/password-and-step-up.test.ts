/** Sensitive acts: recently proved, against the live row, and with the session's own refresh cookie beside its access token. */
import { expect, test } from 'vitest';
import { overEachCarrier } from '../support/over-each-carrier.js';

const newPassword = 'quite another password';

overEachCarrier('changing the password', (at) => {
  test('ends every session, and this device goes on in a new one', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const other = app.client();
    await other.login(page.user!, { delivery: 'bearer' });
    const old = { session: page.sessionId, access: page.currentAccessToken, refresh: page.currentRefreshToken };

    const answer = await page.signInAgain('/auth/password', { currentPassword: page.user!.password, newPassword });
    expect(answer.status).toBe(200);
    expect(page.sessionId).not.toBe(old.session);
    expect(page.currentRefreshToken).not.toBe(old.refresh);
    expect((await page.post('/hello')).status).toBe(200);
    expect((await page.get('/api/auth/sessions')).json.items).toHaveLength(1);
    expect((await other.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await other.refresh()).outcome).toBe('401 session_revoked');
    expect((await page.presentAccessToken(old.access)).outcome).toBe('401 session_revoked');

    expect((await app.client().login(page.user!)).outcome, 'the old password').toBe('401 invalid_credentials');
    expect((await app.client().login(page.user!, { password: newPassword })).status).toBe(200);
    expect(app.eventsOf(page.userId)).toContain('password.changed');
  });

  test('needs the current one: a wrong one changes nothing and is an event', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const answer = await page.post('/api/auth/password', { currentPassword: 'not the current one', newPassword });
    expect(answer.outcome).toBe('401 invalid_credentials');
    expect(answer.setCookies).toEqual([]);
    expect((await page.get('/hello')).status).toBe(200);
    expect(app.events.findLast(({ type }) => type === 'login.failed')).toMatchObject({
      userId: page.userId,
      reason: 'wrong password at password change',
    });
    expect((await app.client().login(page.user!)).status).toBe(200);
  });

  test('refuses a password that is too short or too long, by its rule, without repeating it', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const [bad, code] of [
      ['short77', 'password_too_short'],
      ['x'.repeat(257), 'password_too_long'],
      ['lone \ud800 surrogate', 'password_malformed'],
    ] as const) {
      const answer = await page.post('/api/auth/password', { currentPassword: page.user!.password, newPassword: bad });
      expect(answer.outcome).toBe('400 invalid_request');
      expect(answer.problem.errors).toMatchObject([{ path: 'newPassword', code }]);
      expect(answer.text).not.toContain(bad);
    }
    expect((await page.get('/hello')).status).toBe(200);
  });

  test('needs a proof not older than ten minutes, to the millisecond; proving again opens the way', async () => {
    const { app } = at;
    const page = await app.signedIn();
    await app.advance({ minutes: 10, ms: 1 });
    const change = { currentPassword: page.user!.password, newPassword };
    const refused = await page.post('/api/auth/password', change);
    expect(refused.outcome).toBe('401 step_up_required');
    expect(refused.header('www-authenticate')).toBe('Bearer error="insufficient_user_authentication", max_age="600"');

    const before = page.copy();
    const again = await page.signInAgain('/auth/reauthenticate', { password: page.user!.password });
    expect(again.status).toBe(200);
    expect(again.json.session.authenticatedAt).toBe(new Date(app.now).toISOString());
    expect(page.sessionId).not.toBe(before.sessionId);
    expect((await before.get('/hello')).outcome, 'a silent copy of the old cookies dies').toBe('401 session_revoked');
    expect((await before.refresh()).outcome).toBe('401 session_revoked');
    await app.advance({ minutes: 10 });
    expect((await page.signInAgain('/auth/password', change)).status, 'inclusive').toBe(200);
  });

  test('after a refresh the proof is as old as it was', async () => {
    const { app } = at;
    const page = await app.signedIn();
    await app.advance({ minutes: 10, ms: 1 });
    await page.refresh();
    expect((await page.post('/api/auth/password', { currentPassword: page.user!.password, newPassword })).outcome).toBe(
      '401 step_up_required',
    );
    expect((await page.get('/recent')).outcome, 'and so for a route of the application').toBe('401 step_up_required');
  });

  test('another tab meets session_revoked, refreshes once with the new cookie and goes on', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const tab = page.copy();
    await page.signInAgain('/auth/password', { currentPassword: page.user!.password, newPassword });
    expect((await tab.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await page.refresh()).status, 'tabs share their cookies').toBe(200);
    expect((await page.get('/hello')).status).toBe(200);
  });
});

overEachCarrier('a copied access token alone', (at) => {
  const acts = [
    ['POST', '/api/auth/password', { currentPassword: 'correct horse battery staple', newPassword }],
    ['DELETE', '/api/users/me', undefined],
    ['PATCH', '/api/admin/users/usr_x', { disabled: true }],
    ['DELETE', '/api/admin/users/usr_x', undefined],
    ['PUT', '/api/admin/users/usr_x/roles', { roles: ['admin'] }],
    ['DELETE', '/api/admin/users/usr_x/sessions', undefined],
  ] as const;

  test.each(['cookie', 'memory'] as const)(
    'of a %s session does not do for any sensitive act, nor with another refresh cookie',
    async (delivery) => {
      const { app } = at;
      const owner = await app.signedIn({ delivery, roles: ['user', 'admin'] });
      const stranger = await app.signedIn({ delivery });
      const thief = app.client({ origin: null });
      thief.accessToken = owner.currentAccessToken;
      for (const [method, path, json] of acts) {
        thief.jar.remove(app.cookie('refresh'));
        const bare = await thief.call(method, path, json === undefined ? {} : { json });
        expect(bare.outcome, `${method} ${path}`).toBe('401 refresh_token_missing');
        thief.jar.plant(app.cookie('refresh'), stranger.currentRefreshToken);
        const mixed = await thief.call(method, path, json === undefined ? {} : { json });
        expect(mixed.outcome, `${method} ${path}`).toBe('401 refresh_token_invalid');
        expect(mixed.setCookies).toEqual([]);
      }
      expect((await owner.get('/hello')).status).toBe(200);
    },
  );

  test('together with a refresh cookie of that session that is long superseded does not do either; with the parent it does', async () => {
    const { app } = at;
    const owner = await app.signedIn();
    const [oldest, access] = [owner.currentRefreshToken, owner.currentAccessToken];
    await owner.refresh();
    const parent = owner.currentRefreshToken;
    await owner.refresh();
    const thief = app.client({ origin: null });
    thief.accessToken = access;
    const change = { currentPassword: owner.user!.password, newPassword };
    thief.jar.plant(app.cookie('refresh'), oldest);
    expect((await thief.post('/api/auth/password', change)).outcome).toBe('401 refresh_token_invalid');
    thief.jar.plant(app.cookie('refresh'), parent);
    expect((await thief.post('/api/auth/password', change)).status, 'another tab may have refreshed meanwhile').toBe(200);
  });
});
