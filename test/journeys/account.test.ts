/** One's own account: registering it, reading, changing and deleting it. */
import { describe, expect, test } from 'vitest';
import { overEveryCarrier, withApp } from '../support/over-each-carrier.js';

const password = 'a long enough password';

overEveryCarrier('registration', (at) => {
  test('names every missing field at once', async () => {
    const answer = await at.app.client().post('/api/auth/register', {});
    expect(answer.outcome).toBe('400 invalid_request');
    expect(answer.problem.errors).toEqual([
      { path: 'username', code: 'required', message: 'is required' },
      { path: 'password', code: 'required', message: 'is required' },
    ]);
  });

  test('refuses a user name that differs from a taken one by case only', async () => {
    const client = at.app.client();
    expect((await client.post('/api/auth/register', { username: 'Taken.Name', password })).status).toBe(201);
    const answer = await client.post('/api/auth/register', { username: 'taken.name', password });
    expect(answer.outcome).toBe('409 username_taken');
    expect(answer.problem.errors).toEqual([{ path: 'username', code: 'taken', message: 'is taken' }]);
  });

  test('of one user name by two people at once is won by one', async () => {
    const { app } = at;
    const spellings = ['Race', 'race', 'RACE', 'rAce', 'raCe', 'racE', 'RacE', 'RAce'];
    const answers = await Promise.all(spellings.map((username) => app.client().post('/api/auth/register', { username, password })));
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['201', ...Array<string>(7).fill('409 username_taken')]);
    expect(app.eventsOf(answers.find(({ status }) => status === 201)?.json.user.id as string)).toEqual(['user.registered']);
  });

  test('does not tell a stranger whether an e-mail address has an account, and the address still belongs to its first holder', async () => {
    const { app } = at;
    const owner = await app.createUser();
    const answer = await app
      .client()
      .post('/api/auth/register', { username: `squatter${app.port}`, email: owner.email, password: 'the password of another' });
    expect(answer.status).toBe(201);
    expect((await app.client().login({ username: owner.email, password: owner.password })).json.user.id).toBe(owner.id);
    expect((await app.client().login({ username: owner.email, password: 'the password of another' })).outcome).toBe(
      '401 invalid_credentials',
    );
  });

  test.each(['a@b', ' anna', 'an na', 'änna', 'anna.', '.anna', 'x'.repeat(65), '', 'an\u0000na', 'anna\u200b', '\u0430nna'])(
    'refuses the user name %j',
    async (username) => {
      const answer = await at.app.client().post('/api/auth/register', { username, password });
      expect(answer.outcome).toBe('400 invalid_request');
      expect(answer.problem.errors).toMatchObject([{ path: 'username' }]);
    },
  );
});

describe('registration that is closed', () => {
  const at = withApp({ registration: 'closed' });
  test('is not there', async () => {
    expect((await at.app.client().post('/api/auth/register', { username: 'anna', password })).outcome).toBe('404 not_found');
  });
});

overEveryCarrier('the own account', (at) => {
  test('is read and changed; absent fields stay, null removes', async () => {
    const { app } = at;
    const page = await app.signedIn();
    expect((await page.get('/api/users/me')).json.user).toEqual({
      id: page.userId,
      username: page.user!.username,
      email: page.user!.email,
      emailVerified: true,
      name: null,
      roles: ['user'],
      mfaEnabled: false,
      createdAt: new Date(app.now).toISOString(),
    });
    const named = await page.call('PATCH', '/api/users/me', { json: { name: ' Zoë ' } });
    expect(named.json.user.name).toBe('Zoë');
    expect((await page.call('PATCH', '/api/users/me', { json: {} })).json.user.name).toBe('Zoë');
    expect((await page.call('PATCH', '/api/users/me', { json: { name: null } })).json.user.name).toBeNull();
    expect((await page.get('/api/users/me')).json.user).toMatchObject({ name: null, email: page.user!.email });
  });

  test('is deleted: all sessions are out, cookies are gone, the name is free again', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const other = app.client();
    await other.login(page.user!, { delivery: 'bearer' });
    const deleted = await page.call('DELETE', '/api/users/me');
    expect(deleted.status).toBe(200);
    expect(page.jar.all).toEqual([]);
    expect((await other.get('/api/users/me')).outcome).toBe('401 session_revoked');
    expect((await other.refresh()).outcome).toBe('401 session_revoked');
    expect((await other.get('/api/users/me')).outcome).toBe('401 session_revoked');
    expect((await app.client().login(page.user!)).outcome).toBe('401 invalid_credentials');
    expect((await app.client().post('/api/auth/register', { username: page.user!.username, password })).status).toBe(201);
    expect(app.eventsOf(page.userId)).toContain('user.deleted');
  });

  test('of the only administrator cannot be deleted', async () => {
    const { app } = at;
    const admin = await app.signedIn({ roles: ['admin'] });
    const answer = await admin.call('DELETE', '/api/users/me');
    expect(answer.outcome).toBe('409 conflict');
    expect(answer.setCookies).toEqual([]);
    expect((await admin.get('/api/users/me')).status).toBe(200);
  });
});

describe('an application with fields of its own', () => {
  const at = withApp({
    parseProfile: (input) => {
      const { colour, ...rest } = input as Record<string, unknown>;
      if (Object.keys(rest).length > 0 || (colour !== undefined && typeof colour !== 'string'))
        throw new Error('secret internals of the parser');
      return colour === undefined ? {} : { colour };
    },
  });

  test('has them checked at registration and change, and shown', async () => {
    const client = at.app.client();
    const registered = await client.post('/api/auth/register', { username: 'painter', password, profile: { colour: 'red' } });
    expect(registered.json.user.profile).toEqual({ colour: 'red' });
    await client.login({ username: 'painter', password });
    expect((await client.call('PATCH', '/api/users/me', { json: { profile: { colour: 'blue' } } })).json.user.profile).toEqual({
      colour: 'blue',
    });
    const refused = await client.call('PATCH', '/api/users/me', { json: { profile: { role: 'admin' } } });
    expect(refused.outcome).toBe('400 invalid_request');
    expect(refused.text).not.toContain('secret internals');
  });
});
