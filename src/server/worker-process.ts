/** One worker as the first process has it: forked, waited for until it serves, told to stop, and killed where it does not. */
import cluster, { type Worker } from 'node:cluster';
import { ConfigError } from '../errors.js';
import { environmentOf, hearWorker, tellWorker, type FromWorker } from './worker-messages.js';

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

export class WorkerProcess {
  /** From 1; the one that takes its place has the same. */
  readonly number: number;
  readonly worker: Worker;
  /** Rejects with what prevents it from serving. */
  readonly ready: Promise<void>;
  readonly ended: Promise<Ended>;
  #readyAt: number | null = null;

  constructor(number: number, onMessage: (message: FromWorker, from: WorkerProcess) => void) {
    this.number = number;
    this.worker = cluster.fork(environmentOf(number));
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', (code: Ended['code'], signal: Ended['signal']) => resolve({ code, signal }));
    });
    this.ready = this.#untilReady();
    hearWorker(this.worker, (message) => onMessage(message, this));
  }

  /** How long it has served, in milliseconds. */
  get age(): number {
    return this.#readyAt === null ? 0 : performance.now() - this.#readyAt;
  }

  /** Whether it ended in order, if it served at all. It has `withinMilliseconds`; then it is killed. */
  async stop(how: { readonly isHandOver: boolean; readonly acceptMilliseconds: number }, withinMilliseconds: number): Promise<boolean> {
    tellWorker(this.worker, { says: 'stop', ...how });
    const deadline = setTimeout(() => this.kill(), withinMilliseconds);
    const { code } = await this.ended;
    clearTimeout(deadline);
    return code === 0 || this.#readyAt === null;
  }

  kill(): void {
    this.worker.process.kill('SIGKILL');
  }

  async #untilReady(): Promise<void> {
    const failure = await new Promise<Error | null>((resolve) => {
      hearWorker(this.worker, (message) => {
        if (message.says === 'ready') resolve(null);
        if (message.says === 'failed') resolve(errorOf(message));
      });
      void this.ended.then(({ code, signal }) =>
        resolve(plainError(`A worker ended before it served (${signal ?? `exit code ${code ?? ''}`}).`)),
      );
    });
    if (failure !== null) throw failure;
    this.#readyAt = performance.now();
  }
}

function errorOf(message: FromWorker & { readonly says: 'failed' }): Error {
  return 'problems' in message ? new ConfigError(message.problems) : plainError(message.message);
}

/** Where it was made says nothing: it comes from another process. */
function plainError(message: string): Error {
  return Object.assign(new Error(message), { stack: message });
}
