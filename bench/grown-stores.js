/** Stores of the sizes that a curve is measured at, filled one after the other, of SQLite or of PostgreSQL. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from 'countersign/sqlite';
import { postgres } from 'countersign/postgres';
import { fillPostgres } from './fill-postgres.js';
import { fillSqlite } from './fill-sqlite.js';
import { withPostgres } from './postgres-server.js';

/**
 * Calls `use` with the stores, and removes them.
 * @param {object[]} sizes as `fillSqlite` takes them
 */
export async function withSqliteStores(sizes, progress, use) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  try {
    const stores = [];
    for (const [index, size] of sizes.entries()) {
      const place = join(folder, `${String(index)}.db`);
      const data = await fillSqlite(place, size, progress);
      stores.push({ place, data, bytes: statSync(place).size, open: () => openStore(sqlite(place)) });
    }
    return await use(stores);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As `withSqliteStores`, each in a database of its own on one server. */
export function withPostgresStores(sizes, progress, use) {
  return withPostgres({ max_wal_size: '4GB' }, async (server) => {
    const stores = [];
    for (const size of sizes) {
      const place = await server.createDatabase();
      const data = await fillPostgres(place, size, progress);
      const { rows } = await server.query(`SELECT pg_database_size('${new URL(place).pathname.slice(1)}')::float8 AS bytes`);
      stores.push({ place, data, bytes: rows[0].bytes, open: () => openStore(postgres(place)) });
    }
    return use(stores);
  });
}

function openStore(store) {
  const ignore = () => undefined;
  const logger = { info: ignore, warn: ignore, error: ignore };
  return store.open({ clock: { now: () => Date.now() }, logger, accessTtlSeconds: 900, mode: 'use', onRevocations: ignore });
}
