/** Revocation rows: how they are written, how long they live, and how the feed reads them. */
import { systemRandom } from '../../crypto/random.js';
import { keptBeyondTokensSeconds } from '../../model/clock-tolerance.js';
import type { Revocation, RevocationPage } from '../../model/store.js';
import type { ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import type { WriteRevocation } from './group-commit.js';
import type { LongestAccess } from './longest-access.js';

const pageSize = 5000;

/** Rows outlive every token that they concern, also those of the longest life that any process has. */
export function revocationWriter(database: SqliteDatabase, longestAccess: LongestAccess): WriteRevocation {
  const insert = database.prepare(
    'INSERT INTO revocations (kind, subject, value, revoked_at, expires_at) VALUES (:kind, :subject, :value, :revokedAt, :expiresAt)',
  );
  return (now, fact) => {
    const revocation: Revocation = {
      ...fact,
      revokedAt: now,
      expiresAt: now + (longestAccess.seconds + keptBeyondTokensSeconds) * 1000,
    };
    insert.run({ ...revocation });
    return revocation;
  };
}

function newFeedEpoch(): string {
  return systemRandom(12).toString('base64url');
}

/** Gives the feed an epoch of its own when it has none. */
export function prepareFeedEpoch(database: SqliteDatabase): void {
  database.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('feed_epoch', :value)").run({ value: newFeedEpoch() });
}

/** Positions handed out so far are of another feed from now on: readers start over. */
export function renewFeedEpoch(database: SqliteDatabase): void {
  database.prepare("UPDATE meta SET value = :value WHERE key = 'feed_epoch'").run({ value: newFeedEpoch() });
}

interface FeedRow {
  readonly feed_epoch: string;
  readonly start: number;
  readonly seq: number | null;
  readonly kind: Revocation['kind'];
  readonly subject: string;
  readonly value: number;
  readonly revoked_at: number;
  readonly expires_at: number;
}

/** One statement, so that epoch and rows are of one moment. A position beyond the end is of a database that was put back to an older state. */
const readSql = `
  WITH feed AS (
    SELECT value AS epoch, CASE
      WHEN value = :epoch AND :seq <= coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'revocations'), 0) THEN :seq
      ELSE 0 END AS start
    FROM meta WHERE key = 'feed_epoch')
  SELECT feed.epoch AS feed_epoch, feed.start, revocations.*
  FROM feed LEFT JOIN revocations ON revocations.seq > feed.start AND revocations.expires_at > :now
  ORDER BY revocations.seq LIMIT ${pageSize + 1}`;

export function revocationActs(database: SqliteDatabase): ActsOf<'revocations'> {
  const statement = database.prepare(readSql);
  return { 'revocations.read': ({ now }, position) => read(statement, now, position) };
}

function read(statement: SqliteStatement, now: number, position: string | null): RevocationPage {
  const rows = statement.all({ ...parsePosition(position), now }) as [FeedRow, ...FeedRow[]];
  const found = rows.filter(({ seq }) => seq !== null).slice(0, pageSize);
  const { feed_epoch: epoch, start } = rows[0];
  return {
    rows: found.map((row) => ({
      kind: row.kind,
      subject: row.subject,
      value: row.value,
      revokedAt: row.revoked_at,
      expiresAt: row.expires_at,
    })),
    position: `${epoch}:${found.at(-1)?.seq ?? start}`,
    more: rows.length > pageSize,
    now,
  };
}

/** A position that makes no sense is of no epoch, and so reads from the start. */
function parsePosition(position: string | null): { epoch: string; seq: number } {
  const [epoch = '', seq = ''] = position?.split(':') ?? [];
  return /^\d{1,15}$/.test(seq) ? { epoch, seq: Number(seq) } : { epoch: '', seq: 0 };
}
