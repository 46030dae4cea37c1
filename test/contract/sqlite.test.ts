/** The SQLite store against the contract of all stores. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from 'countersign/sqlite';
import { storeContract } from './store-contract.js';

storeContract('sqlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  return { store: sqlite(join(folder, 'data', 'countersign.db')), remove: () => rm(folder, { recursive: true }) };
});
