/** Hints of other processes' revocations: listens on a connection of its own, finds out when that is dead, and opens another. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../../crypto/random.js';
import type { RevocationHints } from '../../model/bus.js';
import { StoreUnavailableError } from '../../model/store.js';
import type { LoneConnection } from './driver.js';
import { PostgresFailure } from './failures.js';

/** Opens a connection that is used for nothing else. */
export type OpenLone = () => Promise<LoneConnection>;

/** Who is asked this often and has not answered when he is asked again is taken for dead: the server can go without our being told. */
const heartbeatMilliseconds = 2000;
const firstPauseMilliseconds = 50;
const longestPauseMilliseconds = 5000;

/** Resolves when no hint can come any more. Not a bare promise, which would be awaited together with what it is the result of. */
interface Listening {
  readonly ended: Promise<void>;
}

export class Hints implements RevocationHints {
  readonly #open: OpenLone;
  readonly #channel: string;
  readonly #subscriptions: Set<AbortController> = new Set();

  constructor(open: OpenLone, channel: string) {
    this.#open = open;
    this.#channel = channel;
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

  async #keepListening(first: Listening, onHint: () => void, signal: AbortSignal): Promise<void> {
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

  async #listen(onHint: () => void, signal: AbortSignal): Promise<Listening> {
    const { client, close } = await this.#open();
    const ended = new Promise<void>((resolve) => client.on('end', resolve));
    let isWaiting = false;
    const ask = async (text: string): Promise<void> => {
      isWaiting = true;
      await client.query({ text });
      isWaiting = false;
    };
    const heartbeat = setInterval(() => {
      if (isWaiting) close();
      else ask('SELECT 1').catch(close);
    }, heartbeatMilliseconds);
    signal.addEventListener('abort', close);
    void ended.then(() => {
      clearInterval(heartbeat);
      signal.removeEventListener('abort', close);
    });
    client.on('notification', () => {
      onHint();
    });
    if (signal.aborted) close();
    await ask(`LISTEN "${this.#channel}"`).catch((error: unknown) => {
      close();
      throw error;
    });
    heartbeat.unref();
    client.unref?.();
    return { ended };
  }
}

/** Not all nodes at once: they have lost the server in the same moment. */
function pauseAfter(failures: number): number {
  const longest = Math.min(firstPauseMilliseconds * 2 ** failures, longestPauseMilliseconds);
  return longest * (0.5 + (systemRandom(1)[0] ?? 0) / 512);
}
