/**
 * The attacker asks again and again and learns from the differences who has an account.
 *
 * Proves: ASVS 5.0 V6.3.8 (no difference between existing and unknown accounts); E-01, E-02, E-06, E-12. Timing: `enumeration-timing.ts`.
 */
import { expect, test } from 'vitest';
import type { HttpAnswer } from '../support/http.js';
import { overEachCarrier } from '../support/over-each-carrier.js';

/** Everything that a stranger can see of an answer, but for what is random in each. */
function visible(answer: HttpAnswer): object {
  const { date: _date, 'x-request-id': _id, ...headers } = answer.headers;
  return { status: answer.status, headers, body: answer.text.replace(/"requestId":"[\w-]{16}"/, '') };
}

overEachCarrier('a login that fails', (at) => {
  test('looks the same for an unknown user, a wrong password, a disabled account and one without a password (E-01, E-06)', async () => {
    const { app } = at;
    const [user, disabled] = [await app.createUser(), await app.createUser()];
    await app.auth.users.setDisabled(disabled.id, true);
    const noPassword = await app.auth.users.create({ username: `sso-only${app.port}`, email: `sso${app.port}@example.test` });
    const attempts: [string, string][] = [
      [user.username, 'a wrong password'],
      [user.username.toUpperCase(), 'a wrong password'],
      [user.email, 'a wrong password'],
      [disabled.username, disabled.password],
      [disabled.email, 'a wrong password'],
      [noPassword.username ?? '', 'a wrong password'],
      [noPassword.email ?? '', ''],
      ['nobody-knows', 'a wrong password'],
      ['nobody@example.test', 'a wrong password'],
      ['no such form of a name at all', 'a wrong password'],
      ['', 'a wrong password'],
      [`${user.username}\u200b`, user.password],
      [` ${user.username}`, user.password],
      [user.username, 'lone surrogate \ud800'],
      [user.username, 'x'.repeat(5000)],
      [user.username, user.password.toUpperCase()],
      [user.username, ` ${user.password}`],
    ];
    const answers = [];
    for (const [identifier, password] of attempts)
      answers.push(visible(await app.client().post('/api/auth/login', { identifier, password })));
    for (const [index, answer] of answers.entries()) expect(answer, JSON.stringify(attempts[index]).slice(0, 60)).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(answers[0]).not.toHaveProperty(['headers', 'set-cookie']);
    const told = app.events.slice(-attempts.length);
    expect(new Set(told.map(({ type }) => type)), 'the log does tell').toEqual(new Set(['login.failed']));
    expect(new Set(told.map(({ reason }) => reason))).toEqual(new Set(['wrong password', 'unknown user', 'account disabled']));
  });

  test('finds a user by any case of his name, so that it is one name to limiters and to people alike', async () => {
    const { app } = at;
    const user = await app.createUser();
    for (const identifier of [user.username.toUpperCase(), user.email.toUpperCase()]) {
      expect((await app.client().login({ username: identifier, password: user.password })).status).toBe(200);
    }
  });
});

overEachCarrier('registration', (at) => {
  test('with an e-mail address looks the same whether or not the address has an account (E-02)', async () => {
    const { app } = at;
    const known = await app.createUser();
    const register = async (username: string, email: string): Promise<object> => {
      const answer = await app.client().post('/api/auth/register', { username, email, password: 'a long enough password' });
      const { id: _id, username: _username, email: _email, ...user } = answer.json.user as Record<string, unknown>;
      return { status: answer.status, message: answer.json.message as string, user };
    };
    expect(await register(`a${app.port}`, known.email)).toEqual(await register(`b${app.port}`, `new${app.port}@example.test`));
  });
});

overEachCarrier('whoever may not list users', (at) => {
  test('learns nothing from asking for one (E-12)', async () => {
    const { app } = at;
    const [page, known] = [await app.signedIn(), await app.createUser()];
    const ask = async (path: string): Promise<object> => visible(await page.get(path));
    const nobody = await ask('/api/admin/users?q=nobody');
    expect(nobody).toMatchObject({ status: 403 });
    expect(await ask(`/api/admin/users?q=${known.email}`)).toEqual(nobody);
    expect(await ask(`/api/admin/users/${known.id}`)).toEqual(nobody);
    expect(await ask('/api/admin/users/usr_AAAAAAAAAAAAAAAAAAAAAA')).toEqual(nobody);
    expect(await ask('/api/admin/users?nonsense=1')).toEqual(nobody);
  });
});
