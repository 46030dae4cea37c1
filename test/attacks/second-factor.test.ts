/**
 * The attacker has the password of somebody who has a second factor, and goes around it: he guesses codes, with one ticket, with ever new ones or
 * many at once; uses one code twice; uses the ticket for something else, or after the account has changed; takes away the factor from a session
 * that he has copied.
 *
 * Proves: ASVS 5.0 V2.3.4, V6.3.1, V6.4.3, V6.5.1, V6.5.5, V6.6.3; M-01, M-02, M-04, M-05, M-06, M-10, M-12.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enrol, type EnrolledApp } from '../support/authenticator.js';
import type { Client } from '../support/client.js';
import type { HttpAnswer } from '../support/http.js';
import { Inbox, tokenIn } from '../support/inbox.js';
import { startApp, type TestApp } from '../support/start-app.js';

let app: TestApp;
let limited: TestApp;
let mailed: TestApp;
const inbox = new Inbox();

beforeAll(async () => {
  app = await startApp();
  mailed = await startApp({ inbox });
  limited = await startApp({ limits: { login: '100/15m', api: 'insecure-off' } });
});
afterAll(() => Promise.all([app.stop(), limited.stop(), mailed.stop()]));

interface Victim extends EnrolledApp {
  readonly page: Client;
}

async function victimOf(app: TestApp): Promise<Victim> {
  const page = await app.signedIn();
  return { page, ...(await enrol(page)) };
}

async function ticketFor({ page }: Victim): Promise<string> {
  const { username, password } = page.user!;
  const answer = await page.app.client().post('/api/auth/login', { username, password });
  return (answer.json as { ticket: string }).ticket;
}

const guess = (app: TestApp, ticket: string, code: unknown, method = 'totp'): Promise<HttpAnswer> =>
  app.client().post('/api/auth/login/mfa', { ticket, method, code });

/** No code of the steps around now. */
function wrongCode({ app: phone, page }: Victim): string {
  const good = [-60_000, -30_000, 0, 30_000, 60_000].map((by) => phone.codeAt(page.app.now + by));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !good.includes(code))!;
}

test('one ticket is good for five codes, also when they come at once', async () => {
  const victim = await victimOf(app);
  const ticket = await ticketFor(victim);
  const answers = await Promise.all(Array.from({ length: 40 }, () => guess(app, ticket, wrongCode(victim))));
  const outcomes = answers.map(({ outcome }) => outcome);
  expect(outcomes.filter((outcome) => outcome === '401 mfa_code_invalid')).toHaveLength(5);
  expect(outcomes.filter((outcome) => outcome === '410 one_time_token_expired')).toHaveLength(35);
  expect((await guess(app, ticket, victim.app.codeAt(app.now))).outcome, 'the right one').toBe('410 one_time_token_expired');
});

test('with ever new tickets nobody gets more than ten an hour for one account; its owner has his recovery codes, others are not touched', async () => {
  const [victim, other] = [await victimOf(limited), await victimOf(limited)];
  const outcomes: string[] = [];
  for (let time = 0; time < 12; time += 1) outcomes.push((await guess(limited, await ticketFor(victim), wrongCode(victim))).outcome);
  expect(outcomes.slice(0, 10).every((outcome) => outcome === '401 mfa_code_invalid')).toBe(true);
  expect(outcomes.slice(10)).toEqual(['429 too_many_attempts', '429 too_many_attempts']);
  const code = victim.app.codeAt(limited.now);
  expect((await guess(limited, await ticketFor(victim), code)).outcome).toBe('429 too_many_attempts');
  const stepUp = { method: 'totp', code };
  expect((await victim.page.post('/api/auth/reauthenticate', stepUp)).outcome, 'nor by step-up').toBe('429 too_many_attempts');
  expect((await guess(limited, await ticketFor(victim), victim.recoveryCodes[0], 'recovery')).status).toBe(200);
  expect((await guess(limited, await ticketFor(other), other.app.codeAt(limited.now))).status).toBe(200);
  await limited.advance({ hours: 1 });
  expect((await guess(limited, await ticketFor(victim), victim.app.codeAt(limited.now))).status).toBe(200);
}, 60_000);

test('who has not the password counts for nobody', async () => {
  const victim = await victimOf(limited);
  const ticket = await ticketFor(victim);
  const forged = `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}`;
  for (let time = 0; time < 15; time += 1) {
    expect((await guess(limited, forged, '000000')).outcome).toBe('400 one_time_token_invalid');
    await limited.client().login({ username: victim.page.user!.username, password: 'not the password' });
  }
  expect((await guess(limited, ticket, victim.app.codeAt(limited.now))).status).toBe(200);
});

test('one code lets in one, of a hundred at once and ever after, and so does one ticket', async () => {
  const victim = await victimOf(app);
  const tickets = await Promise.all(Array.from({ length: 100 }, () => ticketFor(victim)));
  const code = victim.app.codeAt(app.now);
  const answers = await Promise.all(tickets.map((ticket) => guess(app, ticket, code)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ outcome }) => outcome === '401 mfa_code_invalid')).toHaveLength(99);
  const winner = tickets[answers.findIndex(({ status }) => status === 200)]!;
  expect((await guess(app, await ticketFor(victim), code)).outcome).toBe('401 mfa_code_invalid');
  expect((await guess(app, await ticketFor(victim), victim.app.codeAt(app.now - 30_000))).outcome).toBe('401 mfa_code_invalid');
  await app.advance({ seconds: 30 });
  expect((await guess(app, winner, victim.app.codeAt(app.now))).outcome).toBe('410 one_time_token_used');
}, 60_000);

test('a ticket is good for five minutes, and not once the account has changed', async () => {
  const victim = await victimOf(app);
  const { id, username, password } = victim.page.user!;
  const late = await ticketFor(victim);
  await app.advance({ minutes: 5 });
  expect((await guess(app, late, victim.app.codeAt(app.now))).outcome).toBe('410 one_time_token_expired');
  const acts = [
    () => app.auth.sessions.endAll(id),
    () => app.auth.users.setDisabled(id, true),
    () => app.internals.core.store.users.setPassword(id, 'another hash'),
  ];
  for (const act of acts) {
    const ticket = await ticketFor(victim);
    await act();
    await app.auth.users.setDisabled(id, false);
    await app.advance({ seconds: 30 });
    expect((await guess(app, ticket, victim.app.codeAt(app.now))).outcome).toBe('410 one_time_token_expired');
  }
  expect((await app.client().login({ username, password })).outcome).toBe('401 invalid_credentials');
});

test('a ticket is a credential nowhere else, and nothing else is a ticket', async () => {
  const victim = await victimOf(app);
  const ticket = await ticketFor(victim);
  const bearer = { headers: { authorization: `Bearer ${ticket}` } };
  const thief = app.client({ origin: null });
  expect((await thief.get('/hello', bearer)).outcome).toBe('401 token_invalid');
  for (const path of ['/api/auth/mfa/totp', '/api/auth/mfa/recovery-codes', '/api/auth/api-keys'])
    expect((await thief.post(path, undefined, bearer)).outcome, path).toBe('401 token_invalid');
  expect((await thief.call('DELETE', '/api/auth/mfa/totp', bearer)).outcome).toBe('401 token_invalid');
  expect((await thief.post('/api/auth/refresh', { refreshToken: ticket })).outcome).toBe('401 refresh_token_invalid');
  const links = [
    ['/api/auth/email/verify', {}],
    ['/api/auth/not-me', {}],
    ['/api/auth/password/reset', { newPassword: 'seven purple lanterns' }],
  ] as const;
  for (const [path, more] of links)
    expect((await app.client().post(path, { token: ticket, ...more })).outcome, path).toBe('400 one_time_token_invalid');
  const code = victim.app.codeAt(app.now);
  for (const other of [victim.page.currentAccessToken, victim.page.currentRefreshToken, victim.page.csrf!, '', `${ticket}A`])
    expect((await guess(app, other, code)).outcome).toBe('400 one_time_token_invalid');
  expect((await guess(app, ticket, code)).status, 'and is good still').toBe(200);
});

test('a code of another user, or of a secret that was not confirmed, is none', async () => {
  const [victim, attacker] = [await victimOf(app), await victimOf(app)];
  const ticket = await ticketFor(victim);
  expect((await guess(app, ticket, attacker.app.codeAt(app.now))).outcome).toBe('401 mfa_code_invalid');
  expect((await guess(app, ticket, attacker.recoveryCodes[0], 'recovery')).outcome).toBe('401 mfa_code_invalid');
});

test('what is no code is refused, and only spaces and hyphens are looked over', async () => {
  const victim = await victimOf(app);
  const code = victim.app.codeAt(app.now);
  for (const shape of [Number(code), [code], { code }, null, true])
    expect((await guess(app, await ticketFor(victim), shape)).outcome).toBe('400 invalid_request');
  const fullWidth = code.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
  for (const text of ['', code.slice(1), `${code}0`, `+${code}`, fullWidth])
    expect((await guess(app, await ticketFor(victim), text)).outcome).toBe('401 mfa_code_invalid');
  expect((await guess(app, await ticketFor(victim), `${code.slice(0, 3)} ${code.slice(3)}`)).status).toBe(200);
});

test('who has copied a session and knows the password cannot take the factor away, change the password or make a key', async () => {
  const { page } = await victimOf(app);
  await app.advance({ minutes: 11 });
  const thief = page.copy();
  expect((await thief.signInAgain('/auth/reauthenticate', { password: page.user!.password })).status).toBe(200);
  const acts = [
    ['DELETE', '/api/auth/mfa/totp', undefined],
    ['POST', '/api/auth/mfa/recovery-codes', undefined],
    ['POST', '/api/auth/password', { currentPassword: page.user!.password, newPassword: 'seven purple lanterns' }],
    ['DELETE', '/api/users/me', undefined],
  ] as const;
  for (const [method, path, json] of acts)
    expect((await thief.call(method, path, json === undefined ? {} : { json })).outcome, path).toBe('401 step_up_required');
});

test('codes of mails are counted apart: to try one does not begin the count of the second factor anew', async () => {
  const victim = await victimOf(limited);
  const { page } = victim;
  const stepUp = async (): Promise<string> =>
    (await page.post('/api/auth/reauthenticate', { method: 'totp', code: wrongCode(victim) })).outcome;
  const outcomes: string[] = [];
  for (let count = 0; count < 11; count += 1) outcomes.push(await stepUp());
  expect(outcomes.at(-1)).toBe('429 too_many_attempts');
  await page.post('/api/auth/email/verify', { code: '123456' });
  expect(await stepUp()).toBe('429 too_many_attempts');
});

test('to remove the factor, or to change the password, makes no old proof a new one', async () => {
  const [victim, other] = [await victimOf(app), await victimOf(app)];
  await app.advance({ minutes: 9 });
  expect((await victim.page.call('DELETE', '/api/auth/mfa/totp')).status).toBe(200);
  expect((await victim.page.get('/strong')).outcome, 'of a factor that is gone').toBe('401 step_up_required');
  expect((await victim.page.get('/recent')).outcome).toBe('401 step_up_required');
  const passwords = { currentPassword: other.page.user!.password, newPassword: 'seven purple lanterns' };
  expect((await other.page.signInAgain('/auth/password', passwords)).status).toBe(200);
  expect((await other.page.get('/strong')).outcome, 'by the password alone').toBe('401 step_up_required');
  await app.advance({ minutes: 2 });
  expect((await other.page.post('/api/auth/mfa/recovery-codes')).outcome).toBe('401 step_up_required');
});

test('a code and a copied access token are not enough to prove oneself again', async () => {
  const victim = await victimOf(app);
  const thief = app.client({ origin: null });
  thief.accessToken = victim.page.currentAccessToken;
  const proof = { method: 'totp', code: victim.app.codeAt(app.now) };
  expect((await thief.post('/api/auth/reauthenticate', proof)).outcome).toBe('401 refresh_token_missing');
  expect((await victim.page.signInAgain('/auth/reauthenticate', proof)).status, 'and the code is good still').toBe(200);
});

test('recovery codes that a thief made are gone when the owner says that it was not he, though his app stays', async () => {
  const victim = await victimOf(mailed);
  const { page } = victim;
  await inbox.find(page.user!.email, /second factor/);
  await mailed.advance({ minutes: 9 });
  inbox.clear();
  const { recoveryCodes } = (await page.post('/api/auth/mfa/recovery-codes')).json as { recoveryCodes: string[] };
  const notice = await inbox.find(page.user!.email, /second factor/);
  expect((await mailed.client().post('/api/auth/not-me', { token: tokenIn(notice) })).status).toBe(200);
  const reset = tokenIn(await inbox.find(page.user!.email, /Set a new password/));
  await mailed.client().post('/api/auth/password/reset', { token: reset, newPassword: 'seven purple lanterns' });
  const login = { username: page.user!.username, password: 'seven purple lanterns' };
  const { ticket } = (await mailed.client().post('/api/auth/login', login)).json as { ticket: string };
  expect((await guess(mailed, ticket, recoveryCodes[0], 'recovery')).outcome).toBe('401 mfa_code_invalid');
  expect((await guess(mailed, ticket, victim.app.codeAt(mailed.now))).status).toBe(200);
});

test('neither secret nor recovery codes are shown again, kept in the clear or logged', async () => {
  const { page, recoveryCodes } = await victimOf(app);
  for (const path of ['/api/users/me', '/api/auth/session', '/api/auth/sessions'])
    expect(app.secrets.foundIn((await page.get(path)).text).filter((found) => found.startsWith('second factor'))).toEqual([]);
  expect(recoveryCodes).toHaveLength(10);
  expect(app.secrets.count('second factor')).toBeGreaterThan(20);
  expect(app.secrets.foundIn(app.logText)).toEqual([]);
  for (const file of [app.file, `${app.file}-wal`]) {
    const found = app.secrets.foundIn(await readFile(file));
    expect(found.filter((secret) => secret.startsWith('second factor') || secret.startsWith('one-time token'))).toEqual([]);
  }
});
