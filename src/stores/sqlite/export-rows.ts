/** Reads all rows out of a database that stays in use meanwhile, what changed since, and marks it as moved. */
import { stat } from 'node:fs/promises';
import { ConfigError } from '../../errors.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { MovedChanges, MovedKind, MovedMark, MovedRow, MovedRows, MovedTable, MoveSource } from '../../model/store-move.js';
import { movedTables } from '../moved-tables.js';
import { isUnavailable, loadDriver, type SqliteDatabase, type SqliteDriver, type SqliteStatement, type SqliteValue } from './driver.js';
import { messageOf } from './group-commit.js';
import { requireCurrentSchema } from './migrations.js';
import { parseMark } from './moved-mark.js';

const batchRows = 2000;

/** Servers hold the write lock for moments only, but come again at once. */
const settings = 'PRAGMA busy_timeout = 30000; PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL;';

/** By what follows the name of a trigger: when it fires, and in which version of the row the key is. */
const triggers = [
  ['in', 'INSERT', 'new'],
  ['on', 'UPDATE', 'new'],
  ['out', 'DELETE', 'old'],
] as const;

/**
 * Triggers, because they fire in whichever process writes, inside its own transaction. Not `INSERT OR IGNORE`: what the statement says that
 * fires them goes before (SQLite, CREATE TRIGGER), and an upsert says ABORT.
 */
const startRecordingSql = [
  'CREATE TABLE moving_changes (name TEXT NOT NULL, key ANY NOT NULL, PRIMARY KEY (name, key)) STRICT, WITHOUT ROWID;',
  ...movedTables.flatMap(({ name, key }) =>
    triggers.map(
      ([suffix, event, version]) =>
        `CREATE TRIGGER moving_${name}_${suffix} AFTER ${event} ON ${name} BEGIN
           INSERT INTO moving_changes SELECT '${name}', ${version}.${key}
             WHERE NOT EXISTS (SELECT 1 FROM moving_changes WHERE name = '${name}' AND key = ${version}.${key});
         END;`,
    ),
  ),
].join('\n');

const stopRecordingSql = [
  ...movedTables.flatMap(({ name }) => triggers.map(([suffix]) => `DROP TRIGGER IF EXISTS moving_${name}_${suffix};`)),
  "DROP TABLE IF EXISTS moving_changes; DELETE FROM meta WHERE key = 'moving';",
].join('\n');

/** @param file absolute path. @throws {ConfigError} there is none, or its schema is not up to date */
export async function openMoveSource(file: string): Promise<MoveSource> {
  const there = file !== ':memory:' && (await stat(file).catch(() => null))?.isFile();
  if (there !== true) throw refusal(`There is no database file ${file} that could be moved.`);
  const Driver = await loadDriver();
  return attempt(() => new SqliteMoveSource(Driver, file));
}

class SqliteMoveSource implements MoveSource {
  readonly tables: readonly MovedTable[] = movedTables;
  readonly #database: SqliteDatabase;
  readonly #findMeta: SqliteStatement;

  constructor(Driver: SqliteDriver, file: string) {
    this.#database = new Driver(file);
    try {
      this.#database.exec(settings);
      requireCurrentSchema(this.#database);
      this.#findMeta = this.#database.prepare('SELECT value FROM meta WHERE key = :key');
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  findMark(): MovedMark | null {
    const text = this.#meta('moved');
    return text === null ? null : parseMark(text);
  }

  findLongestAccess(): string | null {
    return this.#meta('longest_access');
  }

  count({ name }: MovedTable): number {
    return (this.#database.prepare(`SELECT count(*) AS count FROM ${name}`).get() as { count: number }).count;
  }

  startRecording(moveId: string): void {
    this.#transaction(() => {
      this.#removeRecording();
      this.#database.exec(startRecordingSql);
      this.#setMeta('moving', moveId);
    });
  }

  stopRecording(): void {
    this.#transaction(() => this.#removeRecording());
  }

  *readAll(): Generator<MovedRows> {
    // A transaction that only reads sees one moment, and stops no writer.
    this.#database.exec('BEGIN');
    try {
      for (const table of movedTables) yield* this.#readTable(table);
    } finally {
      this.#database.exec('ROLLBACK');
    }
  }

  *#readTable(table: MovedTable): Generator<MovedRows> {
    const { name, key } = table;
    const select = this.#database.prepare(
      `SELECT ${columnsOf(table)} FROM ${name} WHERE ${key} > :after ORDER BY ${key} LIMIT ${batchRows}`,
    );
    // Below every key.
    let after: SqliteValue = table.columns[key] === 'integer' ? 0 : '';
    for (;;) {
      const found = select.all({ after }) as StoredRow[];
      const last = found.at(-1);
      if (last === undefined) return;
      yield { table, rows: found.map((row) => movedRow(table, row)) };
      after = last[key] ?? null;
    }
  }

  async locked<Result>(moveId: string, work: () => Result | Promise<Result>): Promise<Result> {
    attempt(() => this.#database.exec('BEGIN IMMEDIATE'));
    try {
      if (this.#meta('moving') !== moveId) throw refusal('Another `countersign migrate-store` has begun since; this one stops.');
      const result = await work();
      attempt(() => this.#database.exec('COMMIT'));
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  takeChanges(limit: number): readonly MovedChanges[] {
    const taken = this.#database.prepare(`SELECT name, key FROM moving_changes LIMIT ${limit}`).all() as {
      name: string;
      key: string | number;
    }[];
    const forget = this.#database.prepare('DELETE FROM moving_changes WHERE name = :name AND key = :key');
    for (const { name, key } of taken) forget.run({ name, key });
    return movedTables.flatMap((table) => {
      const keys = taken.filter(({ name }) => name === table.name).map(({ key }) => key);
      return keys.length === 0 ? [] : [{ table, keys, rows: this.#find(table, keys) }];
    });
  }

  #find(table: MovedTable, keys: readonly (string | number)[]): MovedRow[] {
    const { name, key } = table;
    const found = this.#database
      .prepare(`SELECT ${columnsOf(table)} FROM ${name} WHERE ${key} IN (SELECT value FROM json_each(:keys)) ORDER BY ${key}`)
      .all({ keys: JSON.stringify(keys) }) as StoredRow[];
    return found.map((row) => movedRow(table, row));
  }

  markMoved(mark: MovedMark): void {
    this.#removeRecording();
    this.#setMeta('moved', JSON.stringify(mark));
  }

  removeMark(): void {
    this.#transaction(() => this.#database.exec("DELETE FROM meta WHERE key = 'moved'"));
  }

  close(): void {
    this.#database.close();
  }

  #removeRecording(): void {
    this.#database.exec(stopRecordingSql);
  }

  #meta(key: string): string | null {
    return attempt(() => (this.#findMeta.get({ key }) as { value: string } | undefined)?.value ?? null);
  }

  #setMeta(key: string, value: string): void {
    this.#database
      .prepare('INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
      .run({ key, value });
  }

  #transaction(work: () => void): void {
    attempt(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        work();
        this.#database.exec('COMMIT');
      } catch (error) {
        this.#rollBack();
        throw error;
      }
    });
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has done so by itself.
    }
  }
}

type StoredRow = Readonly<Record<string, SqliteValue>>;

function columnsOf({ columns }: MovedTable): string {
  return Object.keys(columns).join(', ');
}

function movedRow({ columns }: MovedTable, row: StoredRow): MovedRow {
  return Object.fromEntries(Object.entries(columns).map(([name, kind]) => [name, movedValue(kind, row[name] ?? null)]));
}

function movedValue(kind: MovedKind, value: SqliteValue): unknown {
  if (value === null) return null;
  switch (kind) {
    case 'text':
    case 'integer':
      return value;
    case 'flag':
      return value === 1;
    case 'json':
      return JSON.parse(value as string) as unknown;
    case 'bytes':
      return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`;
    case 'instants':
      return value === '' ? [] : (value as string).split(',').map(Number);
  }
}

/** What SQLite says of the file or the machine, as every store says it. */
function attempt<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!isUnavailable(error) || error instanceof StoreUnavailableError) throw error;
    throw new StoreUnavailableError(`The database cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

function refusal(message: string): ConfigError {
  return new ConfigError([{ path: 'store', message }]);
}
