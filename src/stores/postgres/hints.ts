/** Hints of other processes' revocations: listens on a connection of its own, and opens another when that is gone. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../../crypto/random.js';
import type { RevocationHints } from '../../model/bus.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { Run } from './connections.js';
import type { LoneConnection } from './driver.js';
import { PostgresFailure } from './failures.js';
import { ListeningConnection, type Listening } from './listening-connection.js';

/** Opens a connection that is used for nothing else. */
export type OpenLone = () => Promise<LoneConnection>;

const firstPauseMilliseconds = 50;
const longestPauseMilliseconds = 5000;

export class Hints implements RevocationHints {
  readonly #open: OpenLone;
  readonly #what: Omit<Listening, 'onHint'>;
  readonly #subscriptions: Set<AbortController> = new Set();
  readonly #connections: Set<ListeningConnection> = new Set();

  constructor(open: OpenLone, what: Omit<Listening, 'onHint'>) {
    this.#open = open;
    this.#what = what;
  }

  async subscribe(onHint: () => void): Promise<() => void> {
    const subscription = new AbortController();
    this.#subscriptions.add(subscription);
    const unsubscribe = (): void => {
      subscription.abort();
      this.#subscriptions.delete(subscription);
    };
    try {
      void this.#keepListening(await this.#listen(onHint, subscription.signal), onHint, subscription.signal);
    } catch (error) {
      unsubscribe();
      throw new StoreUnavailableError(`The database cannot be listened to: ${new PostgresFailure(error).message}.`);
    }
    return unsubscribe;
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const subscription of this.#subscriptions) subscription.abort();
    this.#subscriptions.clear();
  }

  /** Lends a connection that listens, which no act holds up, for so long at most; null: there is none that is free. */
  async lend<Result>(milliseconds: number, work: (run: Run) => Promise<Result>): Promise<Result | null> {
    for (const connection of this.#connections) if (connection.isFree) return connection.lend(milliseconds, work);
    return null;
  }

  async #keepListening(first: ListeningConnection, onHint: () => void, signal: AbortSignal): Promise<void> {
    await first.ended;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        // Unlike what was asked for, hints keep no process alive.
        await pause(pauseAfter(failures), undefined, { ref: false, signal });
        const { ended } = await this.#listen(onHint, signal);
        failures = 0;
        onHint();
        await ended;
      } catch {
        // It cannot be reached, or nobody listens any more.
      }
    }
  }

  async #listen(onHint: () => void, signal: AbortSignal): Promise<ListeningConnection> {
    const lone = await this.#open();
    signal.addEventListener('abort', lone.close);
    lone.client.on('end', () => signal.removeEventListener('abort', lone.close));
    if (signal.aborted) lone.close();
    const connection = await ListeningConnection.open(lone, { ...this.#what, onHint });
    this.#connections.add(connection);
    void connection.ended.then(() => this.#connections.delete(connection));
    return connection;
  }
}

/** Not all nodes at once: they have lost the server in the same moment. */
function pauseAfter(failures: number): number {
  const longest = Math.min(firstPauseMilliseconds * 2 ** failures, longestPauseMilliseconds);
  return longest * (0.5 + (systemRandom(1)[0] ?? 0) / 512);
}
