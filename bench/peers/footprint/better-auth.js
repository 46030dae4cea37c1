/** better-auth as its guide mounts it on Express, with SQLite. Makes its tables where they are missing. */
import { existsSync } from 'node:fs';
import { betterAuth } from 'better-auth';
import { toNodeHandler } from 'better-auth/node';
import express from 'express';
import { SqliteDialect } from 'kysely';

const isNew = !existsSync('./auth.db');
const { DatabaseSync } = await import('node:sqlite').catch(() => import('@photostructure/sqlite'));
const database = new DatabaseSync('./auth.db');
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');

/** Kysely speaks to better-sqlite3; the SQLite of Node differs from it in these. */
const prepare = (sql) => {
  const statement = database.prepare(sql);
  return {
    reader: /^\s*(select|with|pragma)\b|\breturning\b/i.test(sql),
    all: (parameters) => statement.all(...parameters),
    run: (parameters) => statement.run(...parameters),
    iterate: (parameters) => statement.iterate(...parameters),
  };
};
const dialect = new SqliteDialect({ database: { prepare, close: () => database.close() } });
const options = {
  baseURL: `http://localhost:${process.env.PORT}`,
  secret: 'a secret of more than thirty-two characters',
  database: { dialect, type: 'sqlite' },
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  logger: { level: 'error' },
};
if (isNew) {
  const { getMigrations } = await import('better-auth/db/migration');
  await (await getMigrations(options)).runMigrations();
}
const auth = betterAuth(options);

const app = express();
app.all('/api/auth/{*any}', toNodeHandler(auth));
app.get('/', (_request, response) => response.json({ ok: true }));
app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
