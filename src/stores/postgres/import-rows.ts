/** Fills a database with the rows of another store, in one transaction, and opens it to servers when all of them are there. */
import { ConfigError } from '../../errors.js';
import type { Logger } from '../../model/app-types.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { MovedChanges, MovedKind, MovedRow, MovedRows, MovedTable, MoveTarget, TargetState } from '../../model/store-move.js';
import { storeRefusal } from '../migration-ledger.js';
import { movedTables } from '../moved-tables.js';
import { runOn, type Run } from './connections.js';
import { sourceAt, type LoneConnection } from './driver.js';
import { examineServer } from './examine-server.js';
import { PostgresFailure } from './failures.js';
import { postgres } from './index.js';
import { isCurrent, migrate } from './migrations.js';
import { fence, findMovedIn, keepMovedIn, passFence, removeFence } from './moved-in.js';
import { prepareFeedEpoch, renewFeedEpoch } from './revocations.js';
import { instantStatement, plain, wordingOf, type Wording } from './statements.js';

const batchRows = 5000;
const connectWithinMilliseconds = 5000;

/** Waits as long as it takes, but for locks of others; commits as durably as the store does. */
const setUp = plain(`
  SELECT set_config('statement_timeout', '0', false), set_config('idle_in_transaction_session_timeout', '0', false),
    set_config('lock_timeout', '10s', false), set_config('bytea_output', 'hex', false),
    set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') = 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
    pg_is_in_recovery() AS standby`);

export interface TargetAddress {
  readonly url: string;
  readonly schema: string;
}

/** @throws {ConfigError | StoreUnavailableError} a server that will not do, or cannot be reached by this URL */
export function openMoveTarget({ url, schema }: TargetAddress, logger: Logger): Promise<MoveTarget> {
  return told(async () => {
    // Judges both.
    postgres(url, { schema });
    const source = await sourceAt({ url, poolSize: 1, connectWithinMilliseconds });
    const lone = await source.openLone().catch((error: unknown) => {
      throw new PostgresFailure(error);
    });
    const target = new PostgresMoveTarget(lone, placeOf(url, schema), wordingOf(schema, 0));
    try {
      await target.prepare(logger);
      return target;
    } catch (error) {
      lone.close();
      throw error;
    }
  });
}

class PostgresMoveTarget implements MoveTarget {
  readonly place: string;
  readonly #run: Run;
  readonly #close: () => void;
  readonly #wording: Wording;

  constructor({ client, close }: LoneConnection, place: string, wording: Wording) {
    this.place = place;
    const run = runOn(client);
    // By the server's own clock.
    this.#run = (statement, values) => run(statement, statement.isTimed ? [null, ...(values ?? [])] : values);
    this.#close = close;
    this.#wording = wording;
  }

  async prepare(logger: Logger): Promise<void> {
    const [settings] = await this.#run<{ standby: boolean }>(setUp);
    if (settings?.standby === true) throw storeRefusal('This server is a standby: name the one that it follows.');
    await examineServer(this.#run, logger);
  }

  examine(): Promise<TargetState> {
    return told(async () => {
      await isCurrent(this.#run, this.#wording);
      const there = await this.#tables();
      if (there.size === 0) return { state: 'empty' };
      const movedIn = await findMovedIn(this.#run, this.#wording);
      if (movedIn !== null) return { state: movedIn.isOpen ? 'opened' : 'unfinished', moveId: movedIn.moveId };
      let rows = 0;
      for (const table of movedTables) if (there.has(table.name)) rows += await this.count(table);
      return rows === 0 ? { state: 'empty' } : { state: 'in_use', rows };
    });
  }

  now(): Promise<number> {
    return told(async () => (await this.#run<{ now: number }>(instantStatement))[0]?.now ?? NaN);
  }

  begin(): Promise<void> {
    return told(async () => {
      await this.#run(plain('BEGIN ISOLATION LEVEL READ COMMITTED'));
      await migrate(this.#run, this.#wording);
      // Others may look, but a server that starts meanwhile would make a signing key: it waits, and is refused then.
      await this.#run(
        plain(`LOCK TABLE ${this.#wording.meta}, ${movedTables.map((table) => this.#name(table)).join(', ')} IN EXCLUSIVE MODE`),
      );
      const found = await this.examine();
      if (found.state === 'opened' || found.state === 'in_use') {
        throw storeRefusal('It is in use by Countersign already: name an empty database, or another schema with --schema.');
      }
      await passFence(this.#run);
      for (const table of movedTables) await this.#run(plain(`DELETE FROM ${this.#name(table)}`));
    });
  }

  insert({ table, rows }: MovedRows): Promise<void> {
    return told(async () => {
      const columns = Object.entries(table.columns);
      const texts = columns.map(([name, kind]) => rows.map((row) => textOf(kind, row[name] ?? null)));
      const own = Object.entries(ownColumns[table.name] ?? {});
      const names = columns.map(([name]) => name).join(', ');
      // OVERRIDING: the numbers of keys and revocations stay what they are. On other tables it means nothing.
      await this.#run(
        plain(`INSERT INTO ${this.#name(table)} (${[names, ...own.map(([name]) => name)].join(', ')}) OVERRIDING SYSTEM VALUE
          SELECT ${[...columns.map(([name, kind]) => `${name}::${typeOf[kind]}`), ...own.map(([, value]) => value)].join(', ')}
          FROM unnest(${columns.map((_, index) => `$${index + 1}::text[]`).join(', ')}) AS given (${names})`),
        texts,
      );
    });
  }

  replace({ table, keys, rows }: MovedChanges): Promise<void> {
    return told(async () => {
      await this.#run(plain(`DELETE FROM ${this.#name(table)} WHERE ${table.key} = ANY($1::${keyType(table)}[])`), [keys]);
      for (const column of table.unique) {
        // Whoever has it here has given it away there, and so has changed: his turn comes.
        const values = rows.map((row) => row[column]).filter((value) => value !== null);
        await this.#run(plain(`DELETE FROM ${this.#name(table)} WHERE ${column} = ANY($1::text[])`), [values]);
      }
      if (rows.length > 0) await this.insert({ table, rows });
    });
  }

  read(table: MovedTable, keys: MovedChanges['keys']): Promise<readonly MovedRow[]> {
    return told(() => this.#select(table, `WHERE ${table.key} = ANY($1::${keyType(table)}[])`, [keys]));
  }

  async *readAll(table: MovedTable): AsyncIterable<readonly MovedRow[]> {
    const where = `WHERE ${table.key} > $1::${keyType(table)} ORDER BY ${table.key} LIMIT ${batchRows}`;
    for (let after: unknown = keyType(table) === 'bigint' ? 0 : ''; ;) {
      const from = after;
      const rows = await told(() => this.#select(table, where, [from]));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows;
      after = last[table.key];
    }
  }

  async count(table: MovedTable): Promise<number> {
    const [row] = await told(() => this.#run<{ count: number }>(plain(`SELECT count(*) FROM ${this.#name(table)}`)));
    return row?.count ?? 0;
  }

  commit({ moveId, longestAccess }: { readonly moveId: string; readonly longestAccess: string | null }): Promise<void> {
    return told(async () => {
      const { meta } = this.#wording;
      for (const table of movedTables.filter(({ key }) => key === 'seq')) {
        const name = this.#name(table);
        const next = `(SELECT coalesce(max(seq), 0) + 1 FROM ${name})`;
        await this.#run(plain(`SELECT setval(pg_get_serial_sequence('${name}', 'seq'), ${next}, false)`));
      }
      await this.#run(plain(`DELETE FROM ${meta} WHERE key = 'longest_access'`));
      if (longestAccess !== null) {
        await this.#run(plain(`INSERT INTO ${meta} (key, value) VALUES ('longest_access', $1)`), [longestAccess]);
      }
      await prepareFeedEpoch(this.#run, this.#wording);
      await renewFeedEpoch(this.#run, this.#wording);
      await keepMovedIn(this.#run, this.#wording, { moveId, isOpen: false });
      await this.#run(plain('COMMIT'));
    });
  }

  open(moveId: string): Promise<void> {
    return told(async () => {
      await removeFence(this.#run, this.#wording);
      await keepMovedIn(this.#run, this.#wording, { moveId, isOpen: true });
      // Without it the first plans would be those for empty tables.
      for (const table of movedTables) await this.#run(plain(`ANALYZE ${this.#name(table)}`));
    });
  }

  reclaim(moveId: string, isUnchanged: () => Promise<boolean>): Promise<boolean> {
    return told(async () => {
      await this.#run(plain('BEGIN ISOLATION LEVEL READ COMMITTED'));
      await this.#run(
        plain(`LOCK TABLE ${this.#wording.meta}, ${movedTables.map((table) => this.#name(table)).join(', ')} IN EXCLUSIVE MODE`),
      );
      const [others] = await this.#run<{ count: number }>(plain(connectedSql));
      if ((others?.count ?? 0) > 0) throw storeRefusal('Processes of Countersign are connected to it: stop them first.');
      const isOurs = (await findMovedIn(this.#run, this.#wording))?.moveId === moveId;
      const isSame = isOurs && (await isUnchanged());
      if (isSame) {
        await keepMovedIn(this.#run, this.#wording, { moveId, isOpen: false });
        await fence(this.#run, this.#wording);
      }
      await this.#run(plain(isSame ? 'COMMIT' : 'ROLLBACK'));
      return isSame;
    });
  }

  /** What was not committed is rolled back. */
  close(): void {
    this.#close();
  }

  async #select(table: MovedTable, where: string, values: readonly unknown[]): Promise<MovedRow[]> {
    const columns = Object.keys(table.columns).join(', ');
    const found = await this.#run<{ row: MovedRow }>(
      plain(`SELECT row_to_json(one) AS row FROM (SELECT ${columns} FROM ${this.#name(table)} ${where}) AS one`),
      values,
    );
    return found.map(({ row }) => row);
  }

  async #tables(): Promise<ReadonlySet<string>> {
    const sql = 'SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1)';
    return new Set((await this.#run<{ name: string }>(plain(sql), [this.#wording.schema])).map(({ name }) => name));
  }

  #name({ name }: MovedTable): string {
    return `${this.#wording.schema}.${name}`;
  }
}

const connectedSql = `
  SELECT count(*) FROM pg_stat_activity
  WHERE application_name = 'countersign' AND datname = current_database() AND pid <> pg_backend_pid()`;

/** Columns that only PostgreSQL has and that have no default, and what they begin with. */
const ownColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = { counters: { added: 'true' } };

/** What a text is cast to. A column of jsonb takes json, too. */
const typeOf: Readonly<Record<MovedKind, string>> = {
  text: 'text',
  integer: 'bigint',
  flag: 'boolean',
  json: 'json',
  bytes: 'bytea',
  instants: 'bigint[]',
};

function textOf(kind: MovedKind, value: unknown): string | null {
  if (value === null) return null;
  if (kind === 'instants') return `{${(value as readonly number[]).join(',')}}`;
  return kind !== 'json' && typeof value === 'string' ? value : JSON.stringify(value);
}

function keyType({ key, columns }: MovedTable): string {
  return typeOf[columns[key] ?? 'text'];
}

/** Nothing of the URL but host, port and database may be told. */
function placeOf(url: string, schema: string): string {
  const at = URL.canParse(url) ? new URL(url) : null;
  const host = at === null || at.host === '' ? '' : ` at ${at.host}`;
  const database = at === null || at.pathname.length < 2 ? '' : `, database ${decodeURIComponent(at.pathname.slice(1))}`;
  return `PostgreSQL${host}${database}, schema ${schema}`;
}

/** What is wrong with the target is told under the option that names it. */
async function told<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(error.problems.map(({ message }) => ({ path: '--to', message })));
    if (!(error instanceof PostgresFailure)) throw error;
    if (error.isMisconfigured) throw new ConfigError([{ path: '--to', message: `The database cannot be used: ${error.message}.` }]);
    throw error.isUnavailability ? new StoreUnavailableError(`The database to move to cannot be used: ${error.message}.`) : error;
  }
}
