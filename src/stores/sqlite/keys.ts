/** Signing keys: the acts of `KeyStore`, as they run on the database thread. */
import type { SigningKeyRecord } from '../../model/store.js';
import type { ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteParameters, SqliteStatement } from './driver.js';

interface KeyRow {
  readonly kid: string;
  readonly algorithm: SigningKeyRecord['algorithm'];
  readonly public_jwk: string | null;
  readonly sealed_private: Uint8Array;
  readonly created_at: number;
  readonly signs_from: number;
  readonly compromised_at: number | null;
}

const columns = 'kid, algorithm, public_jwk, sealed_private, created_at, signs_from, compromised_at';
const values = ':kid, :algorithm, :publicJwk, :sealedPrivate, :createdAt, :signsFrom, :compromisedAt';

class KeyStatements {
  readonly list: SqliteStatement;
  readonly insert: SqliteStatement;
  readonly insertAfter: SqliteStatement;
  readonly compromiseOthers: SqliteStatement;
  readonly reseal: SqliteStatement;
  readonly remove: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.list = database.prepare(`SELECT ${columns} FROM signing_keys ORDER BY seq`);
    this.insert = database.prepare(`INSERT INTO signing_keys (${columns}) VALUES (${values})`);
    this.insertAfter = database.prepare(`
      INSERT INTO signing_keys (${columns}) SELECT ${values}
      WHERE (SELECT kid FROM signing_keys ORDER BY seq DESC LIMIT 1) IS :newest`);
    this.compromiseOthers = database.prepare(`
      UPDATE signing_keys SET compromised_at = :now WHERE kid <> :except AND compromised_at IS NULL RETURNING kid`);
    this.reseal = database.prepare('UPDATE signing_keys SET sealed_private = :sealedPrivate WHERE kid = :kid');
    this.remove = database.prepare('DELETE FROM signing_keys WHERE kid = :kid');
  }
}

export function keyActs(database: SqliteDatabase): ActsOf<'keys'> {
  const statements = new KeyStatements(database);
  return {
    'keys.list': () => (statements.list.all() as KeyRow[]).map(keyFromRow),
    'keys.addAfter': (_, newest, key) => statements.insertAfter.run({ ...parametersOf(key), newest }).changes === 1,
    'keys.replaceCompromised': (scope, key) => {
      statements.insert.run(parametersOf(key));
      compromise(scope, statements.compromiseOthers, key.kid);
    },
    'keys.reseal': (_, kid, sealedPrivate) => void statements.reseal.run({ kid, sealedPrivate }),
    'keys.remove': (_, kids) => {
      for (const kid of kids) statements.remove.run({ kid });
    },
  };
}

function compromise(scope: ActScope, statement: SqliteStatement, except: string): void {
  const compromised = statement.all({ except, now: scope.now }) as { kid: string }[];
  for (const { kid } of compromised) scope.revoke('key', kid, 0);
}

function parametersOf(key: SigningKeyRecord): SqliteParameters {
  const { publicJwk, ...rest } = key;
  return { ...rest, publicJwk: publicJwk === null ? null : JSON.stringify(publicJwk) };
}

function keyFromRow(row: KeyRow): SigningKeyRecord {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk === null ? null : (JSON.parse(row.public_jwk) as Record<string, unknown>),
    sealedPrivate: row.sealed_private,
    createdAt: row.created_at,
    signsFrom: row.signs_from,
    compromisedAt: row.compromised_at,
  };
}
