/** Purging PostgreSQL: what somebody else has locked is not waited for, and not forgotten. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { postgresStore } from './postgres-under-test.js';
import { createUser, openSession, World } from './store-under-test.js';

describe.skipIf(!hasPostgres())('purging', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  test('passes by a row that is locked, and removes it the next time', async () => {
    const url = await server.createDatabase();
    const world = new World(postgresStore(url, { clock: 'context' }));
    const client = new pg.Client({ connectionString: url });
    try {
      const store = await world.open();
      await client.connect();
      const user = await createUser(store);
      const [locked, ...others] = await Promise.all(
        [1, 2, 3, 4].map((absoluteSeconds) => openSession(store, user.id, { absoluteSeconds })),
      );
      world.advance(4000);
      await client.query('BEGIN');
      await client.query('SELECT FROM countersign.sessions WHERE id = $1 FOR UPDATE', [locked!.id]);
      expect([await store.purge(2), await store.purge(2)]).toEqual([true, false]);
      for (const { id } of others) expect(await store.sessions.find(id)).toBeNull();
      expect(await store.sessions.find(locked!.id)).not.toBeNull();
      await client.query('ROLLBACK');
      expect(await store.purge(2)).toBe(false);
      expect(await store.sessions.find(locked!.id)).toBeNull();
    } finally {
      await client.end();
      await world.close();
    }
  });
});
