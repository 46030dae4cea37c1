/** API keys: the acts of `ApiKeyStore`, as they run on the database thread. */
import { recordUseEverySeconds, type ApiKeyAndUser, type ApiKeyCursor, type ApiKeyRecord } from '../../model/api-key.js';
import type { ActArguments, ActResult, ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import { joinedUser, joinedUserColumns, type JoinedUserRow } from './user-rows.js';

interface ApiKeyRow {
  readonly id: string;
  readonly user_id: string;
  readonly name: string;
  readonly scopes: string;
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
    scopes: JSON.parse(row.scopes) as string[],
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

/** Where the first page starts: above every key. */
const beforeAll: ApiKeyCursor = { createdAt: Number.MAX_SAFE_INTEGER, id: '' };

const isGood = '(revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now))';
const isOwnedByEnabled = 'EXISTS (SELECT 1 FROM users WHERE users.id = api_keys.user_id AND users.disabled_at IS NULL)';

const isUnusedBesideOld = '(secret_used_at IS NULL AND previous_until > :now)';

class ApiKeyStatements {
  readonly findOwner: SqliteStatement;
  readonly countGood: SqliteStatement;
  readonly insert: SqliteStatement;
  readonly find: SqliteStatement;
  readonly list: SqliteStatement;
  readonly listOfUser: SqliteStatement;
  readonly rotate: SqliteStatement;
  readonly revoke: SqliteStatement;
  readonly recordUse: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.findOwner = database.prepare(
      'SELECT id FROM users WHERE id = :userId AND disabled_at IS NULL AND (:epoch IS NULL OR session_epoch = :epoch)',
    );
    this.countGood = database.prepare(`SELECT count(*) AS good FROM api_keys WHERE user_id = :userId AND ${isGood}`);
    this.insert = database.prepare(`
      INSERT INTO api_keys (id, user_id, name, scopes, secret_digest, created_at, expires_at)
      VALUES (:id, :userId, :name, :scopes, :secretDigest, :now, :expiresAt)`);
    this.find = database.prepare(`
      SELECT api_keys.*, ${joinedUserColumns}, users.password_hash IS NOT NULL AS has_password
      FROM api_keys LEFT JOIN users ON users.id = api_keys.user_id WHERE api_keys.id = :id`);
    const list = (condition: string): SqliteStatement =>
      database.prepare(`
        SELECT * FROM api_keys WHERE ${condition} (created_at, id) < (:createdAt, :id) ORDER BY created_at DESC, id DESC LIMIT :limit`);
    this.list = list('');
    this.listOfUser = list('user_id = :userId AND');
    this.rotate = database.prepare(rotateSql);
    this.revoke = database.prepare(`
      UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL AND (:userId IS NULL OR user_id = :userId)
      RETURNING user_id`);
    this.recordUse = database.prepare(`
      UPDATE api_keys SET last_used_at = :now,
        secret_used_at = CASE WHEN secret_digest = :secretDigest THEN coalesce(secret_used_at, :now) ELSE secret_used_at END
      WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :now - ${recordUseEverySeconds * 1000}
        OR (secret_digest = :secretDigest AND secret_used_at IS NULL))`);
  }
}

/**
 * What stands on the right of an assignment is the row as it was. A secret that nobody has used may be one whose answer was lost: to keep it
 * in place of the one before would cut off the program that is still using that.
 */
const rotateSql = `
  UPDATE api_keys SET
    secret_digest = :toDigest,
    secret_used_at = NULL,
    previous_digest = CASE WHEN ${isUnusedBesideOld} THEN previous_digest ELSE secret_digest END,
    previous_until = min(
      :now + :overlapMilliseconds,
      CASE WHEN ${isUnusedBesideOld} THEN previous_until ELSE coalesce(expires_at, :now + :overlapMilliseconds) END),
    expires_at = :now + (expires_at - coalesce(rotated_at, created_at)),
    rotated_at = :now
  WHERE id = :id AND secret_digest = :fromDigest AND ${isGood} AND ${isOwnedByEnabled}`;

export function apiKeyActs(database: SqliteDatabase): ActsOf<'apiKeys'> {
  const keys = new ApiKeys(database);
  return {
    'apiKeys.create': (scope, input) => keys.create(scope, input),
    'apiKeys.find': (scope, id) => keys.find(scope, id),
    'apiKeys.list': (_, page) => keys.list(page),
    'apiKeys.rotate': (scope, input) => keys.rotate(scope, input),
    'apiKeys.revoke': (scope, id, onlyOf) => keys.revoke(scope, id, onlyOf?.userId ?? null),
    'apiKeys.recordUse': (scope, id, secretDigest) => keys.recordUse(scope, id, secretDigest),
  };
}

class ApiKeys {
  readonly #statements: ApiKeyStatements;

  constructor(database: SqliteDatabase) {
    this.#statements = new ApiKeyStatements(database);
  }

  /** The transaction has the write lock: nothing changes between what is checked and the insert. */
  create(scope: ActScope, { key, epoch, maxKeys }: ActArguments<'apiKeys.create'>[0]): ActResult<'apiKeys.create'> {
    const { id, userId, name, secretDigest, lifetimeSeconds } = key;
    const { now } = scope;
    if (this.#statements.findOwner.get({ userId, epoch }) === undefined) return { outcome: 'no_owner' };
    const { good } = this.#statements.countGood.get({ userId, now }) as { good: number };
    if (good >= maxKeys) return { outcome: 'too_many' };
    const expiresAt = lifetimeSeconds === null ? null : now + lifetimeSeconds * 1000;
    this.#statements.insert.run({ id, userId, name, scopes: JSON.stringify(key.scopes), secretDigest, expiresAt, now });
    return { outcome: 'created', key: this.#findWritten(scope, id) };
  }

  find({ now }: ActScope, id: string): ApiKeyAndUser | null {
    const row = this.#statements.find.get({ id }) as (ApiKeyRow & JoinedUserRow & { has_password: number }) | undefined;
    return row === undefined ? null : { key: keyFromRow(row), user: joinedUser(row), hasPassword: row.has_password === 1, now };
  }

  /** The key that this act has just written. */
  #findWritten(scope: ActScope, id: string): ApiKeyRecord {
    return (this.find(scope, id) as ApiKeyAndUser).key;
  }

  list({ userId, limit, after }: ActArguments<'apiKeys.list'>[0]): ActResult<'apiKeys.list'> {
    const page = { ...(after ?? beforeAll), limit: limit + 1 };
    const { list, listOfUser } = this.#statements;
    const rows = (userId === null ? list.all(page) : listOfUser.all({ ...page, userId })) as ApiKeyRow[];
    const items = rows.slice(0, limit).map(keyFromRow);
    const last = items.at(-1);
    return { items, next: rows.length > limit && last !== undefined ? { createdAt: last.createdAt, id: last.id } : null };
  }

  rotate(scope: ActScope, { id, overlapSeconds, ...digests }: ActArguments<'apiKeys.rotate'>[0]): ApiKeyRecord | null {
    const { changes } = this.#statements.rotate.run({ id, ...digests, overlapMilliseconds: overlapSeconds * 1000, now: scope.now });
    return changes === 0 ? null : this.#findWritten(scope, id);
  }

  revoke(scope: ActScope, id: string, userId: string | null): string | null {
    const [row] = this.#statements.revoke.all({ id, userId, now: scope.now }) as Pick<ApiKeyRow, 'user_id'>[];
    if (row === undefined) return null;
    scope.revoke('session', id, 0);
    return row.user_id;
  }

  recordUse({ now }: ActScope, id: string, secretDigest: Uint8Array): boolean {
    return this.#statements.recordUse.run({ id, secretDigest, now }).changes !== 0;
  }
}
