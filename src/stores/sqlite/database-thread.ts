/** The main thread's hold on the database thread: starts it, hands it batches, and notices when it dies. */
import { Worker } from 'node:worker_threads';
import type { Revocation } from '../../model/store.js';
import type { ActCall, Answer, Failure, FromDatabase, Opening, ToDatabase } from './acts.js';

export interface CommittedBatch {
  readonly answers: readonly Answer[];
  readonly revocations: readonly Revocation[];
}

/** The database could not be opened, and why. */
export class OpeningRefused extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'OpeningRefused';
    this.failure = failure;
  }
}

interface Waiting {
  readonly resolve: (message: FromDatabase) => void;
  readonly reject: (error: Error) => void;
}

export class DatabaseThread {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #cause: Error | null = null;
  /** In the order in which the thread was asked, which is that of its answers. */
  readonly #waiting: Waiting[] = [];
  #longestAccessSeconds = 0;

  private constructor(opening: Opening) {
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'countersign-sqlite',
      workerData: opening,
      // Not the application's own flags and loaders; and without Node's remark that `node:sqlite` is experimental.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    let cause = new Error('The database thread ended.');
    this.#worker.on('error', (error: Error) => (cause = error));
    this.#worker.on('message', (message: FromDatabase) => this.#waiting.shift()?.resolve(message));
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#cause = cause;
        for (const { reject } of this.#waiting.splice(0)) reject(cause);
        resolve();
      });
    });
  }

  /** @throws {OpeningRefused} or whatever ended the thread. */
  static async start(opening: Opening): Promise<DatabaseThread> {
    const thread = new DatabaseThread(opening);
    const message = await thread.#answerTo(() => undefined);
    if ('opened' in message) {
      thread.#longestAccessSeconds = message.opened.longestAccessSeconds;
      return thread;
    }
    // Otherwise the process could end before anybody hears why.
    thread.#worker.ref();
    await thread.#ended;
    throw 'refused' in message ? new OpeningRefused(message.refused) : new Error('The database thread answered out of turn.');
  }

  /** As of its last answer. */
  get longestAccessSeconds(): number {
    return this.#longestAccessSeconds;
  }

  get hasEnded(): boolean {
    return this.#cause !== null;
  }

  /** Rejects when the thread dies meanwhile, or when the batch cannot be copied to it. */
  async run(batch: readonly ActCall[]): Promise<CommittedBatch> {
    const message = await this.#answerTo(() => this.#post({ batch }));
    if (!('answers' in message)) throw new Error('The database thread answered out of turn.');
    this.#longestAccessSeconds = message.longestAccessSeconds;
    return message;
  }

  /** Closes the database and ends the thread. */
  async close(): Promise<void> {
    if (this.hasEnded) return;
    this.#worker.ref();
    this.#post({ close: true });
    await this.#ended;
  }

  #post(message: ToDatabase): void {
    this.#worker.postMessage(message);
  }

  /** Keeps the process alive until the answer is there, and no longer. */
  async #answerTo(ask: () => void): Promise<FromDatabase> {
    if (this.#cause !== null) throw this.#cause;
    // First: what cannot be copied is not waited for.
    ask();
    this.#worker.ref();
    try {
      return await new Promise<FromDatabase>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    } finally {
      if (this.#waiting.length === 0) this.#worker.unref();
    }
  }
}
