/** Collects the acts that are asked for while batches are being committed into the next batch, and settles each with its own answer. */
import { StoreUnavailableError, type Revocation, type StoreContext } from '../../model/store.js';
import type { ActArguments, ActCall, ActName, ActResult, Answer, Opening } from './acts.js';
import { DatabaseThread } from './database-thread.js';

/** Bounds how long one transaction keeps the write lock from other processes. */
const maxBatch = 256;

/** While the main thread answers one batch, the database thread commits the next. More would only make batches smaller, and so syncs more. */
const maxUnderWay = 2;

const longestPauseMilliseconds = 10_000;

interface Pending {
  readonly call: ActCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ActQueue {
  readonly #context: StoreContext;
  readonly #opening: Opening;
  #thread: DatabaseThread;
  #waiting: Pending[] = [];
  /** Batches that the database thread has. */
  #underWay = 0;
  /** At the end of this turn of the event loop: what arrives in it shares a batch. */
  #sending: NodeJS.Immediate | null = null;
  #onIdle: () => void = () => undefined;
  #closing: Promise<void> | null = null;
  #starting: Promise<DatabaseThread> | null = null;
  /** Starts of a thread in a row after which nothing was committed. */
  #failedStarts = 0;
  #startNotBefore = 0;

  constructor(context: StoreContext, opening: Opening, thread: DatabaseThread) {
    this.#context = context;
    this.#opening = opening;
    this.#thread = thread;
  }

  ask<Name extends ActName>(name: Name, ...parameters: ActArguments<Name>): Promise<ActResult<Name>> {
    if (this.#closing !== null) return Promise.reject(new StoreUnavailableError('The store is closed.'));
    const call: ActCall = { name, parameters, now: Math.floor(this.#context.clock.now()) };
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve: (value) => resolve(value as ActResult<Name>), reject });
      if (this.#underWay < maxUnderWay) this.#sending ??= setImmediate(() => this.#send());
    });
  }

  /** As of the last batch that was answered. */
  get longestAccessSeconds(): number {
    return this.#thread.longestAccessSeconds;
  }

  /** Finishes what was asked for. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      if (!this.#isIdle) await new Promise<void>((resolve) => (this.#onIdle = resolve));
      await this.#thread.close();
    })();
    return this.#closing;
  }

  get #isIdle(): boolean {
    return this.#underWay === 0 && this.#waiting.length === 0;
  }

  #send(): void {
    this.#sending = null;
    while (this.#waiting.length > 0 && this.#underWay < maxUnderWay) {
      this.#underWay += 1;
      void this.#commit(this.#waiting.splice(0, maxBatch)).then(() => {
        this.#underWay -= 1;
        if (this.#isIdle) this.#onIdle();
        else this.#sending ??= setImmediate(() => this.#send());
      });
    }
  }

  /** Never rejects. */
  async #commit(batch: readonly Pending[]): Promise<void> {
    try {
      const thread = await this.#livingThread();
      const { answers, revocations } = await thread.run(batch.map(({ call }) => call));
      this.#failedStarts = 0;
      this.#tell(revocations);
      batch.forEach((pending, index) => settle(pending, answers[index] as Answer));
    } catch (error) {
      await this.#fail(batch, error as Error);
    }
  }

  async #fail(batch: readonly Pending[], error: Error): Promise<void> {
    if (error.name !== 'DataCloneError') {
      const unavailable = new StoreUnavailableError(`The database thread did not answer: ${error.message}.`, { cause: error });
      for (const { reject } of batch) reject(unavailable);
    } else if (batch.length === 1) {
      batch[0]?.reject(error);
    } else {
      // One of them has an argument that cannot be copied (a function in a profile): it fails alone.
      for (const pending of batch) await this.#commit([pending]);
    }
  }

  /** One start for all batches that need it. */
  async #livingThread(): Promise<DatabaseThread> {
    if (!this.#thread.hasEnded) return this.#thread;
    this.#starting ??= this.#startAnother().finally(() => (this.#starting = null));
    return this.#starting;
  }

  /** When the last one died; with growing pauses while that does not help. */
  async #startAnother(): Promise<DatabaseThread> {
    if (this.#opening.file === ':memory:') throw new Error('it ended, and the database in memory with it');
    if (performance.now() < this.#startNotBefore) throw new Error('it keeps ending and will be started again soon');
    this.#failedStarts += 1;
    if (this.#failedStarts > 1) this.#startNotBefore = performance.now() + Math.min(50 * 2 ** this.#failedStarts, longestPauseMilliseconds);
    this.#context.logger.error({ failedStarts: this.#failedStarts - 1 }, 'The SQLite thread had ended; starting it again.');
    this.#thread = await DatabaseThread.start({ ...this.#opening, now: Math.floor(this.#context.clock.now()) });
    return this.#thread;
  }

  /** Before any promise of the batch resolves: in this process a revocation holds as soon as its act is answered. */
  #tell(revocations: readonly Revocation[]): void {
    if (revocations.length === 0) return;
    try {
      this.#context.onRevocations(revocations);
    } catch (error) {
      const message = 'Committed revocations could not be put into the index; until they are next read, what they revoke is let in here.';
      this.#context.logger.error({ err: error }, message);
    }
  }
}

function settle({ resolve, reject }: Pending, answer: Answer): void {
  if ('value' in answer) {
    resolve(answer.value);
  } else {
    const { kind, message } = answer.failure;
    reject(kind === 'unavailable' ? new StoreUnavailableError(`The database cannot be used: ${message}.`) : new Error(message));
  }
}
