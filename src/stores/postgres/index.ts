/** `countersign/postgres`: the store of record in PostgreSQL, for any number of processes on any number of machines. */
import { ConfigError, type ConfigProblem } from '../../errors.js';
import type { Store } from '../../model/store.js';
import type { PostgresPool } from './driver.js';

export type { PostgresPool, PostgresPoolClient, PostgresQuery } from './driver.js';

export interface PostgresOptions {
  /** What holds all tables; made when it is missing. Lower-case letters, digits and `_`. Default `countersign`. */
  readonly schema?: string;
  /** The most connections of this process, one more to listen not counted. Not for a pool of one's own. Default 10. */
  readonly poolSize?: number;
}

/**
 * A database of PostgreSQL 13 or newer, reached by the package `pg`. Everything acknowledged is as durable as the server makes it
 * (`synchronous_commit`). An act that the server does not answer within 5 seconds is refused with 503.
 * @param server its URL, or a pool of one's own of the package `pg`: it stays open, its connections get `synchronous_commit = on` and keep
 *   all other settings, and one of them is kept to listen.
 * @throws {ConfigError} for a URL, schema or size that cannot be; on opening for `pg` missing, a server too old, a wrong password, a schema of
 *   another program or version.
 */
export function postgres(server: string | PostgresPool, { schema = 'countersign', poolSize = 10 }: PostgresOptions = {}): Store {
  const problems: ConfigProblem[] = [];
  if (typeof server === 'string' && !isUsableUrl(server)) {
    const example = 'postgres://user:password@host:5432/database';
    problems.push({
      path: 'store',
      message: `The database needs a URL such as ${example}; in a password, "@", "/", "?" and "#" are written %40, %2F, %3F and %23.`,
    });
  }
  // A name within 63 bytes also for the channel that is called after it.
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,47}$/.test(schema)) {
    problems.push({
      path: 'store',
      message: 'The name of the schema must be of lower-case letters, digits and "_", at most 48, and not begin with "pg_".',
    });
  }
  if (!Number.isInteger(poolSize) || poolSize < 1 || poolSize > 1000) {
    problems.push({ path: 'store', message: 'The pool must have from 1 to 1000 connections.' });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    kind: 'postgres',
    // Loaded when it is opened: the settings name this store in every application, and few use it.
    open: async (context) => (await import('./open-store.js')).openStore({ address: server, schema, poolSize }, context),
  };
}

/** What a password with bare signs makes of a URL must go nowhere: parts of it would be taken for host or database, and told. */
function isUsableUrl(text: string): boolean {
  // A host may be missing where the socket's folder is given behind the "?".
  const url = text.replace('@/', '@localhost/');
  return /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(url) && !/[@:]/.test(new URL(url).pathname) && new URL(url).hash === '';
}
