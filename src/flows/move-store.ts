/** Moves an installation to another store while it is in use: copies, catches up, and switches over in the moment when nobody writes. */
import { ConfigError } from '../errors.js';
import type { Random } from '../crypto/random.js';
import type { Clock } from '../model/app-types.js';
import type { MovedChanges, MovedMark, MovedTable, MoveSource, MoveTarget } from '../model/store-move.js';
import { RowsDigest } from '../stores/moved-tables.js';

export interface Move {
  readonly source: MoveSource;
  readonly target: MoveTarget;
  readonly clock: Clock;
  readonly random: Random;
  /** Told what is being done, with how many rows are done. */
  readonly onProgress: (step: MoveStep) => void;
  /** Stops it, and leaves everything as it was; no longer heard once the source is locked. */
  readonly signal: AbortSignal;
}

export interface MoveStep {
  readonly doing: 'copying' | 'comparing' | 'catching up' | 'switching';
  readonly rows: number;
  readonly of: number;
}

export interface MovedCount {
  readonly table: string;
  readonly rows: number;
}

export interface MoveReport {
  /** `finished`: everything had been moved, and the target is open now. */
  readonly outcome: 'moved' | 'finished' | 'already_moved';
  readonly to: string;
  readonly tables: readonly MovedCount[];
  readonly copySeconds: number;
  /** How long nobody could write. */
  readonly lockedMilliseconds: number;
}

/** Changes taken at a time: so many are read in some milliseconds, for which writers wait. */
const takenAtOnce = 2000;
/** With fewer changes than this left, writers are locked out and the last ones are taken. */
const fewChanges = 200;
const maxRounds = 1000;

/** By which clocks may differ: the window for honest doubles is measured from instants of the one by the other. */
const toleratedSkewMilliseconds = 5000;

/**
 * Until the switch, an interrupted move leaves the source as it was, and the next one starts over. If it is interrupted between the two
 * commits of the switch, both stores refuse until the next one has finished it.
 * @throws {ConfigError} the target holds the rows of others, the source has moved elsewhere, or the clocks differ
 */
export async function moveStore(move: Move): Promise<MoveReport> {
  const { source, target } = move;
  const mark = source.findMark();
  if (mark !== null) return finish(move, mark);
  await refuseOtherClock(move);
  const moveId = move.random(12).toString('base64url');
  await target.begin();
  source.startRecording(moveId);
  try {
    const startedAt = performance.now();
    await copy(move);
    await catchUp(move, moveId);
    const copySeconds = (performance.now() - startedAt) / 1000;
    const lockedMilliseconds = await switchOver(move, moveId);
    await target.open(moveId);
    return { outcome: 'moved', to: target.place, tables: await countAll(move), copySeconds, lockedMilliseconds };
  } catch (error) {
    if (source.findMark() === null) source.stopRecording();
    throw error;
  }
}

/** What a move would meet. */
export async function examineMove({ source, target }: Pick<Move, 'source' | 'target'>): Promise<{
  readonly mark: MovedMark | null;
  readonly target: Awaited<ReturnType<MoveTarget['examine']>>;
  readonly tables: readonly MovedCount[];
}> {
  const tables = source.tables.map((table) => ({ table: table.name, rows: source.count(table) }));
  return { mark: source.findMark(), target: await target.examine(), tables };
}

/** Opens the source again, if nothing was written to the target. @throws {ConfigError} something was, or processes are connected to it */
export async function undoMove({ source, target }: Pick<Move, 'source' | 'target'>): Promise<'undone' | 'not_moved'> {
  const mark = source.findMark();
  if (mark === null) {
    source.stopRecording();
    return 'not_moved';
  }
  const isUnchanged = async (): Promise<boolean> => {
    const there = new Map<string, string>();
    for (const table of source.tables) there.set(table.name, await digestOfTarget(target, table));
    const here = digestsOfSource(source);
    return source.tables.every(({ name }) => here.get(name)?.text === there.get(name));
  };
  if (!(await target.reclaim(mark.moveId, isUnchanged))) {
    throw refusal(`${target.place} holds something else than what was moved there: going back would lose what was written since.`);
  }
  source.removeMark();
  return 'undone';
}

async function finish({ source, target }: Move, mark: MovedMark): Promise<MoveReport> {
  const found = await target.examine();
  const isItsTarget = (found.state === 'unfinished' || found.state === 'opened') && found.moveId === mark.moveId;
  if (!isItsTarget) throw refusal(`The database has moved to ${mark.to} already, and not to ${target.place}.`);
  if (found.state === 'unfinished') await target.open(mark.moveId);
  const outcome = found.state === 'unfinished' ? 'finished' : 'already_moved';
  return { outcome, to: target.place, tables: await countAll({ source, target }), copySeconds: 0, lockedMilliseconds: 0 };
}

async function refuseOtherClock({ target, clock }: Move): Promise<void> {
  const before = clock.now();
  const there = await target.now();
  const skew = Math.max(before - there, there - clock.now(), 0);
  if (skew <= toleratedSkewMilliseconds) return;
  throw refusal(`The clock of ${target.place} differs from the one here by ${Math.round(skew / 1000)} seconds: set them alike first.`);
}

async function copy({ source, target, onProgress, signal }: Move): Promise<void> {
  const of = source.tables.reduce((sum, table) => sum + source.count(table), 0);
  const read = new Map(source.tables.map((table) => [table.name, new RowsDigest(table)]));
  let rows = 0;
  // While the target takes one batch, the next is read.
  let inserted = Promise.resolve();
  for (const batch of source.readAll()) {
    signal.throwIfAborted();
    read.get(batch.table.name)?.add(batch.rows);
    await inserted;
    inserted = target.insert(batch);
    inserted.catch(() => undefined);
    rows += batch.rows.length;
    onProgress({ doing: 'copying', rows, of });
  }
  await inserted;
  for (const table of source.tables) {
    signal.throwIfAborted();
    onProgress({ doing: 'comparing', rows: read.get(table.name)?.rows ?? 0, of });
    requireSame(table, read.get(table.name)?.text, await digestOfTarget(target, table));
  }
}

/** Takes over what changes, in ever shorter rounds, until few changes are left. */
async function catchUp(move: Move, moveId: string): Promise<void> {
  const { source, signal, onProgress } = move;
  for (let round = 0; round < maxRounds; round += 1) {
    signal.throwIfAborted();
    const changes = await source.locked(moveId, () => source.takeChanges(takenAtOnce));
    const rows = await apply(move, changes);
    onProgress({ doing: 'catching up', rows, of: rows });
    if (rows < fewChanges) return;
  }
}

/** For how many milliseconds nobody could write. */
async function switchOver(move: Move, moveId: string): Promise<number> {
  const { source, target, clock, onProgress } = move;
  onProgress({ doing: 'switching', rows: 0, of: 0 });
  let lockedAt = 0;
  await source.locked(moveId, async () => {
    lockedAt = performance.now();
    while ((await apply(move, source.takeChanges(takenAtOnce))) > 0);
    for (const table of source.tables) requireSame(table, source.count(table), await target.count(table));
    // First the target, which nobody can start on yet. The other way round the last changes would be lost if its commit failed.
    await target.commit({ moveId, longestAccess: source.findLongestAccess() });
    source.markMoved({ moveId, to: target.place, movedAt: clock.now() });
  });
  return performance.now() - lockedAt;
}

/** How many keys there were. */
async function apply({ target }: Move, changes: readonly MovedChanges[]): Promise<number> {
  for (const change of changes) {
    await target.replace(change);
    const there = await target.read(change.table, change.keys);
    requireSame(change.table, new RowsDigest(change.table).add(change.rows).text, new RowsDigest(change.table).add(there).text);
  }
  return changes.reduce((sum, { keys }) => sum + keys.length, 0);
}

function digestsOfSource(source: MoveSource): Map<string, RowsDigest> {
  const digests = new Map(source.tables.map((table) => [table.name, new RowsDigest(table)]));
  for (const { table, rows } of source.readAll()) digests.get(table.name)?.add(rows);
  return digests;
}

async function digestOfTarget(target: MoveTarget, table: MovedTable): Promise<string> {
  const digest = new RowsDigest(table);
  for await (const rows of target.readAll(table)) digest.add(rows);
  return digest.text;
}

async function countAll({ source, target }: Pick<Move, 'source' | 'target'>): Promise<MovedCount[]> {
  const counts: MovedCount[] = [];
  for (const table of source.tables) counts.push({ table: table.name, rows: await target.count(table) });
  return counts;
}

function requireSame<Value>({ name }: MovedTable, here: Value, there: Value): void {
  if (here !== there) throw new Error(`The rows of ${name} did not arrive as they are here; nothing was moved.`);
}

function refusal(message: string): ConfigError {
  return new ConfigError([{ path: 'store', message }]);
}
