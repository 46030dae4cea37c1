/** Signing keys: the acts of `KeyStore` as statements. */
import type { KeyStore, SigningKeyRecord } from '../../model/store.js';
import type { Database } from './database.js';
import { prepared, revoking, type Statement, type Wording } from './statements.js';

interface KeyRow {
  readonly kid: string;
  readonly algorithm: SigningKeyRecord['algorithm'];
  readonly public_jwk: Readonly<Record<string, unknown>> | null;
  readonly sealed_private: Uint8Array;
  readonly created_at: number;
  readonly signs_from: number;
  readonly compromised_at: number | null;
}

const columns = 'kid, algorithm, public_jwk, sealed_private, created_at, signs_from, compromised_at';

class KeyStatements {
  readonly list: Statement;
  readonly lock: Statement;
  readonly findNewest: Statement;
  readonly insert: Statement;
  readonly compromiseOthers: Statement;
  readonly reseal: Statement;
  readonly remove: Statement;

  constructor(wording: Wording) {
    const { signingKeys } = wording;
    this.list = prepared(`SELECT ${columns} FROM ${signingKeys} ORDER BY seq`);
    // Leaves readers alone. Who adds waits for who adds, so that the order of `seq` is the order of commits.
    this.lock = prepared(`LOCK TABLE ${signingKeys} IN SHARE ROW EXCLUSIVE MODE`);
    this.findNewest = prepared(`SELECT kid FROM ${signingKeys} ORDER BY seq DESC LIMIT 1`);
    this.insert = prepared(`INSERT INTO ${signingKeys} (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7)`);
    this.compromiseOthers = revoking(
      wording,
      `UPDATE ${signingKeys} SET compromised_at = terms.now FROM terms WHERE kid <> $2 AND compromised_at IS NULL RETURNING kid`,
      { kind: 'key', subject: 'changed.kid', value: '0' },
    );
    this.reseal = prepared(`UPDATE ${signingKeys} SET sealed_private = $2 WHERE kid = $1`);
    this.remove = prepared(`DELETE FROM ${signingKeys} WHERE kid = ANY($1::text[])`);
  }
}

export function keyStore(database: Database, wording: Wording): KeyStore {
  const statements = new KeyStatements(wording);
  return {
    list: async () => (await database.read<KeyRow>(statements.list)).map(keyFromRow),
    addAfter: (newest, key) =>
      database.transaction(async (run) => {
        await run(statements.lock);
        const [found] = await run<{ kid: string }>(statements.findNewest);
        if ((found?.kid ?? null) !== newest) return false;
        await run(statements.insert, valuesOf(key));
        return true;
      }),
    replaceCompromised: (key) =>
      database.transaction(async (run) => {
        await run(statements.lock);
        await run(statements.insert, valuesOf(key));
        await run(statements.compromiseOthers, [key.kid]);
      }),
    reseal: async (kid, sealedPrivate) => {
      await database.write(statements.reseal, kid, sealedPrivate);
    },
    remove: async (kids) => {
      await database.write(statements.remove, kids);
    },
  };
}

function valuesOf(key: SigningKeyRecord): unknown[] {
  const publicJwk = key.publicJwk === null ? null : JSON.stringify(key.publicJwk);
  return [key.kid, key.algorithm, publicJwk, key.sealedPrivate, key.createdAt, key.signsFrom, key.compromisedAt];
}

function keyFromRow(row: KeyRow): SigningKeyRecord {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk,
    sealedPrivate: row.sealed_private,
    createdAt: row.created_at,
    signsFrom: row.signs_from,
    compromisedAt: row.compromised_at,
  };
}
