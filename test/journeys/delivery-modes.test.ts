/** The three ways in which tokens travel, each told from registration to really being out. */
import { describe, expect, test } from 'vitest';
import { parseSetCookie } from '../support/cookie-jar.js';
import { claimsOf } from '../support/forge.js';
import type { HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { carriers } from '../support/start-app.js';

const attributesOf = (answer: HttpAnswer): Record<string, string[]> =>
  Object.fromEntries(
    answer.setCookies.map((line) => {
      const { name, attributes } = parseSetCookie(line);
      return [name, [...attributes].map(([key, value]) => (value === '' ? key : `${key}=${value}`))];
    }),
  );

overEachCarrier('cookie mode', (at) => {
  test('a person registers, logs in, uses the application, is refreshed unnoticed, logs out and is really out', async () => {
    const { app } = at;
    const page = app.client();
    const credentials = { username: `Anna${app.carrier.length}`, password: 'a long enough password' };

    const registered = await page.post('/api/auth/register', { ...credentials, email: 'anna@example.test', name: 'Anna' });
    expect(registered.status).toBe(201);
    expect(registered.json).toMatchObject({
      user: {
        username: credentials.username,
        email: 'anna@example.test',
        emailVerified: false,
        name: 'Anna',
        roles: ['user'],
        mfaEnabled: false,
      },
    });
    expect(registered.setCookies, 'to register is not to log in').toEqual([]);
    expect((await page.get('/hello')).outcome).toBe('401 token_missing');

    const login = await page.login({ ...credentials, username: credentials.username.toUpperCase() });
    expect(login.status).toBe(200);
    expect(Object.keys(login.json as object).sort()).toEqual(['csrfToken', 'expiresIn', 'session', 'user']);
    expect(login.json).toMatchObject({ expiresIn: 900, session: { current: true, delivery: 'cookie' } });
    expect(attributesOf(login)).toEqual({
      '__Host-cs-access': ['max-age=604800', 'path=/', 'httponly', 'secure', 'samesite=Lax', 'priority=High'],
      '__Host-cs-refresh': ['max-age=604800', 'path=/', 'httponly', 'secure', 'samesite=Lax', 'priority=High'],
      '__Host-cs-state': ['max-age=604800', 'path=/', 'secure', 'samesite=Lax', 'priority=High'],
    });
    expect(page.state).toEqual({ v: 1, exp: app.now / 1000 + 604_800, csrf: login.json.csrfToken });

    expect((await page.get('/hello')).json).toMatchObject({ userId: login.json.user.id, roles: ['user'], via: 'cookie' });
    expect((await page.post('/hello')).status).toBe(200);

    const before = page.currentAccessToken;
    await app.advance({ seconds: 900 });
    expect((await page.get('/hello')).outcome).toBe('401 token_expired');
    const refreshed = await page.refresh();
    expect(refreshed.status).toBe(200);
    expect(page.currentAccessToken).not.toBe(before);
    expect(page.sessionId).toBe(login.json.session.id);
    expect((await page.get('/hello')).status).toBe(200);

    const [access, refresh] = [page.currentAccessToken, page.currentRefreshToken];
    const logout = await page.logout();
    expect(logout.status).toBe(200);
    expect(page.jar.all, 'every cookie is cleared with the attributes it was set with').toEqual([]);
    expect(Object.values(attributesOf(logout)).map((list) => list[0])).toEqual(['max-age=0', 'max-age=0', 'max-age=0']);
    expect((await page.get('/hello')).outcome).toBe('401 token_missing');
    expect((await page.presentAccessToken(access)).outcome, 'a copy of the access token').toBe('401 session_revoked');
    page.jar.plant(app.cookie('refresh'), refresh);
    expect((await page.refresh({ headers: { 'x-csrf-token': login.json.csrfToken } })).outcome).toBe('401 session_revoked');
    expect(app.eventsOf(login.json.session.id)).toEqual(['login.succeeded', 'session.ended']);
  });

  test('an access token that has expired does not keep a person from logging out', async () => {
    const { app } = at;
    const page = await app.signedIn();
    await app.advance({ hours: 20 });
    expect((await page.get('/hello')).outcome).toBe('401 token_expired');
    expect((await page.logout()).status).toBe(200);
    expect(page.jar.all).toEqual([]);
    expect(app.eventsOf(page.sessionId)).toContain('session.ended');
  });

  test('after a browser restart a person is still signed in, unless he asked not to be remembered', async () => {
    const { app } = at;
    const remembered = await app.signedIn();
    const transient = await app.signedIn({ remember: false });
    remembered.reload();
    remembered.jar.restart();
    transient.reload();
    expect((await transient.post('/hello')).status, 'a reload alone').toBe(200);
    transient.jar.restart();
    expect((await remembered.post('/hello')).status).toBe(200);
    expect(transient.jar.all).toEqual([]);
    expect((await transient.get('/hello')).outcome).toBe('401 token_missing');
  });

  test('a session that is not remembered ends on the server after 24 hours without use', async () => {
    const { app } = at;
    const [inTime, tooLate] = [await app.signedIn({ remember: false }), await app.signedIn({ remember: false })];
    await app.advance({ hours: 24, ms: -1 });
    const refreshed = await inTime.refresh();
    expect(refreshed.status).toBe(200);
    expect(refreshed.setCookies.join(), 'still without Max-Age').not.toMatch(/max-age/i);
    await app.advance({ ms: 1 });
    expect((await tooLate.refresh()).outcome).toBe('401 refresh_token_expired');
  });
});

overEachCarrier('memory mode', (at) => {
  test('the page keeps the access token, the browser the refresh token; a reload refreshes; logging out ends both', async () => {
    const { app } = at;
    const page = app.client();
    const user = await app.createUser();
    const login = await page.login(user, { delivery: 'memory' });
    expect(Object.keys(login.json as object).sort()).toEqual(['accessToken', 'csrfToken', 'expiresIn', 'session', 'tokenType', 'user']);
    expect(login.json).toMatchObject({ tokenType: 'Bearer', session: { delivery: 'memory' } });
    expect(page.jar.all.map(({ name }) => name).sort()).toEqual(['__Host-cs-refresh', '__Host-cs-state']);
    expect((await page.post('/hello')).json).toMatchObject({ userId: user.id, via: 'bearer' });

    page.reload();
    expect((await page.get('/hello')).outcome).toBe('401 token_missing');
    expect((await page.refresh()).status, 'with the CSRF token of the readable cookie').toBe(200);
    expect((await page.post('/hello')).json).toMatchObject({ userId: user.id, via: 'bearer' });

    await app.advance({ minutes: 15 });
    expect((await page.get('/hello')).outcome).toBe('401 token_expired');
    expect((await page.refresh()).status).toBe(200);
    const access = page.currentAccessToken;
    expect((await page.logout()).status).toBe(200);
    expect(page.jar.all).toEqual([]);
    expect((await page.presentAccessToken(access)).outcome).toBe('401 session_revoked');
  });
});

overEachCarrier('bearer mode', (at) => {
  test('a program gets both tokens in the body, no cookie at all, refreshes and logs out by its refresh token', async () => {
    const { app } = at;
    const program = app.client({ origin: null });
    const user = await app.createUser();
    const login = await program.login(user, { delivery: 'bearer' });
    expect(Object.keys(login.json as object).sort()).toEqual(['accessToken', 'expiresIn', 'refreshToken', 'session', 'tokenType', 'user']);
    expect(login.setCookies).toEqual([]);
    expect((await program.post('/hello')).json).toMatchObject({ userId: user.id, via: 'bearer' });

    await app.advance({ minutes: 15 });
    expect((await program.get('/hello')).outcome).toBe('401 token_expired');
    const refreshed = await program.refresh();
    expect(refreshed.status, 'although the expired access token is in Authorization').toBe(200);
    expect(refreshed.setCookies).toEqual([]);
    expect((await program.get('/hello')).status).toBe(200);

    const [access, refresh] = [program.currentAccessToken, program.currentRefreshToken];
    const logout = await program.logout();
    expect(logout.status).toBe(200);
    expect(logout.setCookies).toEqual([]);
    expect((await program.presentAccessToken(access)).outcome).toBe('401 session_revoked');
    expect((await program.post('/api/auth/refresh', { refreshToken: refresh })).outcome).toBe('401 session_revoked');
  });

  test('a program that logs out with its access token alone is really out, and may say so twice', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    program.origin = null;
    expect((await program.post('/api/auth/logout')).outcome).toBe('200');
    expect((await program.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await program.post('/api/auth/logout')).outcome).toBe('200');
  });
});

describe.each(carriers)('a session stays in its mode (%s)', (carrier) => {
  const at = withApp({ carrier });

  test.each(['cookie', 'memory'] as const)('the refresh token of a %s session is refused in a body', async (delivery) => {
    const { app } = at;
    const page = await app.signedIn({ delivery });
    const answer = await app.client({ origin: null }).post('/api/auth/refresh', { refreshToken: page.currentRefreshToken });
    expect(answer.outcome).toBe('401 refresh_token_invalid');
    expect((await page.refresh()).status, 'and the session is unharmed').toBe(200);
  });

  test('the refresh token of a bearer session is refused in a cookie', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    const page = app.client();
    page.jar.plant(app.cookie('refresh'), program.currentRefreshToken);
    expect((await page.refresh()).outcome).toBe('403 csrf_failed');
    const { issueCsrfToken } = await import('../../dist/tokens/csrf-token.js');
    const csrf = issueCsrfToken(app.internals.core.secrets, program.sessionId);
    const answer = await page.refresh({ headers: { 'x-csrf-token': csrf } });
    expect(answer.outcome, 'even with a CSRF token that such a session never gets').toBe('401 refresh_token_invalid');
    expect(answer.setCookies).toEqual([]);
    expect((await program.refresh()).status).toBe(200);
  });

  test('a refresh token in both places at once is refused', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const answer = await page.post('/api/auth/refresh', { refreshToken: page.currentRefreshToken });
    expect(answer.outcome).toBe('400 invalid_request');
    expect(answer.problem.errors).toMatchObject([{ path: 'refreshToken', code: 'ambiguous' }]);
  });
});

describe('logging in where a session is already', () => {
  const at = withApp();

  test('ends that session, even if another person logs in, and everything of it is new', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const old = { access: page.currentAccessToken, refresh: page.currentRefreshToken, csrf: page.csrf, session: page.sessionId };
    expect((await page.login(await app.createUser())).status).toBe(200);
    expect(page.sessionId).not.toBe(old.session);
    expect(page.csrf).not.toBe(old.csrf);
    expect(page.currentRefreshToken).not.toBe(old.refresh);
    expect((await page.presentAccessToken(old.access)).outcome).toBe('401 session_revoked');
    const thief = app.client();
    thief.jar.plant(app.cookie('refresh'), old.refresh);
    expect((await thief.refresh({ headers: { 'x-csrf-token': old.csrf } })).outcome).toBe('401 session_revoked');
  });

  test('from memory to cookie mode and back leaves no cookie of the other mode', async () => {
    const { app } = at;
    const page = await app.signedIn();
    await page.login(page.user!, { delivery: 'memory' });
    expect(page.jar.all.map(({ name }) => name).sort()).toEqual(['__Host-cs-refresh', '__Host-cs-state']);
    await page.login(page.user!, { delivery: 'cookie' });
    expect(page.jar.all.map(({ name }) => name).sort()).toEqual(['__Host-cs-access', '__Host-cs-refresh', '__Host-cs-state']);
  });

  test('a program that logs in leaves the cookies and the session of the browser alone', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const answer = await page.post('/api/auth/login', {
      identifier: page.user!.username,
      password: page.user!.password,
      delivery: 'bearer',
    });
    expect(answer.status).toBe(200);
    expect(answer.setCookies).toEqual([]);
    expect((await page.get('/hello')).status).toBe(200);
  });

  test('a wrong password leaves the session that was there', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const answer = await page.login(page.user!, { password: 'not the right one' });
    expect(answer.outcome).toBe('401 invalid_credentials');
    expect(answer.setCookies).toEqual([]);
    expect((await page.post('/hello')).status).toBe(200);
  });
});

describe('in development, over plain http on this machine', () => {
  const at = withApp({ publicUrl: 'http://localhost:4000', trustedOrigins: [] });

  test('cookies go without the prefix that browsers refuse there, and a page on any port of this host may call', async () => {
    const { app } = at;
    const page = app.client({ origin: 'http://localhost:5173' });
    const login = await page.login(await app.createUser());
    expect(Object.keys(attributesOf(login))).toEqual(['cs-access', 'cs-refresh', 'cs-state']);
    expect(login.setCookies.join()).not.toMatch(/secure/i);
    expect(login.header('strict-transport-security')).toBeUndefined();
    expect(login.header('access-control-allow-origin')).toBe('http://localhost:5173');
    expect((await page.post('/hello')).status).toBe(200);
    expect(claimsOf(page.currentAccessToken).iss).toBe('http://localhost:4000');
  });

  test('a refused origin is named together with what would mend it', async () => {
    const answer = await at.app.client({ origin: 'http://127.0.0.1:4000' }).post('/api/auth/login', {});
    expect(answer.outcome).toBe('403 origin_not_allowed');
    expect(answer.problem.detail).toBe('Open http://localhost:4000, not 127.0.0.1: to a browser they are two sites.');
    const foreign = await at.app.client({ origin: 'https://evil.example' }).post('/api/auth/login', {});
    expect(foreign.problem.detail).toContain('Add https://evil.example to trustedOrigins');
  });
});
