/** The note that an installation was moved into this database, and that nobody starts on it before all of it is there. */
import { storeRefusal } from '../migration-ledger.js';
import type { Run } from './connections.js';
import { plain, type Wording } from './statements.js';

/** Kept in the table `meta`. */
export interface MovedIn {
  readonly moveId: string;
  readonly isOpen: boolean;
}

export async function findMovedIn(run: Run, { meta }: Wording): Promise<MovedIn | null> {
  const [row] = await run<{ value: string }>(plain(`SELECT value FROM ${meta} WHERE key = 'moved_in'`));
  return row === undefined ? null : (JSON.parse(row.value) as MovedIn);
}

export async function keepMovedIn(run: Run, { meta }: Wording, movedIn: MovedIn): Promise<void> {
  await run(plain(`INSERT INTO ${meta} (key, value) VALUES ('moved_in', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value`), [
    JSON.stringify(movedIn),
  ]);
}

/** @throws {ConfigError} whoever started now would not know what the other store is still told, or has been told last */
export async function refuseUnfinishedMove(run: Run, wording: Wording): Promise<void> {
  if ((await findMovedIn(run, wording))?.isOpen !== false) return;
  throw storeRefusal(
    'The database is being filled by `countersign migrate-store`: wait until that is done, or run it again if it was interrupted.',
  );
}
