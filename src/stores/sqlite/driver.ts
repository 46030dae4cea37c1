/** Loads the `node:sqlite` API, from Node itself or from the package that brings it to older versions, and tells its errors apart. */
import { ConfigError } from '../../errors.js';
import { StoreUnavailableError } from '../../model/store.js';

export type SqliteValue = null | number | bigint | string | Uint8Array;

export type SqliteParameters = Readonly<Record<string, SqliteValue>>;

/** The part of `StatementSync` that is used here. Parameters by name, or one after the other, which costs a sixth. */
export interface SqliteStatement {
  all(parameters?: SqliteParameters): unknown[];
  all(...parameters: readonly SqliteValue[]): unknown[];
  get(parameters?: SqliteParameters): unknown;
  run(parameters?: SqliteParameters): { readonly changes: number };
}

/** The part of `DatabaseSync` that is used here. */
export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export type SqliteDriver = new (file: string, options?: { readonly readOnly: boolean }) => SqliteDatabase;

interface DriverModule {
  readonly DatabaseSync: SqliteDriver;
}

/** @throws {ConfigError} neither Node nor the package has it. */
export async function loadDriver(): Promise<SqliteDriver> {
  // Not a literal: the types of Node 20 do not know this module.
  const builtIn: string = 'node:sqlite';
  try {
    return ((await import(builtIn)) as DriverModule).DatabaseSync;
  } catch {
    return loadPackage();
  }
}

async function loadPackage(): Promise<SqliteDriver> {
  try {
    return ((await import('@photostructure/sqlite')) as unknown as DriverModule).DatabaseSync;
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing ? 'has no SQLite of its own' : `has no SQLite of its own and the package does not load here (${String(error)})`;
    throw new ConfigError([{ path: 'store', message: `Node ${process.versions.node} ${why}: run \`npm i @photostructure/sqlite\`.` }]);
  }
}

/** Primary result codes (sqlite.org/rescode.html) that say something about the file or the machine and nothing about the statement. */
const unavailableCodes: ReadonlySet<number> = new Set([
  5, // BUSY
  6, // LOCKED
  7, // NOMEM
  8, // READONLY
  9, // INTERRUPT
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  15, // PROTOCOL
  22, // NOLFS
  26, // NOTADB
]);

/** Whether the database could not be reached, as opposed to having refused a statement. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof StoreUnavailableError || unavailableCodes.has(primaryCode(error));
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === 5;
}

export function isNotADatabase(error: unknown): boolean {
  return primaryCode(error) === 26;
}

/** The low byte of the extended result code; 0 for what is no error of SQLite. */
function primaryCode(error: unknown): number {
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode & 0xff : 0;
}
