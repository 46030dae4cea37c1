/** Keeps one connection to Redis for ever: opens it, makes it useful, sees that it is alive, and begins anew when it is not. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../../crypto/random.js';
import { answerMilliseconds, type RedisConnection } from './client.js';

export interface LinkOptions {
  readonly make: () => RedisConnection;
  /** What an open connection is there for; the link is up when it has resolved. */
  readonly begin: (connection: RedisConnection) => Promise<unknown>;
  readonly onUp: () => void;
  /** Also after each attempt that failed. `reason` is a word or two, and of no secret. */
  readonly onDown: (reason: string) => void;
}

const pingEveryMilliseconds = 3000;
const shortestPauseMilliseconds = 50;
const longestPauseMilliseconds = 2000;

export class RedisLink {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  readonly #kept: Promise<void>;
  #attempted: () => void = () => undefined;
  #connection: RedisConnection | null = null;
  #isUp = false;
  #failures = 0;
  /** Resolves when it is known for the first time whether Redis can be reached. */
  readonly attempted: Promise<void>;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.attempted = new Promise((resolve) => (this.#attempted = resolve));
    this.#kept = this.#keep();
  }

  /** Null while it is down. */
  get connection(): RedisConnection | null {
    return this.#isUp ? this.#connection : null;
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#connection?.disconnect();
    return this.#kept;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      const reason = await this.#useOne();
      this.#isUp = false;
      if (!signal.aborted) this.#options.onDown(reason);
      this.#attempted();
      await pause(pauseAfter(this.#failures), undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      this.#failures += 1;
    }
  }

  /** One connection from beginning to end; why it ended. Never rejects. */
  async #useOne(): Promise<string> {
    const connection = this.#options.make();
    this.#connection = connection;
    const ending = new AbortController();
    const ended = new Promise<void>((resolve) => {
      connection.on('end', () => {
        ending.abort();
        resolve();
      });
    });
    let cause: unknown;
    connection.on('error', (error) => (cause ??= error));
    try {
      await this.#use(connection, ending.signal);
    } catch (error) {
      cause ??= error;
    }
    connection.disconnect();
    await ended;
    return reasonOf(cause);
  }

  async #use(connection: RedisConnection, ended: AbortSignal): Promise<never> {
    await inTime(connection.connect());
    await inTime(this.#options.begin(connection));
    this.#isUp = true;
    this.#failures = 0;
    this.#options.onUp();
    this.#attempted();
    for (;;) {
      await pause(pingEveryMilliseconds, undefined, { signal: ended, ref: false });
      // A connection that is half open, or a server that hangs, says nothing by itself.
      await inTime(connection.ping());
    }
  }
}

class NoAnswer extends Error {}

function inTime<Value>(work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer()), answerMilliseconds);
    timer.unref();
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Grows up to a bound; spread, so that not all processes come back in the same moment. */
function pauseAfter(failures: number): number {
  const longest = Math.min(longestPauseMilliseconds, shortestPauseMilliseconds * 2 ** failures);
  return (longest * (128 + systemRandom(1).readUInt8(0) / 2)) / 256;
}

/** Of an error only what cannot hold a credential: errors of ioredis carry the command that was refused. */
function reasonOf(error: unknown): string {
  if (error instanceof NoAnswer) return 'no answer';
  const { name, code, message = '' } = error as { name?: string; code?: unknown; message?: string };
  if (name === 'ReplyError') return /^[A-Z]+/.exec(message)?.[0] ?? 'refused';
  return typeof code === 'string' && name !== 'AbortError' ? code : 'connection closed';
}
