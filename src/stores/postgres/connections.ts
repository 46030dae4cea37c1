/** Lends out connections of a pool, set up for our statements, for no longer than a deadline allows. */
import type { PostgresPool, PostgresPoolClient } from './driver.js';
import { types } from './driver.js';
import { PostgresFailure } from './failures.js';
import type { Statement } from './statements.js';

/** Runs one statement; its rows. @throws {PostgresFailure} */
export type Run = <Row = object>(statement: Statement, values?: readonly unknown[]) => Promise<Row[]>;

export interface Connection {
  readonly run: Run;
  /** Whether it was opened for this act. */
  readonly isNew: boolean;
  /** Has it closed instead of lent out again. */
  readonly spoil: () => void;
}

/** How long an act may take. */
export class Deadline {
  readonly milliseconds: number;
  readonly #timer: NodeJS.Timeout;
  #onExpiry: () => void = () => undefined;
  #expired = false;

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#onExpiry();
    }, milliseconds);
  }

  get expired(): boolean {
    return this.#expired;
  }

  /** What is to be done when it expires, or now when it has; replaces what was to be done. */
  onExpiry(action: () => void): void {
    this.#onExpiry = action;
    if (this.#expired) action();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

export class Connections {
  readonly #pool: PostgresPool;
  readonly #setUp: Statement;
  /** Those that are set up. */
  readonly #runs: WeakMap<PostgresPoolClient, Run> = new WeakMap();

  constructor(pool: PostgresPool, setUp: Statement) {
    this.#pool = pool;
    this.#setUp = setUp;
  }

  /**
   * Lends a connection to `work`. When the deadline expires it is closed, which fails what it was asked; it is closed, too, when it breaks.
   * @throws {PostgresFailure} or what `work` throws
   */
  async use<Result>(deadline: Deadline, work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const client = await this.#take(deadline);
    let isLent = true;
    let isSpoilt = false;
    const giveBack = (): void => {
      if (isLent) client.release(isSpoilt);
      isLent = false;
    };
    const spoil = (): void => {
      isSpoilt = true;
    };
    deadline.onExpiry(() => {
      spoil();
      giveBack();
    });
    try {
      const known = this.#runs.get(client);
      return await work({ run: known ?? (await this.#prepare(client)), isNew: known === undefined, spoil });
    } catch (error) {
      if (error instanceof PostgresFailure && error.isLost) spoil();
      throw error;
    } finally {
      giveBack();
    }
  }

  async #prepare(client: PostgresPoolClient): Promise<Run> {
    const run = await setUpOn(client, this.#setUp);
    this.#runs.set(client, run);
    return run;
  }

  #take(deadline: Deadline): Promise<PostgresPoolClient> {
    return new Promise((resolve, reject) => {
      // A pause before it is done again may have used up what time there was.
      deadline.onExpiry(() => reject(new PostgresFailure({ message: 'no connection became free' })));
      const taken = async (): Promise<void> => {
        const client = await this.#pool.connect();
        if (deadline.expired) client.release();
        else resolve(client);
      };
      taken().catch((error: unknown) => reject(new PostgresFailure(error)));
    });
  }
}

/** @throws {PostgresFailure} also when it leads to where we must not read */
export async function setUpOn(client: Pick<PostgresPoolClient, 'query' | 'on'>, setUp: Statement): Promise<Run> {
  const run = runOn(client);
  const [settings] = await run<{ standby: boolean }>(setUp);
  if (settings?.standby === true) throw new PostgresFailure({ message: 'this server is a standby, which may lag behind' });
  return run;
}

export function runOn(client: Pick<PostgresPoolClient, 'query' | 'on'>): Run {
  // A connection that breaks has told whoever waits for an answer.
  client.on('error', () => undefined);
  return async (statement, values) => {
    const { name, text } = statement;
    // Without values it goes as a simple query, which may hold several statements.
    const query = { text, types, ...(name === undefined ? {} : { name }), ...(values === undefined ? {} : { values: [...values] }) };
    const result = (await client.query(query).catch((error: unknown) => {
      throw new PostgresFailure(error);
    })) as { rows?: never[] };
    // Several statements at once give a result each, and none of ours is looked at.
    return result.rows ?? [];
  };
}
