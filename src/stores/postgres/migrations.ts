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
import type { Run } from './connections.js';
import { instantStatement, lockKey, plain, type Wording } from './statements.js';

/** The comment of the ledger, so that another program's table `migrations` is not mistaken for ours. */
const mark = 'Countersign: the migrations that were applied';

/**
 * Version 1 comes first. Released ones are never edited: a changed checksum is refused. Names have no schema: they run with a `search_path`.
 * Instants are milliseconds since 1970. Free space in the pages of `sessions` lets a rotation, which changes no indexed column, stay in its page.
 */
const migrations: readonly Migration[] = [
  {
    name: 'users, sessions, signing keys and revocations',
    sql: `
      CREATE TABLE meta (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);

      CREATE TABLE users (
        id text COLLATE "C" CONSTRAINT users_by_id PRIMARY KEY,
        username text,
        username_key text COLLATE "C" CONSTRAINT users_by_username UNIQUE,
        email text,
        email_verified boolean NOT NULL,
        email_login_key text COLLATE "C" CONSTRAINT users_by_email UNIQUE,
        name text,
        roles jsonb NOT NULL,
        profile json NOT NULL,
        mfa_enabled boolean NOT NULL,
        password_hash text,
        session_epoch bigint NOT NULL,
        authz_version bigint NOT NULL,
        disabled_at bigint,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL,
        search_text text COLLATE "C" NOT NULL
      );
      CREATE INDEX users_by_creation ON users (created_at, id);
      CREATE INDEX users_enabled_admins ON users (id) WHERE roles ? 'admin' AND disabled_at IS NULL;

      CREATE TABLE sessions (
        id text COLLATE "C" CONSTRAINT sessions_by_id PRIMARY KEY,
        user_id text COLLATE "C" NOT NULL,
        secret_digest bytea NOT NULL,
        generation bigint NOT NULL,
        retired_at bigint,
        retirements bigint[] NOT NULL,
        late_double_generation bigint,
        delivery text NOT NULL,
        remember boolean NOT NULL,
        epoch bigint NOT NULL,
        authenticated_at bigint NOT NULL,
        factors jsonb NOT NULL,
        device text NOT NULL,
        created_at bigint NOT NULL,
        last_used_at bigint NOT NULL,
        idle_expires_at bigint NOT NULL,
        absolute_expires_at bigint NOT NULL,
        ended_at bigint,
        end_reason text
      ) WITH (fillfactor = 75);
      CREATE INDEX sessions_by_user ON sessions (user_id);
      CREATE INDEX sessions_by_expiry ON sessions (absolute_expires_at);

      CREATE TABLE signing_keys (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kid text COLLATE "C" NOT NULL CONSTRAINT signing_keys_by_kid UNIQUE,
        algorithm text NOT NULL,
        public_jwk json,
        sealed_private bytea NOT NULL,
        created_at bigint NOT NULL,
        signs_from bigint NOT NULL,
        compromised_at bigint
      );

      CREATE TABLE revocations (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
        kind text NOT NULL,
        subject text COLLATE "C" NOT NULL,
        value bigint NOT NULL,
        revoked_at bigint NOT NULL,
        expires_at bigint NOT NULL
      );
      CREATE INDEX revocations_by_xact ON revocations (xact);
      CREATE INDEX revocations_by_expiry ON revocations (expires_at);
    `,
  },
  {
    name: 'counters of attempts and requests',
    sql: `
      CREATE TABLE counters (
        key text COLLATE "C" CONSTRAINT counters_by_key PRIMARY KEY,
        count bigint NOT NULL,
        added boolean NOT NULL,
        resets_at bigint NOT NULL
      ) WITH (fillfactor = 50);
      CREATE INDEX counters_by_reset ON counters (resets_at);
    `,
  },
  {
    name: 'API keys',
    sql: `
      CREATE TABLE api_keys (
        id text COLLATE "C" CONSTRAINT api_keys_by_id PRIMARY KEY,
        user_id text COLLATE "C" NOT NULL,
        name text NOT NULL,
        scopes jsonb NOT NULL,
        secret_digest bytea NOT NULL,
        previous_digest bytea,
        previous_until bigint,
        created_at bigint NOT NULL,
        rotated_at bigint,
        expires_at bigint,
        last_used_at bigint,
        revoked_at bigint
      );
      CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at, id);
      CREATE INDEX api_keys_by_creation ON api_keys (created_at, id);
      CREATE INDEX api_keys_by_end ON api_keys ((coalesce(revoked_at, expires_at)));
    `,
  },
  {
    name: 'first use of a secret of an API key',
    sql: 'ALTER TABLE api_keys ADD COLUMN secret_used_at bigint',
  },
  {
    name: 'one-time proofs and the outbox',
    sql: `
      CREATE TABLE proofs (
        id text COLLATE "C" CONSTRAINT proofs_by_id PRIMARY KEY,
        purpose text NOT NULL,
        user_id text COLLATE "C",
        subject text COLLATE "C",
        secret_digest bytea NOT NULL,
        code_digest bytea,
        tries_left bigint NOT NULL,
        epoch bigint,
        sealed_content bytea NOT NULL,
        created_at bigint NOT NULL,
        expires_at bigint NOT NULL,
        used_at bigint
      );
      CREATE INDEX proofs_by_user ON proofs (user_id, purpose) WHERE user_id IS NOT NULL;
      CREATE INDEX proofs_by_subject ON proofs (subject, purpose) WHERE subject IS NOT NULL;
      CREATE INDEX proofs_by_expiry ON proofs (expires_at);

      CREATE TABLE outbox (
        id text COLLATE "C" CONSTRAINT outbox_by_id PRIMARY KEY,
        kind text NOT NULL,
        sealed_payload bytea NOT NULL,
        attempts bigint NOT NULL,
        created_at bigint NOT NULL,
        expires_at bigint NOT NULL,
        due_at bigint NOT NULL
      );
      CREATE INDEX outbox_by_due ON outbox (due_at);
    `,
  },
  {
    name: 'second factors and recovery codes',
    sql: `
      CREATE TABLE totp_factors (
        user_id text COLLATE "C" CONSTRAINT totp_factors_by_user PRIMARY KEY,
        sealed_secret bytea NOT NULL,
        confirmed_at bigint,
        used_step bigint NOT NULL,
        created_at bigint NOT NULL
      );

      CREATE TABLE recovery_codes (
        id text COLLATE "C" CONSTRAINT recovery_codes_by_id PRIMARY KEY,
        user_id text COLLATE "C" NOT NULL,
        code_digest bytea NOT NULL
      );
      CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id, code_digest);
    `,
  },
  {
    name: 'the record of events',
    sql: `
      CREATE TABLE events (
        position bigint CONSTRAINT events_by_position PRIMARY KEY CHECK (position > 0),
        id text COLLATE "C" NOT NULL CONSTRAINT events_by_id UNIQUE,
        at bigint NOT NULL,
        type text COLLATE "C" NOT NULL,
        user_id text COLLATE "C",
        session_id text,
        actor_id text COLLATE "C",
        address text,
        address_salt bytea,
        address_digest bytea,
        details text NOT NULL,
        hash bytea NOT NULL,
        checkpoint bytea
      );
      CREATE INDEX events_by_time ON events (at, position);
      CREATE INDEX events_by_user ON events (user_id, at, position) WHERE user_id IS NOT NULL;
      CREATE INDEX events_by_type ON events (type, at, position);
      CREATE INDEX events_by_address_of ON events ((coalesce(actor_id, user_id))) WHERE address IS NOT NULL;

      CREATE TABLE event_marks (
        name text COLLATE "C" CONSTRAINT event_marks_by_name PRIMARY KEY,
        position bigint NOT NULL,
        hash bytea NOT NULL,
        signature bytea NOT NULL
      );
    `,
  },
];

/**
 * Brings the schema up to date, as one of many nodes that may be doing so at once.
 * @throws {ConfigError} another program's schema, or one that a newer version has changed.
 */
export async function migrate(run: Run, wording: Wording): Promise<void> {
  await run(plain('SELECT pg_advisory_xact_lock($1::bigint)'), [lockKey(wording, 'migrations')]);
  const applied = await appliedRows(run, wording);
  refuseUnknown(applied, migrations);
  if (applied.length === migrations.length) return;
  if (applied.length === 0) await createLedger(run, wording);
  await run(plain(`SET LOCAL search_path = ${wording.schema}`));
  const [clock] = await run<{ now: number }>(instantStatement);
  for (const [index, migration] of migrations.entries()) {
    if (index < applied.length) continue;
    await run(plain(migration.sql));
    await run(plain('INSERT INTO migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)'), [
      index + 1,
      migration.name,
      checksumOf(migration),
      clock?.now,
    ]);
  }
}

/** Whether `migrate` would have nothing to do. @throws {ConfigError} as it does. */
export async function isCurrent(run: Run, wording: Wording): Promise<boolean> {
  const applied = await appliedRows(run, wording);
  refuseUnknown(applied, migrations);
  return applied.length === migrations.length;
}

/** @throws {ConfigError} as `migrate` does, and for a schema that is out of date. */
export async function requireCurrentSchema(run: Run, wording: Wording): Promise<void> {
  requireCurrent(await appliedRows(run, wording), migrations);
}

export async function appliedMigrations(run: Run, wording: Wording): Promise<AppliedMigration[]> {
  return (await appliedRows(run, wording)).map(toldMigration);
}

const whoseSql = `
  SELECT obj_description(to_regclass($1), 'pg_class') AS mark,
    (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace($2)) AS relations`;

async function appliedRows(run: Run, wording: Wording): Promise<MigrationRow[]> {
  const [whose] = await run<{ mark: string | null; relations: number }>(plain(whoseSql), [wording.migrations, wording.schema]);
  if (whose?.mark === mark) return run<MigrationRow>(plain(`SELECT * FROM ${wording.migrations} ORDER BY version`));
  if (whose !== undefined && whose.relations > 0) {
    throw storeRefusal(`The schema ${wording.schema} is that of another program; give Countersign a schema of its own.`);
  }
  return [];
}

async function createLedger(run: Run, { schema, migrations: ledger }: Wording): Promise<void> {
  const [found] = await run(plain('SELECT 1 WHERE to_regnamespace($1) IS NOT NULL'), [schema]);
  // Not IF NOT EXISTS: that would ask for the right to make schemas even where one was prepared.
  if (found === undefined) await run(plain(`CREATE SCHEMA ${schema}`));
  await run(
    plain(`CREATE TABLE ${ledger} (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at bigint NOT NULL)`),
  );
  await run(plain(`COMMENT ON TABLE ${ledger} IS '${mark}'`));
}
