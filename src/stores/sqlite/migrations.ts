/** The schema as a numbered list, and bringing a database up to it. */
import type { AppliedMigration } from '../../model/store.js';
import {
  checksumOf,
  refuseUnknown,
  requireCurrent,
  storeRefusal,
  toldMigration,
  type Migration,
  type MigrationRow,
} from '../migration-ledger.js';
import type { SqliteDatabase } from './driver.js';

/** Written into the file's header ("CSGN"), so that another program's database is not mistaken for ours. */
const applicationId = 0x4353474e;

/** Version 1 comes first. Released ones are never edited: a changed checksum is refused. */
const migrations: readonly Migration[] = [
  {
    name: 'users, sessions, signing keys and revocations',
    sql: `
      CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

      CREATE TABLE users (
        id TEXT NOT NULL PRIMARY KEY,
        username TEXT,
        username_key TEXT UNIQUE,
        email TEXT,
        email_verified INTEGER NOT NULL,
        email_login_key TEXT UNIQUE,
        name TEXT,
        roles TEXT NOT NULL,
        profile TEXT NOT NULL,
        mfa_enabled INTEGER NOT NULL,
        password_hash TEXT,
        session_epoch INTEGER NOT NULL,
        authz_version INTEGER NOT NULL,
        disabled_at INTEGER,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        search_text TEXT NOT NULL
      ) STRICT;
      CREATE INDEX users_by_creation ON users (created_at, id);

      CREATE TABLE sessions (
        id TEXT NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL,
        secret_digest BLOB NOT NULL,
        generation INTEGER NOT NULL,
        retired_at INTEGER,
        retirements TEXT NOT NULL,
        late_double_generation INTEGER,
        delivery TEXT NOT NULL,
        remember INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        authenticated_at INTEGER NOT NULL,
        factors TEXT NOT NULL,
        device TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL,
        idle_expires_at INTEGER NOT NULL,
        absolute_expires_at INTEGER NOT NULL,
        ended_at INTEGER,
        end_reason TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX sessions_by_user ON sessions (user_id);
      CREATE INDEX sessions_by_expiry ON sessions (absolute_expires_at);

      CREATE TABLE signing_keys (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kid TEXT NOT NULL UNIQUE,
        algorithm TEXT NOT NULL,
        public_jwk TEXT,
        sealed_private BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        signs_from INTEGER NOT NULL,
        compromised_at INTEGER
      ) STRICT;

      CREATE TABLE revocations (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        value INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX revocations_by_expiry ON revocations (expires_at);
    `,
  },
  {
    name: 'when a revocation was written',
    sql: 'ALTER TABLE revocations ADD COLUMN revoked_at INTEGER NOT NULL DEFAULT 0;',
  },
  {
    name: 'counters of attempts and requests',
    sql: `
      CREATE TABLE counters (key TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL, resets_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE INDEX counters_by_reset ON counters (resets_at);
    `,
  },
  {
    name: 'API keys',
    sql: `
      CREATE TABLE api_keys (
        id TEXT NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        secret_digest BLOB NOT NULL,
        previous_digest BLOB,
        previous_until INTEGER,
        created_at INTEGER NOT NULL,
        rotated_at INTEGER,
        expires_at INTEGER,
        last_used_at INTEGER,
        revoked_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at, id);
      CREATE INDEX api_keys_by_creation ON api_keys (created_at, id);
      CREATE INDEX api_keys_by_end ON api_keys (coalesce(revoked_at, expires_at));
    `,
  },
  {
    name: 'first use of a secret of an API key',
    sql: 'ALTER TABLE api_keys ADD COLUMN secret_used_at INTEGER',
  },
  {
    name: 'index of the enabled administrators',
    sql: `CREATE INDEX users_enabled_admins ON users (id) WHERE disabled_at IS NULL AND instr(roles, '"admin"') > 0`,
  },
  {
    name: 'one-time proofs and the outbox',
    sql: `
      CREATE TABLE proofs (
        id TEXT NOT NULL PRIMARY KEY,
        purpose TEXT NOT NULL,
        user_id TEXT,
        subject TEXT,
        secret_digest BLOB NOT NULL,
        code_digest BLOB,
        tries_left INTEGER NOT NULL,
        epoch INTEGER,
        sealed_content BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        used_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX proofs_by_user ON proofs (user_id, purpose) WHERE user_id IS NOT NULL;
      CREATE INDEX proofs_by_subject ON proofs (subject, purpose) WHERE subject IS NOT NULL;
      CREATE INDEX proofs_by_expiry ON proofs (expires_at);

      CREATE TABLE outbox (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        sealed_payload BLOB NOT NULL,
        attempts INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX outbox_by_due ON outbox (due_at);
    `,
  },
  {
    name: 'second factors and recovery codes',
    sql: `
      CREATE TABLE totp_factors (
        user_id TEXT NOT NULL PRIMARY KEY,
        sealed_secret BLOB NOT NULL,
        confirmed_at INTEGER,
        used_step INTEGER NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE recovery_codes (
        id TEXT NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL,
        code_digest BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id, code_digest);
    `,
  },
  {
    name: 'the record of events',
    sql: `
      CREATE TABLE events (
        position INTEGER PRIMARY KEY CHECK (position > 0),
        id TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        type TEXT NOT NULL,
        user_id TEXT,
        session_id TEXT,
        actor_id TEXT,
        address TEXT,
        address_salt BLOB,
        address_digest BLOB,
        details TEXT NOT NULL,
        hash BLOB NOT NULL,
        checkpoint BLOB
      ) STRICT;
      CREATE INDEX events_by_time ON events (at, position);
      CREATE INDEX events_by_user ON events (user_id, at, position) WHERE user_id IS NOT NULL;
      CREATE INDEX events_by_type ON events (type, at, position);
      CREATE INDEX events_by_address_of ON events (coalesce(actor_id, user_id)) WHERE address IS NOT NULL;

      CREATE TABLE event_marks (
        name TEXT NOT NULL PRIMARY KEY,
        position INTEGER NOT NULL,
        hash BLOB NOT NULL,
        signature BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

/**
 * Brings the schema up to date. Must run inside a transaction that has the write lock.
 * @throws {ConfigError} another program's database, or one that a newer version has changed.
 */
export function migrate(database: SqliteDatabase, now: number): void {
  const applied = appliedRows(database);
  refuseUnknown(applied, migrations);
  const pending = migrations.slice(applied.length);
  if (pending.length === 0) return;
  if (applied.length === 0) createLedger(database);
  const record = database.prepare('INSERT INTO migrations (version, name, checksum, applied_at) VALUES (:version, :name, :checksum, :now)');
  pending.forEach((migration, index) => {
    database.exec(migration.sql);
    record.run({ version: applied.length + index + 1, name: migration.name, checksum: checksumOf(migration), now });
  });
}

/** Writes nothing. @throws {ConfigError} as `migrate` does, and for a schema that is out of date. */
export function requireCurrentSchema(database: SqliteDatabase): void {
  requireCurrent(appliedRows(database), migrations);
}

export function appliedMigrations(database: SqliteDatabase): AppliedMigration[] {
  return appliedRows(database).map(toldMigration);
}

function appliedRows(database: SqliteDatabase): MigrationRow[] {
  const { application_id: id } = database.prepare('PRAGMA application_id').get() as { application_id: number };
  if (id === applicationId) return database.prepare('SELECT * FROM migrations ORDER BY version').all() as MigrationRow[];
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
  if (id !== 0 || tables > 0) throw storeRefusal('The file is the database of another program; give Countersign a file of its own.');
  return [];
}

function createLedger(database: SqliteDatabase): void {
  database.exec(`
    PRAGMA application_id = ${applicationId};
    CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;
  `);
}
