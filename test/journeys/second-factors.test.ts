/** Two factors: setting up an authenticator app, logging in with it or with a recovery code, proving it again, and getting rid of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enrol, Authenticator } from '../support/authenticator.js';
import type { Client } from '../support/client.js';
import type { HttpAnswer } from '../support/http.js';
import { Inbox, tokenIn } from '../support/inbox.js';
import { overEachCarrier } from '../support/over-each-carrier.js';
import { startApp, type TestApp } from '../support/start-app.js';

/** The first half of a login. */
async function ticketOf(client: Client, { user }: Client, options: Parameters<Client['login']>[1] = {}): Promise<string> {
  const answer = await client.post('/api/auth/login', { identifier: user!.username, password: user!.password, ...options });
  expect(answer.json).toEqual({ mfaRequired: true, ticket: expect.any(String), methods: ['totp', 'recovery'] });
  expect(answer.setCookies).toEqual([]);
  return (answer.json as { ticket: string }).ticket;
}

const second = (client: Client, ticket: string, code: string, method = 'totp'): Promise<HttpAnswer> =>
  client.signInAgain('/auth/login/mfa', { ticket, method, code });

overEachCarrier('an authenticator app', (at) => {
  test('is set up, counts once it is confirmed, and is asked for at the next login', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const other = app.client();
    await other.login(page.user!);
    const begun = await page.post('/api/auth/mfa/totp');
    expect(begun.json).toEqual({
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      uri: expect.stringMatching(/^otpauth:/),
      qr: expect.stringMatching(/^<svg /),
    });
    const uri = new URL(begun.json.uri as string);
    expect(decodeURIComponent(uri.pathname)).toBe(`/app.example.test:${page.user!.username}`);
    const phone = new Authenticator(begun.json.uri as string);
    expect((await app.client().login(page.user!)).json.mfaRequired, 'not yet').toBeUndefined();

    expect((await page.post('/api/auth/mfa/totp/confirm', { code: '000000' })).outcome).toBe('401 mfa_code_invalid');
    const before = page.sessionId;
    const confirmed = await page.signInAgain('/auth/mfa/totp/confirm', { code: phone.codeAt(app.now) });
    expect(confirmed.json).toMatchObject({ user: { mfaEnabled: true } });
    expect(new Set(confirmed.json.recoveryCodes as string[]).size).toBe(10);
    expect(page.sessionId).not.toBe(before);
    expect((await other.get('/hello')).outcome, 'opened by a password alone').toBe('401 session_revoked');
    expect((await other.refresh()).outcome).toBe('401 session_revoked');
    expect((await page.get('/strong')).status).toBe(200);
    expect(app.eventsOf(page.userId)).toContain('factor.enabled');

    await app.advance({ seconds: 30 });
    const laptop = app.client();
    const ticket = await ticketOf(laptop, page, { remember: false, deviceName: 'My laptop' });
    expect((await laptop.get('/hello')).outcome).toBe('401 token_missing');
    const answer = await second(laptop, ticket, phone.codeAt(app.now));
    expect(answer.json).toMatchObject({
      user: { id: page.userId, mfaEnabled: true },
      session: { device: 'My laptop', delivery: 'cookie' },
    });
    expect(answer.setCookies).toHaveLength(3);
    expect(answer.setCookies.join()).not.toContain('Max-Age');
    expect((await laptop.get('/strong')).status).toBe(200);
    const claims = JSON.parse(Buffer.from(laptop.currentAccessToken.split('.')[1]!, 'base64url').toString()) as { amr: string[] };
    expect(claims.amr).toEqual(['pwd', 'otp']);
    await laptop.refresh();
    expect((await laptop.get('/strong')).status, 'a refresh loses nothing').toBe(200);
    await app.advance({ minutes: 5, ms: 1 });
    await laptop.refresh();
    expect((await laptop.get('/strong')).outcome, 'and renews nothing').toBe('401 step_up_required');
  });

  test.each(['memory', 'bearer'] as const)('ends a login by %s where that is asked for', async (delivery) => {
    const { app } = at;
    const page = await app.signedIn();
    const { app: phone } = await enrol(page);
    const client = app.client({ origin: delivery === 'bearer' ? null : app.publicUrl });
    const answer = await second(client, await ticketOf(client, page, { delivery }), phone.codeAt(app.now));
    expect(answer.json).toMatchObject({ session: { delivery }, accessToken: expect.any(String), tokenType: 'Bearer' });
    expect('refreshToken' in answer.json).toBe(delivery === 'bearer');
    expect((await client.get('/hello')).status).toBe(200);
    expect((await client.refresh()).status).toBe(200);
  });
});

describe('a second factor', () => {
  let app: TestApp;
  let inbox: Inbox;
  beforeAll(async () => {
    inbox = new Inbox();
    app = await startApp({ inbox });
  });
  afterAll(() => app.stop());

  test('is let in by each recovery code once, in whatever way it is typed', async () => {
    const page = await app.signedIn();
    const { recoveryCodes } = await enrol(page);
    const [first = '', next = ''] = recoveryCodes;
    const client = app.client();
    const answer = await second(client, await ticketOf(client, page), first.toLowerCase().replaceAll('-', ' '), 'recovery');
    expect(answer.status).toBe(200);
    expect((await client.get('/strong')).status).toBe(200);
    const again = await ticketOf(app.client(), page);
    expect((await second(client, again, first, 'recovery')).outcome).toBe('401 mfa_code_invalid');
    expect((await second(client, again, next, 'totp')).outcome, 'as another method').toBe('401 mfa_code_invalid');
    expect((await second(client, again, next, 'recovery')).status).toBe(200);
    expect(app.eventsOf(page.userId).filter((type) => type === 'factor.recovery_code_used')).toHaveLength(2);

    const renewed = await page.post('/api/auth/mfa/recovery-codes');
    expect(renewed.json.recoveryCodes).toHaveLength(10);
    expect((await second(client, await ticketOf(client, page), recoveryCodes[2]!, 'recovery')).outcome).toBe('401 mfa_code_invalid');
    const [fresh] = renewed.json.recoveryCodes as string[];
    expect((await second(client, await ticketOf(client, page), fresh!, 'recovery')).status).toBe(200);
  });

  test('is asked for by sensitive acts: a code opens the way, the password alone does not', async () => {
    const page = await app.signedIn();
    const { app: phone } = await enrol(page);
    await app.advance({ minutes: 10, ms: 1 });
    expect((await page.post('/api/auth/mfa/recovery-codes')).outcome).toBe('401 step_up_required');
    expect((await page.signInAgain('/auth/reauthenticate', { password: page.user!.password })).status).toBe(200);
    const refused = await page.post('/api/auth/mfa/recovery-codes');
    expect(refused.outcome).toBe('401 step_up_required');
    expect(refused.problem.detail).toBe('A second factor is asked for.');
    expect(refused.header('www-authenticate')).toBe('Bearer error="insufficient_user_authentication", max_age="600"');
    expect((await page.get('/strong')).outcome).toBe('401 step_up_required');
    expect((await page.get('/recent')).status).toBe(200);

    const copy = page.copy();
    const code = phone.codeAt(app.now);
    const wrong = await page.post('/api/auth/reauthenticate', { method: 'totp', code: '000000' });
    expect(wrong.outcome).toBe('401 mfa_code_invalid');
    expect(wrong.setCookies).toEqual([]);
    expect((await page.signInAgain('/auth/reauthenticate', { method: 'totp', code })).status).toBe(200);
    expect((await copy.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await page.get('/strong')).status).toBe(200);
    expect((await page.post('/api/auth/reauthenticate', { method: 'totp', code })).outcome, 'twice').toBe('401 mfa_code_invalid');
    const changed = await page.signInAgain('/auth/password', {
      currentPassword: page.user!.password,
      newPassword: 'seven purple lanterns',
    });
    expect(changed.status).toBe(200);
    expect((await page.get('/strong')).status, 'a new password loses no factor').toBe(200);
    for (const body of [{}, { password: 'x', method: 'totp', code }, { method: 'totp' }, { method: 'pwd', code }])
      expect((await page.post('/api/auth/reauthenticate', body)).outcome).toBe('400 invalid_request');
  });

  test('is removed only by whoever proves it; another is set up only then', async () => {
    const page = await app.signedIn();
    expect((await page.call('DELETE', '/api/auth/mfa/totp')).outcome).toBe('404 not_found');
    expect((await page.post('/api/auth/mfa/recovery-codes')).outcome).toBe('404 not_found');
    expect((await page.post('/api/auth/mfa/totp/confirm', { code: '000000' })).outcome).toBe('409 conflict');
    const { app: phone } = await enrol(page);
    expect((await page.post('/api/auth/mfa/totp')).outcome).toBe('409 conflict');
    const client = app.client();
    await second(client, await ticketOf(client, page), phone.codeAt(app.now));
    const removed = await page.call('DELETE', '/api/auth/mfa/totp');
    expect(removed.json).toMatchObject({ user: { mfaEnabled: false } });
    expect((await page.get('/hello')).status).toBe(200);
    expect((await client.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await app.client().login(page.user!)).json.mfaRequired).toBeUndefined();
    expect((await page.post('/api/auth/mfa/totp')).status).toBe(200);
    expect(app.eventsOf(page.userId)).toContain('factor.disabled');
  });

  test('a secret that nobody confirmed in half an hour is not waited for', async () => {
    const page = await app.signedIn();
    const begun = await page.post('/api/auth/mfa/totp');
    await app.advance({ minutes: 30 });
    await page.refresh();
    await page.signInAgain('/auth/reauthenticate', { password: page.user!.password });
    const code = new Authenticator(begun.json.uri as string).codeAt(app.now);
    expect((await page.post('/api/auth/mfa/totp/confirm', { code })).outcome).toBe('409 conflict');
  });

  test('outlives a reset of the password by mail', async () => {
    const page = await app.signedIn();
    const { app: phone } = await enrol(page);
    await app.client().post('/api/auth/password/forgot', { email: page.user!.email });
    const token = tokenIn(await inbox.find(page.user!.email, /Set a new password/));
    expect((await app.client().post('/api/auth/password/reset', { token, newPassword: 'seven purple lanterns' })).status).toBe(200);
    const client = app.client();
    const ticket = await ticketOf(client, page, { password: 'seven purple lanterns' });
    expect((await second(client, ticket, phone.codeAt(app.now))).status).toBe(200);
  });

  test('that its user has lost is removed by the application: he is told, all sessions end, and the password lets him in', async () => {
    const page = await app.signedIn();
    await enrol(page);
    inbox.clear();
    await app.auth.users.removeSecondFactor(page.userId);
    expect((await page.get('/hello')).outcome).toBe('401 session_revoked');
    await inbox.find(page.user!.email, /second factor/);
    expect((await app.client().login(page.user!)).json).toMatchObject({ user: { mfaEnabled: false } });
    await expect(app.auth.users.removeSecondFactor(page.userId)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('its owner is told of each change, and can disown one that was not his', async () => {
    const page = await app.signedIn();
    const { email } = page.user!;
    await enrol(page);
    const notice = await inbox.find(email, /second factor/);
    expect(notice.text).toContain('This was not you?');
    await page.post('/api/auth/mfa/recovery-codes');
    await expect.poll(() => inbox.to(email).filter(({ subject }) => /second factor/.test(subject)).length).toBe(2);
    expect((await app.client().post('/api/auth/not-me', { token: tokenIn(notice) })).status).toBe(200);
    expect((await page.get('/hello')).outcome).toBe('401 session_revoked');
    const reset = tokenIn(await inbox.find(email, /Set a new password/));
    await app.client().post('/api/auth/password/reset', { token: reset, newPassword: 'seven purple lanterns' });
    const back = app.client();
    expect((await back.login(page.user!, { password: 'seven purple lanterns' })).json).toMatchObject({ user: { mfaEnabled: false } });
  });
});
