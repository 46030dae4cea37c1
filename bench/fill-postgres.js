/** Fills a new PostgreSQL store of ours with users, sessions and revocations: straight into its tables, the rows made by the server itself. */
import { postgres } from 'countersign/postgres';
import pg from 'pg';
import { fillProgress } from './fill-progress.js';
import { makeSchema } from './fill-sqlite.js';
import { absoluteMilliseconds, aliveOf256, endedOf256, grownData, hashPassword, idleMilliseconds } from './grown-data.js';

const rowsOfStatement = 100_000;
const day = 86_400_000;
const revocationMilliseconds = 2_100_000;

/** As `fillSqlite`. */
export async function fillPostgres(url, sizes, progress) {
  await makeSchema(postgres(url));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SET search_path = countersign; SET synchronous_commit = off; SET maintenance_work_mem = '512MB'");
    await client.query(functions);
    const data = grownData({ ...sizes, now: Date.now() });
    const indexes = (
      await client.query(`SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS sql FROM pg_index
        WHERE indrelid IN ('users'::regclass, 'sessions'::regclass, 'revocations'::regclass) AND NOT indisunique`)
    ).rows;
    for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
    await fillUsers(client, data, progress);
    await fillSessions(client, data, { expired: sizes.expired ?? 0, progress });
    await fillRevocations(client, data, { count: sizes.revocations ?? 0, progress });
    for (const { name, sql } of indexes) {
      progress(`index ${name}`);
      await client.query(sql);
    }
    progress('vacuum and statistics');
    for (const table of ['users', 'sessions', 'revocations']) await client.query(`VACUUM (ANALYZE) ${table}`);
    await client.query('CHECKPOINT');
    return data;
  } finally {
    await client.end();
  }
}

/** What `grown-data.js` does, in its words. */
const functions = `
  CREATE FUNCTION pg_temp.id_of(prefix text, at bigint, hash bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT prefix || '_' || rtrim(translate(encode(substring(int8send(at) FROM 3 FOR 6) || substring(hash FROM 1 FOR 10), 'base64'), '+/', '-_'), '=') $$;
  CREATE FUNCTION pg_temp.user_id(data json, number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.id_of('usr', (data ->> 'firstUser')::bigint + number * (data ->> 'userStep')::bigint, sha256(('user ' || number)::bytea)) $$;
`;

async function inStatements(client, { what, count, progress }, text, values) {
  const show = fillProgress(progress, what, count);
  for (let from = 0; from < count; from += rowsOfStatement) {
    const to = Math.min(count, from + rowsOfStatement);
    await client.query(text, [from, to - 1, ...values]);
    show(to);
  }
}

async function fillUsers(client, data, progress) {
  const text = `
    INSERT INTO users (id, username, username_key, email, email_verified, email_login_key, name, roles, profile, mfa_enabled, password_hash,
      session_epoch, authz_version, created_at, updated_at, search_text)
    SELECT pg_temp.user_id($3, number), 'user' || digits, 'user' || digits, 'user' || digits || '@example.com', true, 'user' || digits || '@example.com',
      name || ' ' || digits, CASE number WHEN 0 THEN '["admin"]' ELSE '["user"]' END::jsonb, '{}', false, $4, 0, 0, at, at,
      'user' || digits || E'\\nuser' || digits || E'@example.com\\n' || lower(name) || ' ' || digits
    FROM generate_series($1::bigint, $2::bigint) AS number,
      LATERAL (SELECT lpad(number::text, 8, '0') AS digits, ($3::json ->> 'firstUser')::bigint + number * ($3::json ->> 'userStep')::bigint AS at,
        (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Radia', 'Niklaus'])[number % 8 + 1] AS name) AS of`;
  await inStatements(client, { what: 'users', count: data.users, progress }, text, [JSON.stringify(data), await hashPassword()]);
}

async function fillSessions(client, data, { expired, progress }) {
  const text = `
    INSERT INTO sessions (id, user_id, secret_digest, generation, retired_at, retirements, delivery, remember, epoch,
      authenticated_at, factors, device, created_at, last_used_at, idle_expires_at, absolute_expires_at, ended_at, end_reason)
    SELECT pg_temp.id_of('ses', at, hash), pg_temp.user_id($3, user_number), sha256(substring(hash FROM 11 FOR 16)), get_byte(hash, 27),
      used_at, ARRAY[used_at], 'bearer', true, 0, at, '["pwd"]', 'Firefox on Linux', at, used_at, used_at + ${String(idleMilliseconds)},
      CASE WHEN number < $4::bigint THEN now - $4::bigint + number ELSE at + ${String(absoluteMilliseconds)} END,
      CASE WHEN has_ended THEN used_at END, CASE WHEN has_ended THEN 'logout' END
    FROM generate_series($1::bigint, $2::bigint) AS number,
      LATERAL (SELECT sha256(('session ' || number)::bytea) AS hash, ($3::json ->> 'now')::bigint AS now,
        ($3::json ->> 'firstSession')::bigint + number * ($3::json ->> 'sessionStep')::bigint AS at) AS made,
      LATERAL (SELECT (get_byte(hash, 29) * 65536 + get_byte(hash, 30) * 256 + get_byte(hash, 31)) % ($3::json ->> 'users')::bigint AS user_number,
        get_byte(hash, 26) >= ${String(aliveOf256 + endedOf256)} AND at + ${String(idleMilliseconds)} <= now AS is_stale,
        get_byte(hash, 26) >= ${String(aliveOf256)} AND get_byte(hash, 26) < ${String(aliveOf256 + endedOf256)} AS has_ended) AS of,
      LATERAL (SELECT CASE WHEN is_stale THEN at ELSE
        now - least(now - at, ${String(idleMilliseconds - day)}) * (get_byte(hash, 27) * 256 + get_byte(hash, 28)) / 65536 END AS used_at) AS used`;
  await inStatements(client, { what: 'sessions', count: data.sessions, progress }, text, [JSON.stringify(data), expired]);
}

async function fillRevocations(client, data, { count, progress }) {
  const text = `
    INSERT INTO revocations (kind, subject, value, revoked_at, expires_at)
    SELECT 'session', pg_temp.id_of('ses', ($3::json ->> 'firstSession')::bigint + number * ($3::json ->> 'sessionStep')::bigint,
      sha256(('session ' || number)::bytea)), 0, ($3::json ->> 'now')::bigint, ($3::json ->> 'now')::bigint + ${String(revocationMilliseconds)}
    FROM generate_series($1::bigint, $2::bigint) AS number`;
  await inStatements(client, { what: 'revocations', count, progress }, text, [JSON.stringify(data)]);
}
