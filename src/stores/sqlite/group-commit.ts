/** Runs a batch of acts in one transaction, so that they share one sync to disk, and keeps the failure of one from its neighbours. */
import type { Revocation } from '../../model/store.js';
import { loneStatementActs, readingActs, type ActCall, type Acts, type ActScope, type Answer, type Failure } from './acts.js';
import { isUnavailable, type SqliteDatabase, type SqliteStatement } from './driver.js';
import type { LongestAccess } from './longest-access.js';

export interface BatchOutcome {
  readonly answers: readonly Answer[];
  readonly revocations: readonly Revocation[];
}

/** Writes one revocation row and gives it back. */
export type WriteRevocation = (now: number, revocation: Pick<Revocation, 'kind' | 'subject' | 'value'>) => Revocation;

type AnyAct = (scope: ActScope, ...parameters: readonly unknown[]) => unknown;

interface GroupCommitParts {
  readonly acts: Acts;
  readonly writeRevocation: WriteRevocation;
  readonly longestAccess: LongestAccess;
}

export class GroupCommit {
  readonly #acts: Acts;
  readonly #writeRevocation: WriteRevocation;
  readonly #longestAccess: LongestAccess;
  readonly #begin: SqliteStatement;
  readonly #commit: SqliteStatement;
  readonly #rollback: SqliteStatement;
  readonly #savepoint: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #rollbackToSavepoint: SqliteStatement;

  constructor(database: SqliteDatabase, { acts, writeRevocation, longestAccess }: GroupCommitParts) {
    this.#acts = acts;
    this.#writeRevocation = writeRevocation;
    this.#longestAccess = longestAccess;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#rollback = database.prepare('ROLLBACK');
    this.#savepoint = database.prepare('SAVEPOINT act');
    this.#release = database.prepare('RELEASE act');
    this.#rollbackToSavepoint = database.prepare('ROLLBACK TO act');
  }

  run(batch: readonly ActCall[]): BatchOutcome {
    const revocations: Revocation[] = [];
    const reading = batch.every(({ name }) => readingActs.has(name));
    try {
      if (reading) {
        this.#longestAccess.refresh();
        return { answers: batch.map((call) => this.#alone(call)), revocations };
      }
      this.#begin.run();
      this.#longestAccess.settle(Math.max(...batch.map(({ now }) => now)));
      const answers = batch.map((call) => (isSavedByItself(call) ? this.#alone(call) : this.#write(call, revocations)));
      this.#commit.run();
      return { answers, revocations };
    } catch (error) {
      this.#abandon();
      const failure = { kind: 'unavailable', message: messageOf(error) } as const;
      return { answers: batch.map(() => ({ failure })), revocations: [] };
    }
  }

  /** Nothing is left of what fails. */
  #alone(call: ActCall): Answer {
    try {
      return { value: this.#perform(call, []) };
    } catch (error) {
      return failOne(error);
    }
  }

  #write(call: ActCall, revocations: Revocation[]): Answer {
    const own: Revocation[] = [];
    this.#savepoint.run();
    try {
      const value = this.#perform(call, own);
      this.#release.run();
      revocations.push(...own);
      return { value };
    } catch (error) {
      const answer = failOne(error);
      this.#rollbackToSavepoint.run();
      this.#release.run();
      return answer;
    }
  }

  #perform(call: ActCall, revocations: Revocation[]): unknown {
    const act = this.#acts[call.name] as AnyAct;
    const scope: ActScope = {
      now: call.now,
      revoke: (kind, subject, value) => void revocations.push(this.#writeRevocation(call.now, { kind, subject, value })),
    };
    return act(scope, ...call.parameters);
  }

  #abandon(): void {
    try {
      this.#rollback.run();
    } catch {
      // There is no transaction: BEGIN failed, or SQLite has rolled back by itself.
    }
  }
}

function isSavedByItself({ name }: ActCall): boolean {
  return readingActs.has(name) || loneStatementActs.has(name);
}

/** The answer to an act that was refused. @throws what concerns the whole group: SQLite may have ended the transaction by itself then. */
function failOne(error: unknown): { readonly failure: Failure } {
  if (isUnavailable(error)) throw error;
  return { failure: { kind: 'unexpected', message: messageOf(error) } };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
