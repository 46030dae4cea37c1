/** The acts that concern the whole database: its clock, its schema, restoring and purging. */
import { keptAfterEndSeconds } from '../../model/api-key.js';
import { proofsKeptSeconds } from '../../model/proofs.js';
import type { ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import { appliedMigrations } from './migrations.js';
import { renewFeedEpoch } from './revocations.js';
import { endReturned } from './users.js';

export function wholeStoreActs(database: SqliteDatabase): ActsOf<'store'> {
  const touch = database.prepare('SELECT count(*) FROM meta');
  const purgeSessions = database.prepare(`
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE absolute_expires_at <= :now ORDER BY absolute_expires_at LIMIT :limit)`);
  const purgeRevocations = database.prepare(`
    DELETE FROM revocations WHERE seq IN (SELECT seq FROM revocations WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)`);
  const purgeCounters = database.prepare(`
    DELETE FROM counters WHERE key IN (SELECT key FROM counters WHERE resets_at <= :now ORDER BY resets_at LIMIT :limit)`);
  const purgeApiKeys = database.prepare(`
    DELETE FROM api_keys WHERE id IN (
      SELECT id FROM api_keys WHERE coalesce(revoked_at, expires_at) <= :now - ${keptAfterEndSeconds * 1000}
      ORDER BY coalesce(revoked_at, expires_at) LIMIT :limit)`);
  const purgeProofs = database.prepare(`
    DELETE FROM proofs WHERE id IN (
      SELECT id FROM proofs WHERE expires_at <= :now - ${proofsKeptSeconds * 1000} ORDER BY expires_at LIMIT :limit)`);
  return {
    'store.now': ({ now }) => {
      touch.get();
      return now;
    },
    'store.appliedMigrations': () => appliedMigrations(database),
    'store.restoreEpoch': (scope) => restoreEpoch(database, scope),
    'store.purge': ({ now }, limit) => purge([purgeSessions, purgeRevocations, purgeApiKeys, purgeProofs, purgeCounters], now, limit),
  };
}

/** Whoever asks for anything meanwhile waits: in a large database each row that goes touches pages of its own. */
const longestPurgeMilliseconds = 4;
const purgedAtOnce = 20;

/** True when there may be more. */
function purge(statements: readonly SqliteStatement[], now: number, limit: number): boolean {
  const startedAt = performance.now();
  let unfinished = statements;
  for (let removed = 0; removed < limit && unfinished.length > 0; removed += purgedAtOnce) {
    const most = Math.min(purgedAtOnce, limit - removed);
    unfinished = unfinished.filter((statement) => statement.run({ now, limit: most }).changes === most);
    if (performance.now() - startedAt > longestPurgeMilliseconds) break;
  }
  return unfinished.length > 0;
}

/** No rows per user: every access token dies with its signing key. API keys are known to processes by themselves, so each gets its row. */
function restoreEpoch(database: SqliteDatabase, scope: ActScope): void {
  const { now } = scope;
  database.prepare('UPDATE users SET session_epoch = session_epoch + 1, updated_at = :now').run({ now });
  database.prepare("UPDATE sessions SET ended_at = :now, end_reason = 'restored' WHERE ended_at IS NULL").run({ now });
  endReturned(scope, database.prepare('UPDATE api_keys SET revoked_at = :now WHERE revoked_at IS NULL RETURNING id'), { now });
  database.prepare('UPDATE proofs SET expires_at = min(expires_at, :now) WHERE used_at IS NULL').run({ now });
  database.prepare('DELETE FROM outbox').run();
  const keys = database.prepare('UPDATE signing_keys SET compromised_at = coalesce(compromised_at, :now) RETURNING kid').all({ now }) as {
    kid: string;
  }[];
  for (const { kid } of keys) scope.revoke('key', kid, 0);
  renewFeedEpoch(database);
}
