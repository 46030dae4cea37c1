/** The acts that concern the whole database: its clock, its schema, restoring and purging. */
import { keptAfterEndSeconds } from '../../model/api-key.js';
import { proofsKeptSeconds } from '../../model/proofs.js';
import type { OpenStore } from '../../model/store.js';
import type { Database } from './database.js';
import { appliedMigrations } from './migrations.js';
import { renewFeedEpoch } from './revocations.js';
import { prepared, revoking, timed, type Statement, type Wording } from './statements.js';

type WholeStore = Pick<OpenStore, 'now' | 'appliedMigrations' | 'restoreEpoch' | 'purge'>;

export function wholeStore(database: Database, wording: Wording): WholeStore {
  const now = timed(wording, 'SELECT now FROM terms');
  return {
    now: async () => (await database.read<{ now: number }>(now))[0]?.now ?? NaN,
    appliedMigrations: () => database.reading((run) => appliedMigrations(run, wording)),
    restoreEpoch: () => restoreEpoch(database, wording),
    purge: purging(database, wording),
  };
}

interface Purged {
  readonly count: number;
  /** Of what was removed, the latest. */
  readonly latest: number | null;
}

/**
 * What was removed stays in the indexes until the next vacuum: each step starts where the one before came to, or it would walk over all of that
 * again. What somebody else had locked is left for the next time, from the start.
 */
function purging(database: Database, wording: Wording): WholeStore['purge'] {
  const { sessions, revocations, counters, apiKeys, proofs } = wording;
  const purges = [
    purgeStatement(wording, { table: sessions, key: 'id', expiry: 'absolute_expires_at' }),
    purgeStatement(wording, { table: revocations, key: 'seq', expiry: 'expires_at' }),
    purgeStatement(wording, { table: apiKeys, key: 'id', expiry: 'coalesce(revoked_at, expires_at)', keptSeconds: keptAfterEndSeconds }),
    purgeStatement(wording, { table: proofs, key: 'id', expiry: 'expires_at', keptSeconds: proofsKeptSeconds }),
    purgeStatement(wording, { table: counters, key: 'key', expiry: 'resets_at' }),
  ].map((statement) => ({ statement, from: Number.MIN_SAFE_INTEGER }));
  return async (limit) => {
    let mayBeMore = false;
    for (const purge of purges) {
      const [removed] = await database.write<Purged>(purge.statement, limit, purge.from);
      const isFull = removed !== undefined && removed.count >= limit;
      purge.from = isFull ? (removed.latest ?? purge.from) : Number.MIN_SAFE_INTEGER;
      mayBeMore ||= isFull;
    }
    return mayBeMore;
  };
}

interface Purgeable {
  readonly table: string;
  readonly key: string;
  readonly expiry: string;
  /** Beyond its expiry. */
  readonly keptSeconds?: number;
}

function purgeStatement(wording: Wording, { table, key, expiry, keptSeconds = 0 }: Purgeable): Statement {
  return timed(
    wording,
    `removed AS (
      DELETE FROM ${table} WHERE ${key} IN (
        SELECT ${key} FROM ${table} WHERE ${expiry} >= $3::bigint AND ${expiry} <= (SELECT now - ${keptSeconds * 1000} FROM terms)
        ORDER BY ${expiry} LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
      RETURNING ${expiry} AS expired_at)`,
    'SELECT count(*), max(expired_at) AS latest FROM removed',
  );
}

/** No rows per user: every access token dies with its signing key. API keys are known to processes by themselves, so each gets its row. */
function restoreEpoch(database: Database, wording: Wording): Promise<void> {
  const { users, sessions, signingKeys, apiKeys, proofs, outbox } = wording;
  const raiseEpochs = timed(wording, `UPDATE ${users} SET session_epoch = session_epoch + 1, updated_at = terms.now FROM terms`);
  const endSessions = timed(
    wording,
    `UPDATE ${sessions} SET ended_at = terms.now, end_reason = 'restored' FROM terms WHERE ended_at IS NULL`,
  );
  const compromise = revoking(
    wording,
    `UPDATE ${signingKeys} SET compromised_at = coalesce(compromised_at, terms.now) FROM terms RETURNING kid`,
    { kind: 'key', subject: 'changed.kid', value: '0' },
  );
  const revokeApiKeys = revoking(wording, `UPDATE ${apiKeys} SET revoked_at = terms.now FROM terms WHERE revoked_at IS NULL RETURNING id`, {
    kind: 'session',
    subject: 'changed.id',
    value: '0',
  });
  const voidProofs = timed(
    wording,
    `UPDATE ${proofs} SET expires_at = least(proofs.expires_at, terms.now) FROM terms WHERE used_at IS NULL`,
  );
  const emptyOutbox = prepared(`DELETE FROM ${outbox}`);
  return database.longTransaction(async (run) => {
    await run(raiseEpochs);
    await run(endSessions);
    await run(revokeApiKeys);
    await run(compromise);
    await run(voidProofs);
    await run(emptyOutbox);
    await renewFeedEpoch(run, wording);
  });
}
