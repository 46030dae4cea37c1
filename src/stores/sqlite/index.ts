/** `countersign/sqlite`: the store of record in one file, for one machine. */
import { resolve } from 'node:path';
import { ConfigError } from '../../errors.js';
import type { Store } from '../../model/store.js';
import { openStore } from './open-store.js';

/**
 * A database in one file; several processes on one machine may share it. Everything acknowledged is on disk (WAL, `synchronous=FULL`).
 * @param file relative to the working directory; made when it is missing, its folder too, readable by its owner only. `:memory:` forgets.
 * @throws {ConfigError} on opening: Node 20 without `@photostructure/sqlite`, or a file that is not a database of this version.
 */
export function sqlite(file = './data/countersign.db'): Store {
  if (file === '') throw new ConfigError([{ path: 'store', message: 'The name of the database file is empty.' }]);
  // Absolute, so that it is one file wherever the process goes, and never a URI.
  const path = file === ':memory:' ? file : resolve(file);
  return { kind: 'sqlite', open: (context) => openStore(path, context) };
}
