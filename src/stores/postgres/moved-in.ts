/** The note that an installation was moved into this database, and that nobody uses it before all of it is there, or once it has moved back. */
import { StoreUnavailableError } from '../../model/store.js';
import { storeRefusal } from '../migration-ledger.js';
import { movedTables } from '../moved-tables.js';
import type { Run } from './connections.js';
import { plain, type Wording } from './statements.js';

/** Kept in the table `meta`. */
export interface MovedIn {
  readonly moveId: string;
  readonly isOpen: boolean;
}

export async function findMovedIn(run: Run, { meta }: Wording): Promise<MovedIn | null> {
  const [row] = await run<{ value: string }>(plain(`SELECT value FROM ${meta} WHERE key = 'moved_in'`));
  return row === undefined ? null : parseMovedIn(row.value);
}

function parseMovedIn(text: string): MovedIn {
  return JSON.parse(text) as MovedIn;
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

/** @param text as it is kept; null: nothing was moved here. @throws {StoreUnavailableError} it was, and has moved back since */
export function refuseMovedBack(text: string | null): void {
  if (text === null || parseMovedIn(text).isOpen) return;
  throw new StoreUnavailableError('The database cannot be used: it has moved back to the file (`countersign migrate-store --undo`).');
}

/**
 * Refuses what anybody but a move writes from now on. In the server, because processes may be cut off that believe it is theirs, and by a code
 * that says nothing about the statement, so that they answer 503.
 */
export async function fence(run: Run, { schema }: Wording): Promise<void> {
  const triggers = movedTables.map(
    ({ name }) => `
      CREATE TRIGGER refuse_writes BEFORE INSERT OR UPDATE OR DELETE ON ${schema}.${name}
      FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.refuse_writes();`,
  );
  await removeFence(run, { schema });
  await run(
    plain(`
      CREATE FUNCTION ${schema}.refuse_writes() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_setting('countersign.is_moving', true) IS DISTINCT FROM 'yes' THEN
          RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction',
            MESSAGE = 'the database has moved back to the file (countersign migrate-store --undo)';
        END IF;
        RETURN NULL;
      END $$;
      ${triggers.join('')}`),
  );
}

/** For the rest of this transaction. */
export async function passFence(run: Run): Promise<void> {
  await run(plain(`SELECT set_config('countersign.is_moving', 'yes', true)`));
}

export async function removeFence(run: Run, { schema }: Pick<Wording, 'schema'>): Promise<void> {
  await run(plain(`DROP FUNCTION IF EXISTS ${schema}.refuse_writes() CASCADE`));
}
