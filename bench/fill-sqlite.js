/** Fills a new SQLite store of ours with users, sessions and revocations: straight into its tables, as its migrations have made them. */
import { sqlite } from 'countersign/sqlite';
import { fillProgress } from './fill-progress.js';
import { grownData, hashPassword, sessionAt, userAt } from './grown-data.js';
import { openDriver } from './sqlite-driver.js';

const rowsOfTransaction = 50_000;
const revocationMilliseconds = 2_100_000;

/**
 * @param {{ users: number, sessions: number, revocations?: number, expired?: number }} sizes
 *   `expired`: so many of the sessions are past their absolute lifetime
 * @returns what `sessionAt` and `userAt` are asked with
 */
export async function fillSqlite(file, sizes, progress) {
  await makeSchema(sqlite(file));
  const Database = await openDriver();
  const database = new Database(file);
  try {
    // Nothing of it needs to survive a crash.
    database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -400000; PRAGMA temp_store = MEMORY');
    const data = grownData({ ...sizes, now: Date.now() });
    const indexes = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").all();
    for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);
    await fillUsers(database, data, progress);
    fillSessions(database, data, { expired: sizes.expired ?? 0, progress });
    fillRevocations(database, data, { count: sizes.revocations ?? 0, progress });
    for (const { name, sql } of indexes) {
      progress(`index ${name}`);
      database.exec(sql);
    }
    database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)');
    return data;
  } finally {
    database.close();
  }
}

/** As a server's first start does. */
export async function makeSchema(store) {
  const ignore = () => undefined;
  const logger = { info: ignore, warn: ignore, error: ignore };
  const opened = await store.open({ clock: { now: () => Date.now() }, logger, accessTtlSeconds: 900, mode: 'use', onRevocations: ignore });
  await opened.close();
}

function inTransactions(database, { what, count, progress }, insert) {
  const show = fillProgress(progress, what, count);
  for (let from = 0; from < count; from += rowsOfTransaction) {
    database.exec('BEGIN');
    const to = Math.min(count, from + rowsOfTransaction);
    for (let number = from; number < to; number++) insert(number);
    database.exec('COMMIT');
    show(to);
  }
}

async function fillUsers(database, data, progress) {
  const passwordHash = await hashPassword();
  const statement = database.prepare(`
    INSERT INTO users (id, username, username_key, email, email_verified, email_login_key, name, roles, profile, mfa_enabled, password_hash,
      session_epoch, authz_version, disabled_at, created_at, updated_at, search_text)
    VALUES (:id, :username, :username, :email, 1, :email, :name, :roles, '{}', 0, :passwordHash, 0, 0, NULL, :createdAt, :createdAt, :searchText)`);
  inTransactions(database, { what: 'users', count: data.users, progress }, (number) => {
    statement.run({ ...userAt(data, number), passwordHash });
  });
}

function fillSessions(database, data, { expired, progress }) {
  const statement = database.prepare(`
    INSERT INTO sessions (id, user_id, secret_digest, generation, retired_at, retirements, late_double_generation, delivery, remember, epoch,
      authenticated_at, factors, device, created_at, last_used_at, idle_expires_at, absolute_expires_at, ended_at, end_reason)
    VALUES (:id, :userId, :secretDigest, :generation, :lastUsedAt, :lastUsedAt, NULL, 'bearer', 1, 0,
      :createdAt, '["pwd"]', 'Firefox on Linux', :createdAt, :lastUsedAt, :idleExpiresAt, :absoluteExpiresAt, :endedAt, :endReason)`);
  inTransactions(database, { what: 'sessions', count: data.sessions, progress }, (number) => {
    const { ids: _ids, secret: _secret, isAlive: _isAlive, ...row } = sessionAt(data, number);
    if (number < expired) row.absoluteExpiresAt = data.now - expired + number;
    statement.run({ ...row, endReason: row.endedAt === null ? null : 'logout' });
  });
}

function fillRevocations(database, data, { count, progress }) {
  const statement = database.prepare(`
    INSERT INTO revocations (kind, subject, value, revoked_at, expires_at) VALUES ('session', :id, 0, :revokedAt, :expiresAt)`);
  inTransactions(database, { what: 'revocations', count, progress }, (number) => {
    const { id } = sessionAt(data, number);
    statement.run({ id, revokedAt: data.now, expiresAt: data.now + revocationMilliseconds });
  });
}
