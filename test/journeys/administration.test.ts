/** What an administrator sees and does. */
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { overEveryCarrier, withApp } from '../support/over-each-carrier.js';
import type { TestApp } from '../support/start-app.js';

async function allPages(admin: Client, query: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    const answer = await admin.get(`/api/admin/users?${query}${cursor === null ? '' : `&cursor=${cursor}`}`);
    expect(answer.status).toBe(200);
    pages.push((answer.json.items as { username: string }[]).map(({ username }) => username));
    cursor = answer.json.nextCursor as string | null;
  } while (cursor !== null);
  return pages;
}

overEveryCarrier('an administrator', (at) => {
  const signIn = (app: TestApp): Promise<Client> => app.signedIn({ roles: ['user', 'admin'] });

  test('pages through all users, newest first, none twice and none left out', async () => {
    const { app } = at;
    const admin = await signIn(app);
    for (let count = 0; count < 6; count += 1) await app.createUser();
    const [whole] = await allPages(admin, 'limit=200');
    const pages = await allPages(admin, 'limit=3');
    expect(pages.flat()).toEqual(whole);
    expect(new Set(pages.flat()).size).toBe(pages.flat().length);
    expect(pages.slice(0, -1).every((page) => page.length === 3)).toBe(true);
  });

  test('searches by a part of the name, whatever its case; wildcards of SQL mean nothing (I-06)', async () => {
    const { app } = at;
    const admin = await signIn(app);
    const named = await app.createUser({ name: '100% Ünïque_Person' });
    for (const q of ['ünïque', 'ÜNÏQUE_p', '100%', '_person']) {
      expect((await allPages(admin, `q=${encodeURIComponent(q)}`)).flat(), q).toEqual([named.username]);
    }
    for (const q of ['%', '_', '*', '?']) {
      const found = (await allPages(admin, `limit=200&q=${encodeURIComponent(q)}`)).flat();
      expect(
        found.every((username) => username === named.username),
        q,
      ).toBe(true);
    }
    expect((await allPages(admin, 'q=nobody-has-this')).flat()).toEqual([]);
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=x',
    'limit=1e2',
    'limit=1&limit=2',
    'limit=-1',
    'role=admin',
    `q=${'x'.repeat(201)}`,
    'cursor=made-up',
    'cursor=',
  ])('gets 400 for the query %s', async (query) => {
    const admin = await signIn(at.app);
    expect((await admin.get(`/api/admin/users?${query}`)).outcome).toBe('400 invalid_request');
  });

  test('reads, renames, disables and enables a user; disabled, he is out and cannot log in', async () => {
    const { app } = at;
    const admin = await signIn(app);
    const user = await app.signedIn();
    const path = `/api/admin/users/${user.userId}`;
    expect((await admin.get(path)).json.user).toMatchObject({ id: user.userId, disabled: false });
    expect((await admin.call('PATCH', path, { json: { name: 'Renamed', disabled: true } })).json.user).toMatchObject({
      name: 'Renamed',
      disabled: true,
    });
    expect((await user.get('/api/users/me')).outcome).toBe('401 session_revoked');
    expect((await app.client().login(user.user!)).outcome, 'the same as for a wrong password').toBe('401 invalid_credentials');
    expect(app.events.findLast(({ type }) => type === 'user.disabled')).toMatchObject({ userId: user.userId, actorId: admin.userId });

    expect((await admin.call('PATCH', path, { json: { disabled: false } })).json.user.disabled).toBe(false);
    expect((await user.refresh()).outcome, 'what was ended stays ended').toBe('401 session_revoked');
    expect((await app.client().login(user.user!)).status).toBe(200);
  });

  test('ends all sessions of a user, who can log in again', async () => {
    const { app } = at;
    const admin = await signIn(app);
    const user = await app.signedIn();
    expect((await admin.call('DELETE', `/api/admin/users/${user.userId}/sessions`)).status).toBe(200);
    expect((await user.refresh()).outcome).toBe('401 session_revoked');
    expect((await user.login(user.user!)).status).toBe(200);
    expect((await user.get('/api/users/me')).status).toBe(200);
  });

  test('gives and takes roles; an unknown role is refused', async () => {
    const { app } = at;
    const admin = await signIn(app);
    const user = await app.signedIn();
    const path = `/api/admin/users/${user.userId}/roles`;
    expect((await admin.call('PUT', path, { json: { roles: ['user', 'admin', 'admin'] } })).json.user.roles).toEqual(['user', 'admin']);
    await user.refresh();
    expect((await user.get('/api/admin/users')).status).toBe(200);
    for (const roles of [['root'], ['__proto__'], ['admin '], 'admin', [['admin']], null, [1]]) {
      expect((await admin.call('PUT', path, { json: { roles } })).outcome, JSON.stringify(roles)).toBe('400 invalid_request');
    }
    expect((await user.get('/api/users/me')).status).toBe(200);
  });

  test('meets 404 for whoever is not there', async () => {
    const admin = await signIn(at.app);
    for (const [method, path, json] of [
      ['GET', '', undefined],
      ['PATCH', '', { disabled: true }],
      ['PATCH', '', {}],
      ['DELETE', '', undefined],
      ['PUT', '/roles', { roles: ['user'] }],
      ['DELETE', '/sessions', undefined],
    ] as const) {
      const answer = await admin.call(method, `/api/admin/users/usr_nobody${path}`, json === undefined ? {} : { json });
      expect(answer.outcome, `${method} ${path}`).toBe('404 not_found');
    }
  });

  test('must have proved recently who he is for every write, but not for reading', async () => {
    const { app } = at;
    const [admin, user] = [await signIn(app), await app.createUser()];
    await app.advance({ minutes: 10, ms: 1 });
    expect((await admin.get('/api/admin/users')).status).toBe(200);
    for (const [method, path, json] of [
      ['PATCH', '', { disabled: true }],
      ['DELETE', '', undefined],
      ['PUT', '/roles', { roles: ['admin'] }],
      ['DELETE', '/sessions', undefined],
    ] as const) {
      const answer = await admin.call(method, `/api/admin/users/${user.id}${path}`, json === undefined ? {} : { json });
      expect(answer.outcome, `${method} ${path}`).toBe('401 step_up_required');
    }
  });
});

describe('the last administrator', () => {
  const at = withApp();

  test('cannot be demoted, disabled or deleted, and two cannot demote each other at once (D-04)', async () => {
    const { app } = at;
    const [one, two] = [await app.signedIn({ roles: ['admin'] }), await app.signedIn({ roles: ['admin'] })];
    const demote = (actor: Client, of: Client): Promise<{ outcome: string }> =>
      actor.call('PUT', `/api/admin/users/${of.userId}/roles`, { json: { roles: ['user'] } });
    const outcomes = (await Promise.all([demote(one, two), demote(two, one)])).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === '200')).toHaveLength(1);
    expect(outcomes.find((outcome) => outcome !== '200')).toMatch(/^(409 conflict|403 insufficient_role|401 token_expired)$/);
    const admins = (await app.internals.core.store.users.list({ query: null, limit: 10, after: null })).items.filter(({ roles }) =>
      roles.includes('admin'),
    );
    expect(admins).toHaveLength(1);

    const last = admins[0]!.id === one.userId ? one : two;
    const path = `/api/admin/users/${last.userId}`;
    for (const answer of [
      await demote(last, last),
      await last.call('PATCH', path, { json: { disabled: true } }),
      await last.call('DELETE', path),
      await last.call('DELETE', '/api/users/me'),
    ]) {
      expect(answer.outcome).toBe('409 conflict');
    }
    expect((await last.get('/api/admin/users')).status).toBe(200);
  });
});
