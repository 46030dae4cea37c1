/** The SQLite store against the contract of all stores, while a move records what it writes: nobody notices that it does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from 'countersign/sqlite';
import { openMoveSource } from '../../src/stores/sqlite/export-rows.js';
import { storeContract } from './store-contract.js';

storeContract('sqlite, recorded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  const file = join(folder, 'countersign.db');
  const { kind, open } = sqlite(file);
  let isRecorded = false;
  const record = async (): Promise<void> => {
    isRecorded = true;
    const source = await openMoveSource(file);
    source.startRecording('move-1');
    source.close();
  };
  return {
    store: {
      kind,
      open: async (context) => {
        const opened = await open(context);
        if (!isRecorded) await record();
        return opened;
      },
    },
    remove: () => rm(folder, { recursive: true }),
  };
});
