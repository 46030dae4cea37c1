/** Revocation rows: how they are written, how long they live, and how the feed reads them. */
import { systemRandom } from '../../crypto/random.js';
import type { Revocation, RevocationPage } from '../../model/store.js';
import type { ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import type { WriteRevocation } from './group-commit.js';

/** How far the clocks of issuer and verifier may be apart, and ten minutes for what nobody thought of. */
const marginSeconds = 60 + 600;

const pageSize = 5000;

/** The greatest access-token life that was configured; `until`: when the last token of that life has run out, if a shorter one is configured now. */
interface LongestAccess {
  readonly seconds: number;
  readonly until: number | null;
}

/** Writes nothing, and so costs no sync, when it is already so. */
const writeMetaSql = `
  INSERT INTO meta (key, value) VALUES ('longest_access', :value)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value`;

export interface RevocationWriting {
  readonly longestAccessSeconds: number;
  readonly write: WriteRevocation;
}

/** Settles the access-token life that revocation rows must outlive. Must run inside a transaction that has the write lock. */
export function prepareRevocations(database: SqliteDatabase, configuredSeconds: number, now: number): RevocationWriting {
  const readMeta = database.prepare("SELECT value FROM meta WHERE key = 'longest_access'");
  const insert = database.prepare(
    'INSERT INTO revocations (kind, subject, value, expires_at) VALUES (:kind, :subject, :value, :expiresAt)',
  );
  const stored = (): LongestAccess | null => {
    const row = readMeta.get() as { value: string } | undefined;
    return row === undefined ? null : (JSON.parse(row.value) as LongestAccess);
  };
  const settled = settleLongestAccess(stored(), configuredSeconds, now);
  database.prepare(writeMetaSql).run({ value: JSON.stringify(settled) });
  return {
    longestAccessSeconds: settled.seconds,
    write: (at, fact) => {
      // Read each time: another process may have been opened with a longer life since.
      const seconds = Math.max(settled.seconds, stored()?.seconds ?? 0);
      const revocation: Revocation = { ...fact, expiresAt: at + (seconds + marginSeconds) * 1000 };
      insert.run({ ...revocation });
      return revocation;
    },
  };
}

function settleLongestAccess(stored: LongestAccess | null, configuredSeconds: number, now: number): LongestAccess {
  const hasRunOut = typeof stored?.until === 'number' && stored.until <= now;
  if (stored === null || hasRunOut || configuredSeconds >= stored.seconds) return { seconds: configuredSeconds, until: null };
  return { seconds: stored.seconds, until: stored.until ?? now + stored.seconds * 1000 };
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
    rows: found.map(({ kind, subject, value, expires_at: expiresAt }) => ({ kind, subject, value, expiresAt })),
    position: `${epoch}:${found.at(-1)?.seq ?? start}`,
    more: rows.length > pageSize,
  };
}

/** A position that makes no sense is of no epoch, and so reads from the start. */
function parsePosition(position: string | null): { epoch: string; seq: number } {
  const [epoch = '', seq = ''] = position?.split(':') ?? [];
  return /^\d{1,15}$/.test(seq) ? { epoch, seq: Number(seq) } : { epoch: '', seq: 0 };
}
