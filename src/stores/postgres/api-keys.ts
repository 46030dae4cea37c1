/** API keys: the acts of `ApiKeyStore` as statements. */
import { recordUseEverySeconds, type ApiKeyAndUser, type ApiKeyCursor, type ApiKeyRecord, type ApiKeyStore } from '../../model/api-key.js';
import type { Database } from './database.js';
import { prepared, revoking, timed, type Statement, type Wording } from './statements.js';
import { joinedUser, joinedUserColumns, type JoinedUserRow } from './user-rows.js';

interface ApiKeyRow {
  readonly id: string;
  readonly user_id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly secret_digest: Uint8Array;
  readonly secret_used_at: number | null;
  readonly previous_digest: Uint8Array | null;
  readonly previous_until: number | null;
  readonly created_at: number;
  readonly rotated_at: number | null;
  readonly expires_at: number | null;
  readonly last_used_at: number | null;
  readonly revoked_at: number | null;
}

function keyFromRow(row: ApiKeyRow): ApiKeyRecord {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    scopes: row.scopes,
    secretDigest: row.secret_digest,
    secretUsedAt: row.secret_used_at,
    previousDigest: row.previous_digest,
    previousUntil: row.previous_until,
    createdAt: row.created_at,
    rotatedAt: row.rotated_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  };
}

/** Named one by one: with `*`, a column that a newer version adds would break the statements that nodes of this one have prepared. */
const keyColumns = [
  'id',
  'user_id',
  'name',
  'scopes',
  'secret_digest',
  'secret_used_at',
  'previous_digest',
  'previous_until',
  'created_at',
  'rotated_at',
  'expires_at',
  'last_used_at',
  'revoked_at',
] as const;
const columns = keyColumns.map((column) => `api_keys.${column}`).join(', ');

/** Where the first page starts: above every key. */
const beforeAll: ApiKeyCursor = { createdAt: Number.MAX_SAFE_INTEGER, id: '' };

/** With the name of the table: `terms` says when something expires, too. */
const isGood = '(api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > terms.now))';

const isUnusedBesideOld = '(secret_used_at IS NULL AND previous_until > terms.now)';

class ApiKeyStatements {
  readonly lockOwner: Statement;
  readonly countGood: Statement;
  readonly insert: Statement;
  readonly find: Statement;
  readonly list: Statement;
  readonly rotate: Statement;
  readonly revoke: Statement;
  readonly recordUse: Statement;

  constructor(wording: Wording) {
    const { apiKeys, users } = wording;
    // The keys of one owner are made one after the other, so that each sees how many there are.
    this.lockOwner = prepared(
      `SELECT FROM ${users} WHERE id = $1 AND disabled_at IS NULL AND ($2::bigint IS NULL OR session_epoch = $2) FOR NO KEY UPDATE`,
    );
    this.countGood = timed(wording, `SELECT count(*) AS good FROM ${apiKeys}, terms WHERE user_id = $2 AND ${isGood}`);
    this.insert = timed(
      wording,
      `INSERT INTO ${apiKeys} (id, user_id, name, scopes, secret_digest, created_at, expires_at)
      SELECT $2, $3, $4, $5, $6, terms.now, terms.now + $7::bigint FROM terms RETURNING ${columns}`,
    );
    this.find = timed(
      wording,
      `SELECT ${columns}, ${joinedUserColumns('users')}, users.password_hash IS NOT NULL AS has_password, terms.now
      FROM terms CROSS JOIN ${apiKeys} LEFT JOIN ${users} ON users.id = api_keys.user_id WHERE api_keys.id = $2`,
    );
    this.list = prepared(
      `SELECT ${columns} FROM ${apiKeys} WHERE ($1::text IS NULL OR user_id = $1) AND (created_at, id) < ($2::bigint, $3)
      ORDER BY created_at DESC, id DESC LIMIT $4::bigint`,
    );
    this.rotate = rotateStatement(wording);
    this.revoke = revoking(
      wording,
      `UPDATE ${apiKeys} SET revoked_at = terms.now FROM terms
      WHERE id = $2 AND revoked_at IS NULL AND ($3::text IS NULL OR user_id = $3) RETURNING id, user_id`,
      { kind: 'session', subject: 'changed.id', value: '0' },
    );
    this.recordUse = timed(
      wording,
      `UPDATE ${apiKeys} SET last_used_at = terms.now,
        secret_used_at = CASE WHEN secret_digest = $3 THEN coalesce(secret_used_at, terms.now) ELSE secret_used_at END
      FROM terms
      WHERE id = $2 AND (last_used_at IS NULL OR last_used_at <= terms.now - ${recordUseEverySeconds * 1000}
        OR (secret_digest = $3 AND secret_used_at IS NULL)) RETURNING id`,
    );
  }
}

/**
 * What stands on the right of an assignment is the row as it was. A secret that nobody has used may be one whose answer was lost: to keep it
 * in place of the one before would cut off the program that is still using that.
 */
function rotateStatement(wording: Wording): Statement {
  return timed(
    wording,
    `UPDATE ${wording.apiKeys} SET
      secret_digest = $4,
      secret_used_at = NULL,
      previous_digest = CASE WHEN ${isUnusedBesideOld} THEN previous_digest ELSE secret_digest END,
      previous_until = least(terms.now + $5::bigint, CASE WHEN ${isUnusedBesideOld} THEN previous_until ELSE api_keys.expires_at END),
      expires_at = terms.now + (api_keys.expires_at - coalesce(rotated_at, created_at)),
      rotated_at = terms.now
    FROM terms
    WHERE id = $2 AND secret_digest = $3 AND ${isGood}
      AND EXISTS (SELECT FROM ${wording.users} AS owner WHERE owner.id = user_id AND owner.disabled_at IS NULL) RETURNING ${columns}`,
  );
}

export function apiKeyStore(database: Database, wording: Wording): ApiKeyStore {
  const statements = new ApiKeyStatements(wording);
  return {
    create: (input) => create(database, statements, input),
    find: async (id) => foundIn(await database.read(statements.find, id)),
    list: (page) => list(database, statements, page),
    rotate: async ({ id, fromDigest, toDigest, overlapSeconds }) => {
      const [row] = await database.write<ApiKeyRow>(statements.rotate, id, fromDigest, toDigest, overlapSeconds * 1000);
      return row === undefined ? null : keyFromRow(row);
    },
    revoke: async (id, onlyOf) => {
      const [row] = await database.write<Pick<ApiKeyRow, 'user_id'>>(statements.revoke, id, onlyOf?.userId ?? null);
      return row?.user_id ?? null;
    },
    recordUse: async (id, secretDigest) => (await database.write(statements.recordUse, id, secretDigest)).length === 1,
  };
}

function create(
  database: Database,
  statements: ApiKeyStatements,
  { key, epoch, maxKeys }: Parameters<ApiKeyStore['create']>[0],
): ReturnType<ApiKeyStore['create']> {
  const lifetime = key.lifetimeSeconds === null ? null : key.lifetimeSeconds * 1000;
  return database.transaction(async (run) => {
    if ((await run(statements.lockOwner, [key.userId, epoch])).length === 0) return { outcome: 'no_owner' };
    const [counted] = await run<{ good: number }>(statements.countGood, [key.userId]);
    if ((counted?.good ?? 0) >= maxKeys) return { outcome: 'too_many' };
    const values = [key.id, key.userId, key.name, JSON.stringify(key.scopes), key.secretDigest, lifetime];
    const [row] = await run<ApiKeyRow>(statements.insert, values);
    return { outcome: 'created', key: keyFromRow(row as ApiKeyRow) };
  });
}

async function list(
  database: Database,
  statements: ApiKeyStatements,
  { userId, limit, after }: Parameters<ApiKeyStore['list']>[0],
): ReturnType<ApiKeyStore['list']> {
  const { createdAt, id } = after ?? beforeAll;
  const rows = await database.read<ApiKeyRow>(statements.list, userId, createdAt, id, limit + 1);
  const items = rows.slice(0, limit).map(keyFromRow);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? { createdAt: last.createdAt, id: last.id } : null };
}

type FoundRow = ApiKeyRow & JoinedUserRow & { readonly has_password: boolean; readonly now: number };

function foundIn([row]: readonly FoundRow[]): ApiKeyAndUser | null {
  return row === undefined ? null : { key: keyFromRow(row), user: joinedUser(row), hasPassword: row.has_password, now: row.now };
}
