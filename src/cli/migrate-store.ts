/** `countersign migrate-store` */
import { systemRandom } from '../crypto/random.js';
import { systemClock } from '../crypto/system-clock.js';
import { examineMove, moveStore, undoMove, type MovedCount, type MoveReport, type MoveStep } from '../flows/move-store.js';
import type { MoveSource, MoveTarget } from '../model/store-move.js';
import { currentSettings, openBySettings } from '../settings/read-settings.js';
import { openMoveTarget } from '../stores/postgres/import-rows.js';
import { openMoveSource } from '../stores/sqlite/export-rows.js';
import { flag, jsonOption, RefusedError, report, table, textOption, UsageError, type Command, type Invocation } from './command.js';
import { commandLogger } from './with-core.js';

export const command: Command = {
  usage: 'migrate-store --to postgres://… [--schema NAME] [--dry-run | --undo] [--json]',
  about: `Moves the SQLite database that the settings name to PostgreSQL. Servers may run meanwhile, and nobody is logged out: users, sessions,
API keys, signing keys and revocations become what they are here. At the end writes wait for a moment; from then on every
process on the file refuses, with 503, until it is started with COUNTERSIGN_STORE set to the new database.

An interrupted move leaves everything as it was; call it again.

  --to URL         the database; without a password in it, that of PGPASSWORD or of the password file is used
  --schema NAME    what holds the tables there; countersign without it
  --dry-run        says what would be moved, and whether the target would take it; writes nothing
  --undo           makes the file the database again, as long as nothing was written to PostgreSQL and no process runs on it`,
  options: { to: { type: 'string' }, schema: { type: 'string' }, 'dry-run': { type: 'boolean' }, undo: { type: 'boolean' }, ...jsonOption },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const url = textOption(invocation, 'to');
    const schema = textOption(invocation, 'schema') ?? 'countersign';
    if (url === undefined) throw new UsageError('--to is missing.');
    const { databaseFile } = currentSettings();
    if (databaseFile === null) throw new RefusedError('COUNTERSIGN_STORE names PostgreSQL: there is no file to move.');
    const source = await openBySettings(() => openMoveSource(databaseFile));
    try {
      const target = await openMoveTarget({ url, schema }, commandLogger);
      try {
        await openBySettings(() => act(invocation, source, target));
      } finally {
        target.close();
      }
    } finally {
      source.close();
    }
  },
};

function act(invocation: Invocation, source: MoveSource, target: MoveTarget): Promise<void> {
  if (flag(invocation, 'dry-run')) return dryRun(invocation, source, target);
  return flag(invocation, 'undo') ? undo(invocation, source, target) : move(invocation, source, target);
}

/** The last one comes from a terminal that is closed, or a connection to it that is lost. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function move(invocation: Invocation, source: MoveSource, target: MoveTarget): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new RefusedError('Stopped; nothing was moved.'));
  for (const signal of stopSignals) process.on(signal, stop);
  // A terminal that was closed takes nothing any more; what was begun is undone all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    const moved = await moveStore({
      source,
      target,
      clock: systemClock,
      random: systemRandom,
      onProgress: progress(),
      signal: stopping.signal,
    });
    report(invocation, moved, sentences(moved));
  } catch (error) {
    if (source.findMark() !== null)
      process.stderr.write('The file is marked as moved, but PostgreSQL was not opened: call the same again.\n');
    throw error;
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
  }
}

const restart = `Set COUNTERSIGN_STORE to the URL of that database for every process, and start them again. Until then they answer 503, which
clients wait out.`;

function sentences({ outcome, to, tables, copySeconds, lockedMilliseconds }: MoveReport): string {
  const said = {
    moved: `Moved to ${to} in ${copySeconds.toFixed(1)} s; at the end, writes waited for ${Math.ceil(lockedMilliseconds)} ms.`,
    finished: `Everything was moved to ${to} already; it is open now.`,
    already_moved: `Everything was moved to ${to} already.`,
  };
  return `${said[outcome]}\n\n${countTable(tables)}\n\n${restart}`;
}

async function dryRun(invocation: Invocation, source: MoveSource, target: MoveTarget): Promise<void> {
  const found = await examineMove({ source, target });
  const isReady = found.mark === null && (found.target.state === 'empty' || found.target.state === 'unfinished');
  const why =
    found.mark === null ? `${target.place} is in use by Countersign already` : `the database has moved to ${found.mark.to} already`;
  const said = isReady ? `This would be moved to ${target.place}:` : `This would not be moved: ${why}.`;
  report(invocation, { wouldMove: isReady, to: target.place, ...found }, `${said}\n\n${countTable(found.tables)}`);
  if (!isReady) throw new RefusedError();
}

async function undo(invocation: Invocation, source: MoveSource, target: MoveTarget): Promise<void> {
  const outcome = await undoMove({ source, target });
  const said = {
    undone: 'The file is the database again: set COUNTERSIGN_STORE back, and start every process again.',
    not_moved: 'The database had not moved; what an interrupted move had left in the file is gone.',
  };
  report(invocation, { outcome }, said[outcome]);
}

function countTable(tables: readonly MovedCount[]): string {
  return table(
    ['TABLE', 'ROWS'],
    tables.map(({ table: name, rows }) => [name, String(rows)]),
  );
}

const progressEveryMilliseconds = 1000;

/** On standard error, so that what a program reads is the report alone. */
function progress(): (step: MoveStep) => void {
  let saidAt = -Infinity;
  let doing = '';
  return (step) => {
    const isDue = step.doing !== doing || performance.now() - saidAt > progressEveryMilliseconds;
    if (!isDue) return;
    [saidAt, doing] = [performance.now(), step.doing];
    process.stderr.write(`${step.doing}${step.of === 0 ? '' : `: ${step.rows} of ${step.of} rows`}\n`);
  };
}
