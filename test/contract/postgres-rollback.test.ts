/** What a transaction revoked that is then rolled back: in the database and in memory alike, nobody is logged out by it. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Connections } from '../../dist/stores/postgres/connections.js';
import { Database } from '../../dist/stores/postgres/database.js';
import { LongestAccess } from '../../dist/stores/postgres/longest-access.js';
import { plain, revoking, wordingOf } from '../../dist/stores/postgres/statements.js';
import type { Revocation } from '../../src/model/store.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { postgresStore } from './postgres-under-test.js';
import { accessTtlSeconds, World } from './store-under-test.js';

describe.skipIf(!hasPostgres())('a transaction', () => {
  let server: PostgresServer;
  let world: World;
  let pool: pg.Pool;
  let told: Revocation[];
  let database: Database;
  const wording = wordingOf('countersign', accessTtlSeconds);

  beforeAll(async () => {
    server = await PostgresServer.start();
    const url = await server.createDatabase();
    world = new World(postgresStore(url));
    await world.open();
    pool = new pg.Pool({ connectionString: url });
    told = [];
    const ignore = (): void => undefined;
    database = new Database({
      connections: new Connections(pool, plain('SELECT pg_is_in_recovery() AS standby')),
      aside: { lend: () => Promise.resolve(null) },
      context: {
        clock: { now: () => 0 },
        logger: { info: ignore, warn: ignore, error: ignore },
        accessTtlSeconds,
        mode: 'use',
        onRevocations: (rows) => void told.push(...rows),
      },
      bounds: { deadlineMilliseconds: 5000, patienceMilliseconds: 5000, maxActs: 10, maxActsWhileFailing: 10 },
      longestAccess: new LongestAccess(wording, accessTtlSeconds),
      now: () => null,
    });
  });
  afterAll(async () => {
    await world.close();
    await pool.end();
    await server.remove();
  });

  const revoke = revoking(wording, `SELECT 'ses_1'::text AS id`, { kind: 'session', subject: 'id', value: '0' });

  test('that is rolled back has revoked nothing, and nothing is told of it', async () => {
    expect(await database.transaction(async (run) => ((await run(revoke)).length === 1 ? null : 'written'))).toBeNull();
    expect((await world.store.revocations.read(null)).rows).toEqual([]);
    expect(told).toEqual([]);
  });

  test('that is committed is told of', async () => {
    await database.transaction(async (run) => (await run(revoke)).length);
    expect((await world.store.revocations.read(null)).rows).toMatchObject([{ subject: 'ses_1' }]);
    expect(told).toMatchObject([{ subject: 'ses_1' }]);
  });
});
