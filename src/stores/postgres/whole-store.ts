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

/** What is removed when it has been expired for so long. */
interface Purgeable {
  readonly table: string;
  readonly key: string;
  readonly expiry: string;
  readonly keptSeconds: number;
}

interface PurgedRow {
  readonly kind: number;
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
  const kinds: readonly Purgeable[] = [
    { table: sessions, key: 'id', expiry: 'absolute_expires_at', keptSeconds: 0 },
    { table: revocations, key: 'seq', expiry: 'expires_at', keptSeconds: 0 },
    { table: apiKeys, key: 'id', expiry: 'coalesce(revoked_at, expires_at)', keptSeconds: keptAfterEndSeconds },
    { table: proofs, key: 'id', expiry: 'expires_at', keptSeconds: proofsKeptSeconds },
    { table: counters, key: 'key', expiry: 'resets_at', keptSeconds: 0 },
  ];
  const statement = purgeStatement(wording, kinds);
  const fromTheStart = Number.MIN_SAFE_INTEGER;
  const from = kinds.map(() => fromTheStart);
  return async (limit) => {
    const purged = await database.write<PurgedRow>(statement, limit, ...from);
    const full = purged.filter(({ count }) => count >= limit);
    from.splice(0, kinds.length, ...kinds.map((_, index) => full.find(({ kind }) => kind === index)?.latest ?? fromTheStart));
    return full.length > 0;
  };
}

function purgeStatement(wording: Wording, kinds: readonly Purgeable[]): Statement {
  const removed = kinds.map(
    ({ table, key, expiry, keptSeconds }, kind) => `removed_${kind} AS (
      DELETE FROM ${table} WHERE ${key} IN (
        SELECT ${key} FROM ${table}
        WHERE ${expiry} >= $${kind + 3}::bigint AND ${expiry} <= (SELECT now - ${keptSeconds * 1000} FROM terms)
        ORDER BY ${expiry} LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
      RETURNING ${expiry} AS expired_at)`,
  );
  const told = kinds.map((_, kind) => `SELECT ${kind} AS kind, count(*) AS count, max(expired_at) AS latest FROM removed_${kind}`);
  return timed(wording, ...removed, told.join(' UNION ALL '));
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
