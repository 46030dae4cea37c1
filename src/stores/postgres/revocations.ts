/** The feed of revocation rows: which of them a reader has not seen, told by what was committed when he last read. */
import { systemRandom } from '../../crypto/random.js';
import { longestPosition, type Revocation, type RevocationPage, type RevocationStore } from '../../model/store.js';
import type { Run } from './connections.js';
import type { Database } from './database.js';
import { refuseMovedBack } from './moved-in.js';
import { prepared, timed, type Statement, type Wording } from './statements.js';

const pageSize = 5000;

/** Beyond it a snapshot is kept less exactly, and more is read again. */
const maxSnapshotLength = 500;

function newFeedEpoch(): string {
  return systemRandom(12).toString('base64url');
}

/** Gives the feed an epoch of its own when it has none. Writes nothing otherwise. */
export async function prepareFeedEpoch(run: Run, { meta }: Wording): Promise<void> {
  await run(prepared(`INSERT INTO ${meta} (key, value) VALUES ('feed_epoch', $1) ON CONFLICT (key) DO NOTHING`), [newFeedEpoch()]);
}

/** Positions handed out so far are of another feed from now on: readers start over. */
export async function renewFeedEpoch(run: Run, { meta }: Wording): Promise<void> {
  await run(prepared(`UPDATE ${meta} SET value = $1 WHERE key = 'feed_epoch'`), [newFeedEpoch()]);
}

/**
 * What was committed at a moment: transactions below `xmax`, but those in `running`. Sequence numbers cannot tell: they are drawn before the
 * commit, and become visible in another order. Decimal numbers, for they have 64 bits.
 */
interface Snapshot {
  readonly xmax: string;
  readonly running: readonly string[];
}

interface Position {
  readonly feedEpoch: string;
  /** When the server was started: another one, promoted or restored, gives the same numbers to other transactions. */
  readonly server: string;
  /** All that it shows was read. */
  readonly seen: Snapshot;
  /**
   * The greatest `seq` of what was read. A server that restarts by itself after a crash can give numbers of transactions that wrote nothing
   * once more, but never a `seq`.
   */
  readonly highest: string;
  /** Of a reading that has more pages: what is seen when it is through, and the `seq` that it has come to. */
  readonly paging: { readonly next: Snapshot; readonly after: string } | null;
}

const fromTheStart: Pick<Position, 'seen' | 'highest' | 'paging'> = { seen: { xmax: '0', running: [] }, highest: '0', paging: null };

interface FeedRow {
  readonly now: number;
  readonly feed_epoch: string;
  readonly server: string;
  readonly snapshot: string;
  readonly moved_in: string | null;
  readonly seq: string | null;
  readonly kind: Revocation['kind'];
  readonly subject: string;
  readonly value: number;
  readonly revoked_at: number;
  readonly expires_at: number;
}

/** One statement, so that epoch, snapshot and rows are of one moment. Not prepared: which index is the right one depends on the values. */
function readStatement(wording: Wording): Statement {
  const { text } = timed(
    wording,
    `SELECT terms.now, terms.life, feed.value AS feed_epoch, pg_current_snapshot()::text AS snapshot,
      floor(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text AS server,
      (SELECT value FROM ${wording.meta} WHERE key = 'moved_in') AS moved_in, unseen.*
    FROM terms JOIN ${wording.meta} AS feed ON feed.key = 'feed_epoch' LEFT JOIN LATERAL (
      SELECT seq::text, kind, subject, value, revoked_at, expires_at FROM ${wording.revocations} AS r
      WHERE (r.xact >= $2::xid8 OR r.xact = ANY($3::xid8[]) OR r.seq > $4::bigint) AND r.seq > $5::bigint AND r.expires_at > terms.now
      ORDER BY r.seq LIMIT ${pageSize + 1}) AS unseen ON true
    ORDER BY unseen.seq::bigint`,
  );
  return { text, isTimed: true };
}

export function revocationStore(database: Database, wording: Wording): RevocationStore {
  const statement = readStatement(wording);
  const select = async ({ seen, highest, paging }: typeof fromTheStart): Promise<[FeedRow, ...FeedRow[]]> => {
    const rows = await database.readAside<FeedRow>(statement, seen.xmax, seen.running, highest, paging?.after ?? '0');
    const [first, ...others] = rows as [FeedRow, ...FeedRow[]];
    // What is revoked from now on is revoked there, and nobody would learn it here.
    refuseMovedBack(first.moved_in);
    return [first, ...others];
  };
  return {
    read: async (text) => {
      const position = parsePosition(text);
      const rows = await select(position ?? fromTheStart);
      const [{ feed_epoch: feedEpoch, server }] = rows;
      const isOfThisFeed = position !== null && position.feedEpoch === feedEpoch && position.server === server;
      return position === null || isOfThisFeed ? pageOf(rows, position ?? fromTheStart) : pageOf(await select(fromTheStart), fromTheStart);
    },
  };
}

function pageOf(rows: readonly [FeedRow, ...FeedRow[]], from: typeof fromTheStart): RevocationPage {
  const [{ now, feed_epoch: feedEpoch, server, snapshot }] = rows;
  const found = rows.filter(({ seq }) => seq !== null).slice(0, pageSize);
  const more = rows.length > pageSize;
  const after = found.at(-1)?.seq ?? from.paging?.after ?? '0';
  // Of the first page, not of the last: what was committed between them may have passed by.
  const next = from.paging?.next ?? parseSnapshot(snapshot);
  const reached = more ? { ...from, paging: { next, after } } : { seen: next, highest: greater(from.highest, after), paging: null };
  return { rows: found.map(revocationFromRow), position: formatPosition({ feedEpoch, server, ...reached }), more, now };
}

function revocationFromRow({ kind, subject, value, revoked_at: revokedAt, expires_at: expiresAt }: FeedRow): Revocation {
  return { kind, subject, value, revokedAt, expiresAt };
}

/** As the server writes it: `xmin:xmax:running,…` */
function parseSnapshot(text: string): Snapshot {
  const [xmin = '0', xmax = '0', running = ''] = text.split(':');
  if (text.length > maxSnapshotLength) return { xmax: xmin, running: [] };
  return { xmax, running: running === '' ? [] : running.split(',') };
}

function formatPosition({ feedEpoch, server, seen, highest, paging }: Position): string {
  const fields = [feedEpoch, server, seen.xmax, seen.running.join(','), highest];
  const further = paging === null ? [] : [paging.next.xmax, paging.next.running.join(','), paging.after];
  return [...fields, ...further].join('.');
}

const numberPattern = '(\\d{1,18})';
const snapshotPattern = `${numberPattern}\\.((?:\\d{1,18}(?:,\\d{1,18})*)?)`;
const positionPattern = new RegExp(
  `^([\\w-]{1,32})\\.${numberPattern}\\.${snapshotPattern}\\.${numberPattern}(?:\\.${snapshotPattern}\\.${numberPattern})?$`,
);

/** Null for what makes no sense: it is read from the start then. */
function parsePosition(text: string | null): Position | null {
  if (text === null || text.length > longestPosition) return null;
  const [whole, feedEpoch = '', server = '', xmax = '', running = '', highest = '', ...rest] = positionPattern.exec(text) ?? [];
  if (whole === undefined) return null;
  const [nextXmax, nextRunning, after] = rest;
  const snapshot = (bound: string, list = ''): Snapshot => ({ xmax: bound, running: list === '' ? [] : list.split(',') });
  const paging = nextXmax === undefined || after === undefined ? null : { next: snapshot(nextXmax, nextRunning), after };
  return { feedEpoch, server, seen: snapshot(xmax, running), highest, paging };
}

function greater(one: string, other: string): string {
  return BigInt(one) >= BigInt(other) ? one : other;
}
