/** What the migrations of all stores have in common: whether those that a database has are the ones that this program knows. */
import { createHash } from 'node:crypto';
import { ConfigError } from '../errors.js';
import type { AppliedMigration } from '../model/store.js';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** A row of the table `migrations`. */
export interface MigrationRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: number;
}

/** @throws {ConfigError} a schema that a newer version has changed, or one of other migrations than `known`. */
export function refuseUnknown(applied: readonly MigrationRow[], known: readonly Migration[]): void {
  if (applied.length > known.length) {
    throw storeRefusal(
      `The database's schema is at version ${applied.length}, this program knows ${known.length}: run a newer Countersign.`,
    );
  }
  applied.forEach(({ version, name, checksum }, index) => {
    const migration = known[index];
    if (migration !== undefined && version === index + 1 && checksum === checksumOf(migration)) return;
    throw storeRefusal(
      `Migration ${version} (${name}) of the database is not the one that this program knows: it was changed after it was applied.`,
    );
  });
}

/** @throws {ConfigError} as `refuseUnknown`, and for a schema that is out of date. */
export function requireCurrent(applied: readonly MigrationRow[], known: readonly Migration[]): void {
  refuseUnknown(applied, known);
  if (applied.length === known.length) return;
  throw storeRefusal(
    `The database's schema is at version ${applied.length}, this program needs ${known.length}: run \`countersign migrate\`.`,
  );
}

export function toldMigration({ version, name, applied_at: appliedAt }: MigrationRow): AppliedMigration {
  return { version, name, appliedAt };
}

export function checksumOf({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex');
}

export function storeRefusal(message: string): ConfigError {
  return new ConfigError([{ path: 'store', message }]);
}
