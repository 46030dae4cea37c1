/** Opens the database file for one thread: settings, schema, and what every process must agree on; safe when many processes do it at once. */
import { ConfigError } from '../../errors.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { Acts, Opening } from './acts.js';
import { isBusy, isNotADatabase, type SqliteDatabase, type SqliteDriver } from './driver.js';
import { GroupCommit } from './group-commit.js';
import { keyActs } from './keys.js';
import { migrate } from './migrations.js';
import { prepareFeedEpoch, prepareRevocations, revocationActs, type RevocationWriting } from './revocations.js';
import { sessionActs } from './sessions.js';
import { userActs } from './users.js';
import { wholeStoreActs } from './whole-store.js';

export interface OpenDatabase {
  readonly longestAccessSeconds: number;
  readonly groupCommit: GroupCommit;
  close(): void;
}

/** @throws {ConfigError | StoreUnavailableError} or what SQLite says */
export function openDatabase(Driver: SqliteDriver, opening: Opening): OpenDatabase {
  const database = new Driver(opening.file);
  try {
    configure(database);
    const writing = settle(database, opening);
    const acts: Acts = {
      ...userActs(database),
      ...sessionActs(database),
      ...keyActs(database),
      ...revocationActs(database),
      ...wholeStoreActs(database),
    };
    return {
      longestAccessSeconds: writing.longestAccessSeconds,
      groupCommit: new GroupCommit(database, acts, writing.write),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    if (isNotADatabase(error)) throw new ConfigError([{ path: 'store', message: `${opening.file} is not an SQLite database.` }]);
    throw error;
  }
}

function configure(database: SqliteDatabase): void {
  database.exec('PRAGMA busy_timeout = 5000');
  useWriteAheadLog(database);
  // FULL: a commit is on disk when it is acknowledged, not only after the next checkpoint.
  database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;');
}

/** Changing the journal needs the file for oneself for a moment, and SQLite does not wait for that by itself. */
function useWriteAheadLog(database: SqliteDatabase): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let mode = journalMode(database);
  for (let attempt = 1; mode !== 'wal' && mode !== 'memory' && attempt < 100; attempt += 1) {
    Atomics.wait(pause, 0, 0, 25);
    mode = journalMode(database);
  }
  if (mode === 'wal' || mode === 'memory') return;
  if (mode === 'busy') throw new StoreUnavailableError('another process keeps the database to itself');
  throw new ConfigError([
    { path: 'store', message: 'The file system of the database cannot share memory (SQLite WAL): use a local disk.' },
  ]);
}

function journalMode(database: SqliteDatabase): string {
  try {
    return (database.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string }).journal_mode;
  } catch (error) {
    if (isBusy(error)) return 'busy';
    throw error;
  }
}

/** In one transaction with the write lock, so that of many processes one migrates and the others find it done. */
function settle(database: SqliteDatabase, { migrations, accessTtlSeconds, now }: Opening): RevocationWriting {
  database.exec('BEGIN IMMEDIATE');
  try {
    migrate(database, migrations, now);
    prepareFeedEpoch(database);
    const writing = prepareRevocations(database, accessTtlSeconds, now);
    database.exec('COMMIT');
    return writing;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // SQLite has done so by itself.
  }
}
