/** A database for better-auth with its tables in it: SQLite in a folder of its own, or PostgreSQL. Its limits are off, as it counts them in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getMigrations } from 'better-auth/db/migration';
import { SqliteDialect } from 'kysely';
import pg from 'pg';
import { openDriver } from '../sqlite-driver.js';

/** `url`: of an empty database of PostgreSQL; without it, SQLite. @returns {Promise<{ options: object, close: () => void }>} */
export async function openBetterAuth(url) {
  const { database, close } = url === undefined ? await openSqlite() : openPostgres(url);
  const options = {
    baseURL: 'http://localhost',
    secret: 'a secret of more than thirty-two characters',
    database,
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: 'error' },
  };
  const { runMigrations } = await getMigrations({ ...options, emailAndPassword: { enabled: true } });
  await runMigrations();
  return { options, close };
}

async function openSqlite() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-peer-'));
  const Database = await openDriver();
  const database = new Database(join(folder, 'auth.db'));
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
  const dialect = new SqliteDialect({ database: { prepare: (sql) => prepare(database, sql), close: () => database.close() } });
  return { database: { dialect, type: 'sqlite' }, close: () => rmSync(folder, { recursive: true, force: true }) };
}

const givesRows = /^\s*(select|with|pragma)\b|\breturning\b/i;

/** Kysely speaks to better-sqlite3; the SQLite of Node differs from it in these. */
function prepare(database, sql) {
  const statement = database.prepare(sql);
  return {
    reader: givesRows.test(sql),
    all: (parameters) => statement.all(...parameters),
    run: (parameters) => statement.run(...parameters),
    iterate: (parameters) => statement.iterate(...parameters),
  };
}

function openPostgres(url) {
  return { database: new pg.Pool({ connectionString: url, max: 10 }), close: () => undefined };
}
