/** The PostgreSQL store against the contract of all stores. */
import { afterAll, beforeAll, describe } from 'vitest';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { postgresStore } from './postgres-under-test.js';
import { storeContract } from './store-contract.js';

describe.skipIf(!hasPostgres())('on a real server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  storeContract('postgres', async () => {
    // One test writes 5,000 times to one row at once; that may take its time.
    const bounds = { deadlineMilliseconds: 20_000 };
    return { store: postgresStore(await server.createDatabase(), { clock: 'context', bounds }), remove: async () => undefined };
  });
});
