/** What people do with mails: verify an address, change it, forget the password, register by e-mail alone, say that it was not them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeIn, Inbox, linkIn, tokenIn } from '../support/inbox.js';
import { overEachCarrier } from '../support/over-each-carrier.js';
import { startApp, type AppOptions, type TestApp } from '../support/start-app.js';

const password = 'correct horse battery staple';
const newPassword = 'a better horse and another battery';

let app: TestApp;
let running: TestApp[] = [];
let inbox: Inbox;

async function start(options: AppOptions = {}): Promise<void> {
  inbox = new Inbox();
  app = await startApp({ inbox, ...options });
  running.push(app);
}

afterEach(async () => {
  for (const one of running) await one.stop();
  running = [];
});

function userNow(id: string): Promise<{ email: string | null; emailVerified: boolean } | null> {
  return app.auth.users.find({ id });
}

describe('verifying an address', () => {
  beforeEach(() => start());

  test('registration sends a mail, and its link verifies the address without signing anybody in', async () => {
    const page = app.client();
    const registered = await page.post('/api/auth/register', { username: 'ada', email: 'Ada@example.test', password });
    expect(registered.status).toBe(201);
    expect(registered.json.user.emailVerified).toBe(false);
    const mail = await inbox.next('Ada@example.test', 1);
    expect(mail.subject).toBe('Confirm your address for app.example.test');
    expect(linkIn(mail)).toMatch(/^https:\/\/app\.example\.test\/api\/auth\/email\/verify#token=cso_[\w-]{111}$/);
    const verified = await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) });
    expect(verified.outcome).toBe('200');
    expect(verified.setCookies).toEqual([]);
    expect((await userNow(registered.json.user.id as string))?.emailVerified).toBe(true);
    expect((await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) })).outcome).toBe('410 one_time_token_used');
    expect(app.eventsOf(registered.json.user.id as string)).toEqual(['user.registered', 'email.verified']);
  });

  test('whoever is signed in asks for another mail, and types its code', async () => {
    const page = await app.signedIn({ emailVerified: false });
    expect((await page.post('/api/auth/email/verification')).outcome).toBe('202');
    const first = await inbox.next(page.user!.email, 1);
    await page.post('/api/auth/email/verification');
    const second = await inbox.next(page.user!.email, 2);
    expect((await page.post('/api/auth/email/verify', { code: codeIn(first) })).outcome).toBe('400 one_time_token_invalid');
    expect((await app.client().post('/api/auth/email/verify', { token: tokenIn(first) })).outcome).toBe('410 one_time_token_expired');
    expect((await app.client().post('/api/auth/email/verify', { code: codeIn(second) })).outcome).toBe('401 token_missing');
    const other = await app.signedIn({ emailVerified: false });
    expect((await other.post('/api/auth/email/verify', { code: codeIn(second) })).outcome).toBe('400 one_time_token_invalid');
    const code = codeIn(second);
    expect((await page.post('/api/auth/email/verify', { code: `${code.slice(0, 3)} ${code.slice(3)}` })).outcome).toBe('200');
    expect((await page.get('/api/users/me')).json.user.emailVerified).toBe(true);
    expect((await page.post('/api/auth/email/verification')).outcome).toBe('409 conflict');
  });

  test('a code wants the CSRF token, as every cookie does', async () => {
    const page = await app.signedIn({ emailVerified: false });
    await page.post('/api/auth/email/verification');
    const code = codeIn(await inbox.next(page.user!.email, 1));
    expect((await page.post('/api/auth/email/verify', { code }, { headers: { 'x-csrf-token': null } })).outcome).toBe('403 csrf_failed');
  });

  test('five wrong codes are the end of a code, and not of the link', async () => {
    const page = await app.signedIn({ emailVerified: false });
    await page.post('/api/auth/email/verification');
    const mail = await inbox.next(page.user!.email, 1);
    const wrong = codeIn(mail) === '000000' ? '000001' : '000000';
    for (let tried = 0; tried < 5; tried += 1)
      expect((await page.post('/api/auth/email/verify', { code: wrong })).outcome).toBe('400 one_time_token_invalid');
    expect((await page.post('/api/auth/email/verify', { code: codeIn(mail) })).outcome).toBe('410 one_time_token_expired');
    expect((await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) })).outcome).toBe('200');
  });

  test('an address that another has proved is not asked to be proved again: its holder is told that he has an account', async () => {
    const owner = await app.createUser();
    const registered = await app.client().post('/api/auth/register', { username: 'mallory', email: owner.email, password });
    expect(registered.status).toBe(201);
    const mail = await inbox.next(owner.email, 1);
    expect(mail.subject).toBe('You already have an account at app.example.test');
    expect(mail.text).not.toContain('token');
    expect((await app.client().login({ username: owner.email, password: owner.password })).json.user.id).toBe(owner.id);
  });

  test('whoever proves an address takes the sign-in by it from who never did', async () => {
    const squatter = await app
      .client()
      .post('/api/auth/register', { username: 'squatter', email: 'ada@example.test', password: 'seven purple lanterns drift' });
    const owner = await app.client().post('/api/auth/register', { username: 'ada', email: 'ada@example.test', password });
    expect((await app.client().login({ username: 'ada@example.test', password: 'seven purple lanterns drift' })).status).toBe(200);
    const mail = await inbox.next('ada@example.test', 2);
    expect(mail.text).toContain('“ada”');
    await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) });
    expect((await app.client().login({ username: 'ada@example.test', password })).json.user.id).toBe(owner.json.user.id);
    expect((await app.client().login({ username: 'squatter', password: 'seven purple lanterns drift' })).json.user.id).toBe(
      squatter.json.user.id,
    );
    expect((await app.client().login({ username: 'ada@example.test', password: 'seven purple lanterns drift' })).outcome).toBe(
      '401 invalid_credentials',
    );
    const late = tokenIn(inbox.to('ada@example.test')[0]!);
    expect((await app.client().post('/api/auth/email/verify', { token: late })).outcome).toBe('409 conflict');
  });

  test('a link is good for a day, to the second', async () => {
    const page = await app.signedIn({ emailVerified: false });
    await page.post('/api/auth/email/verification');
    const token = tokenIn(await inbox.next(page.user!.email, 1));
    await app.advance({ hours: 24 });
    expect((await app.client().post('/api/auth/email/verify', { token })).outcome).toBe('410 one_time_token_expired');
    const other = await app.signedIn({ emailVerified: false });
    await other.post('/api/auth/email/verification');
    const second = tokenIn(await inbox.next(other.user!.email, 1));
    await app.advance({ hours: 24, ms: -1 });
    expect((await app.client().post('/api/auth/email/verify', { token: second })).outcome).toBe('200');
  });
});

describe('changing the address', () => {
  beforeEach(() => start());

  test('the new one proves itself first, then other devices are signed out and the old one is told', async () => {
    const page = await app.signedIn();
    const { email, username } = page.user!;
    const other = app.client();
    await other.login(page.user!);
    expect((await page.post('/api/auth/email', { newEmail: 'new@example.test' })).outcome).toBe('202');
    expect((await userNow(page.userId))?.email).toBe(email);
    const mail = await inbox.next('new@example.test', 1);
    expect(mail.subject).toContain('Confirm your new address');
    expect(inbox.to(email)).toEqual([]);
    expect((await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) })).outcome).toBe('200');
    expect(await userNow(page.userId)).toMatchObject({ email: 'new@example.test', emailVerified: true });
    expect((await page.get('/hello')).status).toBe(200);
    expect((await other.get('/hello')).outcome).toBe('401 session_revoked');
    const notice = await inbox.next(email, 1);
    expect(notice.subject).toContain('address at app.example.test was changed');
    expect(notice.text).toContain('This was not you?');
    expect((await app.client().login({ username: email, password: page.user!.password })).outcome).toBe('401 invalid_credentials');
    expect((await app.client().login({ username: 'new@example.test', password: page.user!.password })).json.user.username).toBe(username);
    expect(app.eventsOf(page.userId)).toContain('email.changed');
  });

  test('it is a sensitive act, and its code is typed where one is signed in', async () => {
    const page = await app.signedIn();
    const thief = page.copy();
    expect(
      (
        await thief.post(
          '/api/auth/email',
          { newEmail: 'thief@example.test' },
          { headers: { cookie: `${app.cookie('access')}=${page.currentAccessToken}` } },
        )
      ).outcome,
    ).toBe('401 refresh_token_missing');
    await app.advance({ minutes: 11 });
    expect((await page.post('/api/auth/email', { newEmail: 'new@example.test' })).outcome).toBe('401 step_up_required');
    await page.signInAgain('/auth/reauthenticate', { password: page.user!.password });
    expect((await page.post('/api/auth/email', { newEmail: 'new@example.test' })).outcome).toBe('202');
    const code = codeIn(await inbox.next('new@example.test', 1));
    expect((await page.post('/api/auth/email/verify', { code })).outcome).toBe('200');
    expect((await page.get('/api/users/me')).json.user.email).toBe('new@example.test');
  });

  test('what was sent to the old address, and what was asked for before, is void then', async () => {
    const page = await app.signedIn();
    await app.client().post('/api/auth/password/forgot', { email: page.user!.email });
    const reset = tokenIn(await inbox.next(page.user!.email, 1));
    await page.post('/api/auth/email', { newEmail: 'first@example.test' });
    const first = tokenIn(await inbox.next('first@example.test', 1));
    await page.post('/api/auth/email', { newEmail: 'second@example.test' });
    const second = tokenIn(await inbox.next('second@example.test', 1));
    expect((await page.post('/api/auth/email/verify', { token: first })).outcome).toBe('410 one_time_token_expired');
    expect((await page.post('/api/auth/email/verify', { token: second })).outcome).toBe('200');
    expect((await page.post('/api/auth/password/reset', { token: reset, newPassword })).outcome).toBe('410 one_time_token_expired');
  });

  test('to an address that another has proved it is not told, and not done', async () => {
    const [page, owner] = [await app.signedIn(), await app.createUser()];
    expect((await page.post('/api/auth/email', { newEmail: owner.email })).outcome).toBe('202');
    expect((await inbox.next(owner.email, 1)).subject).toContain('already have an account');
    expect((await userNow(page.userId))?.email).toBe(page.user!.email);
  });

  test('a change that was asked for is void once the password has changed', async () => {
    const page = await app.signedIn();
    await page.post('/api/auth/email', { newEmail: 'new@example.test' });
    const token = tokenIn(await inbox.next('new@example.test', 1));
    await page.signInAgain('/auth/password', { currentPassword: page.user!.password, newPassword });
    expect((await page.post('/api/auth/email/verify', { token })).outcome).toBe('410 one_time_token_expired');
  });

  test('what is no address, or is the address already, is refused', async () => {
    const page = await app.signedIn();
    for (const newEmail of ['nobody', 'a@b@example.test', 'a@example.test\r\nBcc: b@example.test', page.user!.email])
      expect((await page.post('/api/auth/email', { newEmail })).outcome, newEmail).toBe('400 invalid_request');
  });
});

describe('forgetting the password', () => {
  beforeEach(() => start());

  test('a link sets a new one: all sessions end, keys are revoked, nobody is signed in, the user is told', async () => {
    const page = await app.signedIn({ emailVerified: false });
    const { email } = page.user!;
    expect((await app.client().post('/api/auth/password/forgot', { email: email.toUpperCase() })).outcome).toBe('202');
    const mail = await inbox.find(email, /Set a new password/);
    expect(linkIn(mail)).toMatch(/^https:\/\/app\.example\.test\/api\/auth\/password\/reset#token=cso_/);
    expect(mail.text).not.toMatch(/code/);
    const reset = await app.client().post('/api/auth/password/reset', { token: tokenIn(mail), newPassword });
    expect(reset.outcome).toBe('200');
    expect(reset.setCookies).toEqual([]);
    expect((await page.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await page.refresh()).outcome).toBe('401 session_revoked');
    expect((await app.client().login(page.user!)).outcome).toBe('401 invalid_credentials');
    expect((await app.client().login(page.user!, { password: newPassword })).json.user.emailVerified).toBe(true);
    expect(app.eventsOf(page.userId)).toContain('password.changed');
  });

  test('the address counts as proved by it, and the notice goes there', async () => {
    const page = await app.signedIn({ emailVerified: false });
    const { email } = page.user!;
    await app.client().post('/api/auth/password/forgot', { email });
    await app.client().post('/api/auth/password/reset', { token: tokenIn(await inbox.next(email, 1)), newPassword });
    expect(await userNow(page.userId)).toMatchObject({ email, emailVerified: true });
    expect((await inbox.next(email, 2)).subject).toContain('password at app.example.test was changed');
  });

  test('a bad password, and one that is none, do not use the link up', async () => {
    const user = await app.createUser();
    await app.client().post('/api/auth/password/forgot', { email: user.email });
    const token = tokenIn(await inbox.next(user.email, 1));
    for (const bad of ['short', '', 'x'.repeat(257)])
      expect((await app.client().post('/api/auth/password/reset', { token, newPassword: bad })).outcome).toBe('400 invalid_request');
    expect((await app.client().post('/api/auth/password/reset', { token, newPassword, extra: 1 })).outcome).toBe('400 invalid_request');
    expect((await app.client().post('/api/auth/password/reset', { token, newPassword })).outcome).toBe('200');
    expect((await app.client().post('/api/auth/password/reset', { token, newPassword })).outcome).toBe('410 one_time_token_used');
  });

  test('for an unknown address, a disabled user and a known one the answer is the same, and only the known one gets a mail', async () => {
    const [known, disabled] = [await app.createUser(), await app.createUser()];
    await app.auth.users.setDisabled(disabled.id, true);
    const answers = [];
    for (const email of [known.email, disabled.email, 'nobody@example.test']) {
      const answer = await app.client().post('/api/auth/password/forgot', { email });
      answers.push({ status: answer.status, text: answer.text, names: [...Object.keys(answer.headers)].sort() });
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    await inbox.next(known.email, 1);
    await expect.poll(() => app.internals.core.store.outbox.nextDue()).toBeNull();
    expect(inbox.mails).toHaveLength(1);
  });

  test('a new password by other means, all sessions ended, or an hour void the link', async () => {
    const acts: ((id: string) => Promise<unknown>)[] = [
      (id) => app.auth.sessions.endAll(id),
      (id) => app.auth.users.setDisabled(id, true),
      () => app.advance({ hours: 1 }),
      () => app.internals.core.store.restoreEpoch(),
    ];
    for (const act of acts) {
      const user = await app.createUser();
      await app.client().post('/api/auth/password/forgot', { email: user.email });
      const token = tokenIn(await inbox.next(user.email, 1));
      await act(user.id);
      const reset = await app.client().post('/api/auth/password/reset', { token, newPassword });
      expect(reset.outcome).toBe('410 one_time_token_expired');
    }
  });
});

describe('registering by e-mail alone', () => {
  const email = 'ada@example.test';

  test('answers the same for a known and an unknown address, and makes the user when the link is used', async () => {
    await start();
    const owner = await app.createUser();
    const [fresh, taken] = [
      await app.client().post('/api/auth/register', { email, password, name: 'Ada' }),
      await app.client().post('/api/auth/register', { email: owner.email, password, name: 'Ada' }),
    ];
    expect(fresh.outcome).toBe('202');
    expect([taken.status, taken.text]).toEqual([fresh.status, fresh.text]);
    expect(await app.auth.users.find({ email })).toBeNull();
    expect((await app.client().login({ username: email, password })).outcome).toBe('401 invalid_credentials');
    expect((await inbox.next(owner.email, 1)).subject).toContain('already have an account');
    const mail = await inbox.next(email, 1);
    const verified = await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) });
    expect([verified.outcome, verified.setCookies]).toEqual(['200', []]);
    expect(await app.auth.users.find({ email })).toMatchObject({ name: 'Ada', username: null, emailVerified: true, roles: ['user'] });
    expect((await app.client().login({ username: email, password })).status).toBe(200);
  });

  test('a second registration voids the first, so that only the last password counts', async () => {
    await start({ identifiers: ['email'] });
    await app.client().post('/api/auth/register', { email, password: 'seven purple lanterns drift' });
    const first = tokenIn(await inbox.next(email, 1));
    await app.client().post('/api/auth/register', { email, password });
    const second = tokenIn(await inbox.next(email, 2));
    expect((await app.client().post('/api/auth/email/verify', { token: first })).outcome).toBe('410 one_time_token_expired');
    expect((await app.client().post('/api/auth/email/verify', { token: second })).outcome).toBe('200');
    expect((await app.client().login({ username: email, password: 'seven purple lanterns drift' })).outcome).toBe(
      '401 invalid_credentials',
    );
    expect((await app.client().login({ username: email, password })).status).toBe(200);
  });

  test('takes the address from an account of a stranger who never proved it', async () => {
    await start();
    await app.client().post('/api/auth/register', { username: 'stranger', email, password: 'seven purple lanterns drift' });
    await inbox.next(email, 1);
    expect((await app.client().post('/api/auth/register', { email, password })).outcome).toBe('202');
    const mail = await inbox.find(email, /Complete your registration/);
    await app.client().post('/api/auth/email/verify', { token: tokenIn(mail) });
    expect((await app.client().login({ username: email, password })).status).toBe(200);
    expect((await app.client().login({ username: email, password: 'seven purple lanterns drift' })).outcome).toBe(
      '401 invalid_credentials',
    );
  });

  test('is told what is wrong with it before anything is sent, and may be refused by the application', async () => {
    await start({
      beforeRegister: ({ email: given }) => {
        if (given === 'not@example.test') throw new Error('not wanted');
      },
    });
    expect((await app.client().post('/api/auth/register', { email, password: 'short' })).outcome).toBe('400 invalid_request');
    expect((await app.client().post('/api/auth/register', { password })).outcome).toBe('400 invalid_request');
    expect((await app.client().post('/api/auth/register', { email: 'not@example.test', password })).status).toBe(500);
    expect(await app.internals.core.store.outbox.nextDue()).toBeNull();
  });

  test('without mail a user name is needed', async () => {
    app = await startApp();
    running.push(app);
    const refused = await app.client().post('/api/auth/register', { email, password });
    expect(refused.outcome).toBe('400 invalid_request');
    expect(refused.problem.errors).toMatchObject([{ path: 'username', code: 'required' }]);
  });
});

describe('an account that is not verified', () => {
  test('cannot be logged into where that is refused, until the link was used', async () => {
    await start({ unverifiedAccounts: 'refuse' });
    expect((await app.client().post('/api/auth/register', { username: 'ada', password })).outcome).toBe('400 invalid_request');
    await app.client().post('/api/auth/register', { username: 'ada', email: 'ada@example.test', password });
    const [unverified, wrong] = [
      await app.client().login({ username: 'ada', password }),
      await app.client().login({ username: 'ada', password: 'wrong password' }),
    ];
    expect(unverified.outcome).toBe('401 invalid_credentials');
    expect({ ...unverified.json, requestId: '' }).toEqual({ ...wrong.json, requestId: '' });
    await app.client().post('/api/auth/email/verify', { token: tokenIn(await inbox.next('ada@example.test', 1)) });
    expect((await app.client().login({ username: 'ada', password })).status).toBe(200);
  });
});

describe('notices', () => {
  beforeEach(() => start());

  test('tell of a changed password and of a replay, to an address that is proved and to no other', async () => {
    const [proved, unproved] = [await app.signedIn(), await app.signedIn({ emailVerified: false })];
    for (const page of [proved, unproved]) {
      const thief = page.copy();
      await page.refresh();
      await page.refresh();
      await app.advance({ minutes: 2 });
      expect((await thief.refresh()).outcome).toBe('401 refresh_token_replayed');
    }
    const replayed = await inbox.find(proved.user!.email, /signed out of app\.example\.test for safety/);
    await proved.login(proved.user!);
    await proved.signInAgain('/auth/password', { currentPassword: proved.user!.password, newPassword });
    const changed = await inbox.find(proved.user!.email, /password at app\.example\.test was changed/);
    for (const mail of [replayed, changed]) expect(linkIn(mail)).toMatch(/\/api\/auth\/not-me#token=cso_/);
    expect(inbox.to(unproved.user!.email)).toEqual([]);
  });

  test('"this was not me" puts an account that was taken over back into the hands of its owner', async () => {
    const owner = await app.signedIn();
    const { email, username } = owner.user!;
    const thief = owner.copy();
    await thief.signInAgain('/auth/password', { currentPassword: owner.user!.password, newPassword: 'nine quiet rivers of glass' });
    await inbox.find(email, /password .* was changed/);
    await app.advance({ seconds: 1 });
    await thief.post('/api/auth/email', { newEmail: 'thief@example.test' });
    await thief.post('/api/auth/email/verify', { code: codeIn(await inbox.next('thief@example.test', 1)) });
    const notice = await inbox.find(email, /address .* was changed/);
    await app.advance({ seconds: 1 });
    await thief.signInAgain('/auth/password', { currentPassword: 'nine quiet rivers of glass', newPassword: 'four green kettles whistle' });
    const toThief = await inbox.find('thief@example.test', /password .* was changed/);

    expect((await app.client().post('/api/auth/not-me', { token: tokenIn(notice) })).outcome).toBe('200');
    expect((await thief.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await thief.refresh()).outcome).toBe('401 session_revoked');
    expect(await userNow(owner.userId)).toMatchObject({ email, emailVerified: true });
    expect((await app.client().post('/api/auth/not-me', { token: tokenIn(toThief) })).outcome).toBe('410 one_time_token_expired');
    const reset = await inbox.find(email, /Set a new password/);
    expect((await app.client().post('/api/auth/password/reset', { token: tokenIn(reset), newPassword })).outcome).toBe('200');
    expect((await app.client().login({ username, password: newPassword })).status).toBe(200);
    expect((await app.client().post('/api/auth/not-me', { token: tokenIn(notice) })).outcome).toBe('410 one_time_token_used');
    expect(inbox.to('thief@example.test')).toHaveLength(2);
    expect(app.eventsOf(owner.userId)).toContain('user.disowned');
  });
});

describe('how many mails are sent', () => {
  test('is limited by the address that asks, and by the address that they go to, which nobody is told', async () => {
    await start({ limits: { login: '6/15m', api: 'insecure-off' } });
    const user = await app.createUser();
    const ask = (email: string): Promise<{ outcome: string; header(name: string): string | undefined }> =>
      app.client().post('/api/auth/password/forgot', { email });
    for (let asked = 0; asked < 5; asked += 1) expect((await ask(user.email)).outcome).toBe('202');
    expect((await ask('nobody@example.test')).outcome).toBe('202');
    const refused = await ask('nobody@example.test');
    expect(refused.outcome).toBe('429 too_many_attempts');
    expect(refused.header('retry-after')).toBe('900');
    await expect.poll(() => app.internals.core.store.outbox.nextDue()).toBeNull();
    expect(inbox.to(user.email)).toHaveLength(3);
    await app.advance({ minutes: 15 });
    expect((await ask(user.email)).outcome).toBe('202');
    await inbox.next(user.email, 4);
  });

  test('is told to whoever is signed in', async () => {
    await start({ limits: { login: '100/15m', api: 'insecure-off' } });
    const page = await app.signedIn({ emailVerified: false });
    for (let asked = 0; asked < 3; asked += 1) expect((await page.post('/api/auth/email/verification')).outcome).toBe('202');
    expect((await page.post('/api/auth/email/verification')).outcome).toBe('429 too_many_attempts');
  });
});

describe('mails of one’s own', () => {
  test('are put into words by a function, which gets all that there is to say', async () => {
    const facts: unknown[] = [];
    await start({
      links: { verifyEmail: 'https://web.example.test/confirm?from=mail' },
      composeMail: (given, standard) => {
        facts.push(given);
        if (given.template !== 'verify_email') return null;
        return { ...standard, subject: `Bestätige ${given.to}\r\nBcc: x@example.test`, text: `Hier: ${given.link ?? ''}` };
      },
    });
    const page = app.client();
    await page.post(
      '/api/auth/register',
      { username: 'ada', email: 'ada@example.test', password, name: 'Ada' },
      { headers: { 'accept-language': 'de-CH, en;q=0.5' } },
    );
    const mail = await inbox.next('ada@example.test', 1);
    expect(mail.subject).toBe('Bestätige ada@example.test Bcc: x@example.test');
    expect(mail.text).toMatch(/^Hier: https:\/\/web\.example\.test\/confirm\?from=mail#token=cso_[\w-]+$/);
    expect(facts).toMatchObject([
      { template: 'verify_email', locale: 'de-CH', service: 'app.example.test', user: { username: 'ada', name: 'Ada', profile: {} } },
    ]);
  });
});

overEachCarrier(
  'a reset',
  (at) => {
    test('goes from the mail to the new password', async () => {
      const user = await at.app.createUser();
      expect((await at.app.client().post('/api/auth/password/forgot', { email: user.email })).outcome).toBe('202');
      const mail = await at.app.inbox.next(user.email, 1);
      const opened = await at.app.client().get('/api/auth/password/reset');
      expect([opened.status, opened.header('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      const reset = await at.app.client().post('/api/auth/password/reset', { token: tokenIn(mail), newPassword });
      expect(reset.outcome).toBe('200');
      expect((await at.app.client().login(user, { password: newPassword })).status).toBe(200);
    });
  },
  { inbox: new Inbox() },
);
