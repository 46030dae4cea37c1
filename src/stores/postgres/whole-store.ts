/** The acts that concern the whole database: its clock, its schema, restoring and purging. */
import { keptAfterEndSeconds } from '../../model/api-key.js';
import { proofsKeptSeconds } from '../../model/proofs.js';
import type { OpenStore } from '../../model/store.js';
import type { Database } from './database.js';
import { appliedMigrations } from './migrations.js';
import { renewFeedEpoch } from './revocations.js';
import { prepared, revoking, timed, type Wording } from './statements.js';

type WholeStore = Pick<OpenStore, 'now' | 'appliedMigrations' | 'restoreEpoch' | 'purge'>;

export function wholeStore(database: Database, wording: Wording): WholeStore {
  const now = timed(wording, 'SELECT now FROM terms');
  const purge = purgeStatement(wording);
  return {
    now: async () => (await database.read<{ now: number }>(now))[0]?.now ?? NaN,
    appliedMigrations: () => database.reading((run) => appliedMigrations(run, wording)),
    restoreEpoch: () => restoreEpoch(database, wording),
    purge: async (limit) => {
      const removed = await database.write<{ count: number }>(purge, limit);
      return removed.some(({ count }) => count >= limit);
    },
  };
}

/** What somebody else has locked is left for the next time. */
function purgeStatement(wording: Wording) {
  const { sessions, revocations, counters, apiKeys, proofs } = wording;
  const expired = (table: string, key: string, expiry: string): string => `
    DELETE FROM ${table} WHERE ${key} IN (
      SELECT ${key} FROM ${table} WHERE ${expiry} <= (SELECT now FROM terms) ORDER BY ${expiry} LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    RETURNING 1`;
  return timed(
    wording,
    `ended AS (${expired(sessions, 'id', 'absolute_expires_at')})`,
    `forgotten AS (${expired(revocations, 'seq', 'expires_at')})`,
    `discarded AS (${expired(apiKeys, 'id', `${keptAfterEndSeconds * 1000} + coalesce(revoked_at, expires_at)`)})`,
    `proved AS (${expired(proofs, 'id', `${proofsKeptSeconds * 1000} + expires_at`)})`,
    `counted AS (${expired(counters, 'key', 'resets_at')})`,
    'SELECT count(*) FROM ended UNION ALL SELECT count(*) FROM forgotten UNION ALL SELECT count(*) FROM discarded UNION ALL SELECT count(*) FROM proved UNION ALL SELECT count(*) FROM counted',
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
