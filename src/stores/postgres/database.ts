/** Performs acts: each within its time, repeated only where that is safe, its revocations told before it is answered. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../../crypto/random.js';
import { StoreUnavailableError, type Revocation, type StoreContext } from '../../model/store.js';
import { Deadline, type Connection, type Connections, type Run } from './connections.js';
import { PostgresFailure } from './failures.js';
import type { LongestAccess } from './longest-access.js';
import { plain, revocationOf, type RevokedRow, type Statement, type Terms } from './statements.js';

/** How much may be asked of the database at a time, and for how long. */
export interface Bounds {
  readonly deadlineMilliseconds: number;
  /** For what may touch every row: a migration, the restoring of a backup. */
  readonly patienceMilliseconds: number;
  readonly maxActs: number;
  /** After an act that failed for the database's sake, until one succeeds: during an outage all others are answered at once. */
  readonly maxActsWhileFailing: number;
}

const maxRepetitions = 8;
const longestPauseMilliseconds = 50;

/** Of an act's time, for trying aside: a connection that is dead without a word leaves enough for another, before revocations are too old. */
const shareAside = 0.6;

const begin = plain('BEGIN ISOLATION LEVEL READ COMMITTED');
const beginPatiently = plain(`${begin.text}; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0`);
const commit = plain('COMMIT');
const rollback = plain('ROLLBACK');

/** How far one came: what may be done after a failure depends on it. */
interface Attempt {
  /** Its connection had been open before: the server may have ended it long ago. */
  isOnOldConnection: boolean;
  /** The statement was sent by which the act is done; it may have been, whatever fails from then on. */
  isDecided: boolean;
}

type Work<Result> = (connection: Connection, attempt: Attempt) => Promise<Result>;

interface Done<Result> {
  readonly result: Result;
  readonly seen: Seen;
}

interface DatabaseParts {
  readonly connections: Connections;
  /** Where reading does not wait behind acts. Gives null where there is no such place now. */
  readonly aside: { lend<Result>(milliseconds: number, work: (run: Run) => Promise<Result>): Promise<Result | null> };
  readonly context: StoreContext;
  readonly bounds: Bounds;
  readonly longestAccess: LongestAccess;
  /** The instant that statements go by; null: the server's own. */
  readonly now: () => number | null;
}

export class Database {
  readonly #parts: DatabaseParts;
  #acts = 0;
  #isFailing = false;
  #settling: Promise<unknown> | null = null;
  #closing: Promise<void> | null = null;
  #onDrained: () => void = () => undefined;

  constructor(parts: DatabaseParts) {
    this.#parts = parts;
  }

  /** One statement that writes nothing. */
  read<Row>(statement: Statement, ...values: readonly unknown[]): Promise<Row[]> {
    return this.reading((run) => run<Row>(statement, values));
  }

  /** Statements that write nothing, on one connection. */
  reading<Result>(work: (run: Run) => Promise<Result>, milliseconds?: number): Promise<Result> {
    return this.#admitted(async () => {
      const { result, seen } = await this.#repeat(({ run }) => work(run), milliseconds);
      // What was read is good, though nothing can be written now.
      await this.#keepLife(seen).catch(() => undefined);
      return result;
    });
  }

  /** One statement that writes nothing, however many acts wait, or are too many. Where that fails it is an act as others are. */
  async readAside<Row>(statement: Statement, ...values: readonly unknown[]): Promise<Row[]> {
    const startedAt = performance.now();
    const rows = await this.#counted(() => this.#tryAside<Row>(statement, values));
    if (rows !== null) return rows;
    const left = this.#parts.bounds.deadlineMilliseconds - (performance.now() - startedAt);
    // In whole seconds, which are told when they are over.
    return this.reading((run) => run<Row>(statement, values), Math.ceil(left / 1000) * 1000);
  }

  /** One statement that is a transaction by itself. */
  write<Row>(statement: Statement, ...values: readonly unknown[]): Promise<Row[]> {
    return this.#writing(({ run }, attempt) => {
      attempt.isDecided = true;
      return run<Row>(statement, values);
    });
  }

  /** Statements that are committed together; rolled back for the result null. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
    return this.#writing(inTransaction(begin, work));
  }

  /** As `transaction`, for what may take long. */
  longTransaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
    return this.#writing(inTransaction(beginPatiently, work), this.#parts.bounds.patienceMilliseconds);
  }

  /** Refuses what comes from now on; resolves when all that was asked for is answered. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#acts === 0) resolve();
      else this.#onDrained = resolve;
    });
    return this.#closing;
  }

  /** Null: it must be tried elsewhere. */
  async #tryAside<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[] | null> {
    const { aside, bounds, now } = this.#parts;
    const seen = new Seen();
    try {
      const rows = await aside.lend(bounds.deadlineMilliseconds * shareAside, (run) => seen.watch(run, now)<Row>(statement, values));
      // What it has to write waits behind the acts.
      if (rows !== null) this.#counted(() => this.#keepLife(seen)).catch(() => undefined);
      return rows;
    } catch (error) {
      if (error instanceof PostgresFailure) return null;
      throw error;
    }
  }

  #writing<Result>(work: Work<Result>, milliseconds?: number): Promise<Result> {
    return this.#admitted(async () => {
      if (this.#parts.context.mode === 'inspect') throw new StoreUnavailableError('The database was opened to be inspected only.');
      const { result, seen } = await this.#repeat(work, milliseconds);
      // Otherwise it was rolled back, and what was to be revoked is not.
      if (result !== null) this.#tell(seen.revocations);
      await this.#keepLife(seen);
      return result;
    });
  }

  async #admitted<Result>(perform: () => Promise<Result>): Promise<Result> {
    const { maxActs, maxActsWhileFailing } = this.#parts.bounds;
    if (this.#acts >= (this.#isFailing ? maxActsWhileFailing : maxActs)) {
      throw new StoreUnavailableError('The database cannot be used: too many acts wait for it.');
    }
    return this.#counted(perform);
  }

  async #counted<Result>(perform: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== null) throw new StoreUnavailableError('The store is closed.');
    this.#acts += 1;
    try {
      return await perform();
    } finally {
      this.#acts -= 1;
      if (this.#acts === 0) this.#onDrained();
    }
  }

  async #repeat<Result>(work: Work<Result>, milliseconds: number = this.#parts.bounds.deadlineMilliseconds): Promise<Done<Result>> {
    const deadline = new Deadline(milliseconds);
    try {
      for (let repetition = 0; ; repetition += 1) {
        const attempt: Attempt = { isOnOldConnection: false, isDecided: false };
        const outcome = await this.#attempt(work, attempt, deadline);
        if (!(outcome instanceof PostgresFailure)) return outcome;
        if (deadline.expired || !mayRepeat(outcome, attempt, repetition)) throw this.#rejectionOf(outcome, deadline);
        if (outcome.isRepeatable) await pause(((systemRandom(1)[0] ?? 0) / 256) * longestPauseMilliseconds);
      }
    } finally {
      deadline.clear();
    }
  }

  async #attempt<Result>(work: Work<Result>, attempt: Attempt, deadline: Deadline): Promise<Done<Result> | PostgresFailure> {
    const seen = new Seen();
    try {
      const result = await this.#parts.connections.use(deadline, (connection) => {
        attempt.isOnOldConnection = !connection.isNew;
        return work({ ...connection, run: seen.watch(connection.run, this.#parts.now) }, attempt);
      });
      this.#isFailing = false;
      return { result, seen };
    } catch (error) {
      if (error instanceof PostgresFailure) return error;
      throw error;
    }
  }

  #rejectionOf(failure: PostgresFailure, deadline: Deadline): Error {
    if (deadline.expired || !failure.tookTooLong) this.#isFailing = deadline.expired || failure.isUnavailability;
    if (deadline.expired) return new StoreUnavailableError(`The database did not answer within ${deadline.milliseconds / 1000} seconds.`);
    if (failure.isUnavailability) return new StoreUnavailableError(`The database cannot be used: ${failure.message}.`);
    return failure;
  }

  /** Before the promise of the act resolves: in this process a revocation holds as soon as its act is answered. */
  #tell(revocations: readonly Revocation[]): void {
    if (revocations.length === 0) return;
    const { context } = this.#parts;
    try {
      context.onRevocations(revocations);
    } catch (error) {
      const message = 'Committed revocations could not be put into the index; until they are next read, what they revoke is let in here.';
      context.logger.error({ err: error }, message);
    }
  }

  /** Before tokens are issued on the strength of what was written: others must keep revocations for as long as these tokens live. */
  async #keepLife({ terms }: Seen): Promise<void> {
    const { longestAccess, context } = this.#parts;
    if (terms === null || longestAccess.observe(terms) || context.mode === 'inspect') return;
    this.#settling ??= this.#repeat(inTransaction(begin, (run) => longestAccess.settle(run, terms.now))).finally(() => {
      this.#settling = null;
    });
    await this.#settling;
  }
}

function inTransaction<Result>(start: Statement, work: (run: Run) => Promise<Result>): Work<Result> {
  return async ({ run, spoil }, attempt) => {
    await run(start);
    try {
      const result = await work(run);
      attempt.isDecided = result !== null;
      await run(result === null ? rollback : commit);
      return result;
    } catch (error) {
      await run(rollback).catch(spoil);
      throw error;
    }
  };
}

/** Old connections that turn out to be dead do not count: there can be as many of them as the pool holds. */
function mayRepeat(failure: PostgresFailure, { isOnOldConnection, isDecided }: Attempt, repetition: number): boolean {
  if (failure.isRepeatable) return repetition < maxRepetitions;
  return failure.isLost && !isDecided && (isOnOldConnection || repetition === 0);
}

/** What the statements of an attempt have told. */
class Seen {
  readonly revocations: Revocation[] = [];
  terms: Terms | null = null;

  /** Gives each statement its instant, and looks at its rows. */
  watch(run: Run, now: () => number | null): Run {
    return async <Row>(statement: Statement, values: readonly unknown[] = []) => {
      const rows = await run<Row>(statement, statement.isTimed ? [now(), ...values] : values);
      const [first] = rows as Partial<RevokedRow>[];
      if (first?.life !== undefined) this.terms = first as Terms;
      if (first?.revoked_kind !== undefined) this.revocations.push(...(rows as RevokedRow[]).map(revocationOf));
      return rows;
    };
  }
}
