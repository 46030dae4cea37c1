/** Opens the database file for one thread: settings, schema, and what every process must agree on; safe when many processes do it at once. */
import { ConfigError } from '../../errors.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { Acts, Opening } from './acts.js';
import { apiKeyActs } from './api-keys.js';
import { isBusy, isNotADatabase, type SqliteDatabase, type SqliteDriver } from './driver.js';
import { eventActs } from './events.js';
import { counterActs } from './counters.js';
import { factorActs } from './factors.js';
import { GroupCommit } from './group-commit.js';
import { keyActs } from './keys.js';
import { LongestAccess } from './longest-access.js';
import { migrate, requireCurrentSchema } from './migrations.js';
import { DatabaseMovedError } from './moved-mark.js';
import { prepareFeedEpoch, revocationActs, revocationWriter } from './revocations.js';
import { Outbox, outboxActs } from './outbox.js';
import { proofActs } from './proofs.js';
import { sessionActs } from './sessions.js';
import { userActs } from './users.js';
import { wholeStoreActs } from './whole-store.js';

export interface OpenDatabase {
  readonly longestAccess: Pick<LongestAccess, 'seconds'>;
  readonly groupCommit: GroupCommit;
  close(): void;
}

/** @throws {ConfigError | StoreUnavailableError} or what SQLite says */
export function openDatabase(Driver: SqliteDriver, opening: Opening): OpenDatabase {
  const inspecting = opening.mode === 'inspect';
  const database = new Driver(opening.file, { readOnly: inspecting });
  try {
    const longestAccess = inspecting ? inspect(database, opening) : settle(database, opening);
    const outbox = new Outbox(database);
    const acts: Acts = {
      ...userActs(database, outbox),
      ...sessionActs(database, outbox),
      ...keyActs(database),
      ...apiKeyActs(database),
      ...revocationActs(database),
      ...counterActs(database),
      ...outboxActs(outbox),
      ...proofActs(database, outbox),
      ...factorActs(database, outbox),
      ...eventActs(database),
      ...wholeStoreActs(database),
    };
    return {
      longestAccess,
      groupCommit: new GroupCommit(database, { acts, writeRevocation: revocationWriter(database, longestAccess), longestAccess }),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    if (error instanceof DatabaseMovedError)
      throw new ConfigError([{ path: 'store', message: `The database is out of use: ${error.message}.` }]);
    if (isNotADatabase(error)) throw new ConfigError([{ path: 'store', message: `${opening.file} is not an SQLite database.` }]);
    throw error;
  }
}

/** Waits for other processes; runs no function that a file from elsewhere could have put into its schema. */
const settings = 'PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;';

/** Reads only, so that looking at a database leaves every byte of it as it is. */
function inspect(database: SqliteDatabase, { accessTtlSeconds }: Opening): LongestAccess {
  database.exec(settings);
  requireCurrentSchema(database);
  const longestAccess = new LongestAccess(database, accessTtlSeconds);
  longestAccess.refresh();
  return longestAccess;
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
function settle(database: SqliteDatabase, { accessTtlSeconds, now }: Opening): LongestAccess {
  database.exec(settings);
  useWriteAheadLog(database);
  // A commit is on disk when it is acknowledged, not only after the next checkpoint.
  database.exec('PRAGMA synchronous = FULL');
  database.exec('BEGIN IMMEDIATE');
  try {
    migrate(database, now);
    prepareFeedEpoch(database);
    const longestAccess = new LongestAccess(database, accessTtlSeconds);
    longestAccess.settle(now);
    database.exec('COMMIT');
    return longestAccess;
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
