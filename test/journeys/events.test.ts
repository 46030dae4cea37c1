/** The record of what happened, as users and administrators read it. */
import { describe, expect, test, vi } from 'vitest';
import type { AdminEventDocument, EventDocument } from '../../src/protocol/documents.js';
import { loadDriver } from '../../src/stores/sqlite/driver.js';
import type { Client } from '../support/client.js';
import { overEveryCarrier, withApp } from '../support/over-each-carrier.js';

async function own(client: Client): Promise<EventDocument[]> {
  const answer = await client.get('/api/auth/events');
  expect(answer.status).toBe(200);
  return answer.json.items as EventDocument[];
}

async function allOf(admin: Client, query: string): Promise<AdminEventDocument[]> {
  const answer = await admin.get(`/api/admin/events?${query}`);
  expect(answer.status).toBe(200);
  return answer.json.items as AdminEventDocument[];
}

/** What happened is in the record after a second. */
const soon = (look: () => Promise<void>): Promise<void> => vi.waitFor(look, { timeout: 5000, interval: 100 });
const types = (events: readonly { readonly type: string }[]): string[] => events.map(({ type }) => type);

overEveryCarrier('the record of events', (at) => {
  test('a user sees his own history, and not who else did something, or from where', async () => {
    const { app } = at;
    const user = await app.createUser();
    const client = app.client();
    await client.login({ ...user, password: 'not the password of this user' });
    await client.login(user);
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    expect((await admin.call('PUT', `/api/admin/users/${user.id}/roles`, { json: { roles: ['user', 'admin'] } })).status).toBe(200);
    await client.refresh();
    await soon(async () => expect(types(await own(client))).toContain('user.roles_changed'));
    const events = await own(client);
    expect(types(events).sort()).toEqual(['login.failed', 'login.succeeded', 'user.roles_changed']);
    const byAdmin = events.find(({ byAdministrator }) => byAdministrator);
    expect(byAdmin).toMatchObject({ type: 'user.roles_changed', address: null });
    expect(Object.keys(byAdmin!)).toEqual(['id', 'type', 'at', 'sessionId', 'address', 'byAdministrator']);
    expect(events.find(({ type }) => type === 'login.succeeded')?.address).toMatch(/127\.0\.0\.1$/);
  });

  test('an administrator sees what happened to anybody, by user, kind and time, page by page', async () => {
    const { app } = at;
    const user = await app.createUser();
    const client = app.client();
    for (let count = 0; count < 3; count += 1) await client.login(user);
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    await soon(async () => expect(await allOf(admin, `user=${user.id}&type=login.succeeded`)).toHaveLength(3));
    const pages = [];
    let cursor = '';
    do {
      const { json } = await admin.get(`/api/admin/events?user=${user.id}&limit=2${cursor}`);
      pages.push(...(json.items as AdminEventDocument[]));
      cursor = json.nextCursor === null ? '' : `&cursor=${String(json.nextCursor)}`;
    } while (cursor !== '');
    expect(pages.map(({ id }) => id)).toEqual((await allOf(admin, `user=${user.id}`)).map(({ id }) => id));
    expect(pages.every(({ userId }) => userId === user.id)).toBe(true);
    const now = new Date(app.now).toISOString();
    expect(await allOf(admin, `user=${user.id}&to=${now}`)).toEqual([]);
    expect(await allOf(admin, `user=${user.id}&type=login.succeeded&from=${now}`)).toHaveLength(3);
  });

  test('nobody else may read it, and a question that makes no sense is refused', async () => {
    const { app } = at;
    const client = await app.signedIn();
    expect((await client.get('/api/admin/events')).outcome).toBe('403 insufficient_role');
    expect((await app.client().get('/api/auth/events')).status).toBe(401);
    const admin = await app.signedIn({ roles: ['user', 'admin'] });
    for (const query of ['type=nothing', 'from=yesterday', 'limit=0', 'cursor=made-up', 'userId=usr_1'])
      expect((await admin.get(`/api/admin/events?${query}`)).outcome, query).toBe('400 invalid_request');
    expect((await client.get('/api/auth/events?user=usr_1')).outcome).toBe('400 invalid_request');
  });
});

describe('the table of events', () => {
  const at = withApp();

  test('holds no secret, no address of mail, and nothing that was typed (G-01)', async () => {
    const { app } = at;
    const user = await app.createUser();
    const client = app.client();
    await client.login({ ...user, password: 'typed-into-the-password-field' });
    await client.login({ ...user, username: 'typed-into-the-name-field', email: 'typed@example.test' });
    await client.login(user);
    await client.post('/api/auth/api-keys', { name: 'a key', scopes: [] });
    await client.post('/api/auth/logout', {});
    const read = async (): Promise<string> => {
      const Driver = await loadDriver();
      const database = new Driver(app.file, { readOnly: true });
      const rows = database.prepare('SELECT * FROM events').all();
      database.close();
      return JSON.stringify(rows, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value));
    };
    await soon(async () => expect(await read()).toContain('session.ended'));
    const text = await read();
    expect(app.secrets.foundIn(text)).toEqual([]);
    for (const planted of ['typed', user.email, user.username, app.secret, 'correct horse']) expect(text).not.toContain(planted);
  });
});
