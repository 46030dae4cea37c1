/** What the first process and its workers tell each other, and how: a message to one that has gone is lost without a word. */
import type { Worker } from 'node:cluster';
import type { ConfigProblem } from '../errors.js';
import type { Figure } from './metrics.js';

export type FromWorker =
  | { readonly says: 'ready' }
  /** It could not start, and why. */
  | { readonly says: 'failed'; readonly problems: readonly ConfigProblem[] }
  | { readonly says: 'failed'; readonly message: string }
  /** By somebody else than the first process. */
  | { readonly says: 'told to stop' }
  /** There are new revocations to be read. */
  | { readonly says: 'hint' }
  | { readonly says: 'ask for figures'; readonly question: number }
  | FiguresOfOne;

interface FiguresAsked {
  readonly question: number;
  /** The worker that asked. */
  readonly asker: number;
  /** How many are asked. */
  readonly expected: number;
}

interface FiguresOfOne extends FiguresAsked {
  readonly says: 'figures';
  readonly figures: readonly Figure[];
}

export type ToWorker =
  | { readonly says: 'hint' }
  | ({ readonly says: 'give figures' } & FiguresAsked)
  | FiguresOfOne
  | { readonly says: 'stop'; readonly isHandOver: boolean; readonly acceptMilliseconds: number };

const numberVariable = 'CLUSTER_WORKER_NUMBER';

/** What a worker's environment says beyond that of the first process. */
export function environmentOf(workerNumber: number): Record<string, string> {
  return { [numberVariable]: String(workerNumber) };
}

/** Of this process, which is a worker. */
export function workerNumber(): number {
  return Number(process.env[numberVariable]);
}

/** Resolves when it is sent, or cannot be. */
export function tellPrimary(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

/** What comes from the first process, until the function that it gives is called. */
export function hearPrimary(listener: (message: ToWorker) => void): () => void {
  process.on('message', listener);
  return () => void process.off('message', listener);
}

export function tellWorker(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.process.send(message, undefined, undefined, () => undefined);
}

export function hearWorker(worker: Worker, listener: (message: FromWorker) => void): void {
  worker.on('message', listener);
}
