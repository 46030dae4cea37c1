/** Limits failed attempts, exactly and for all processes together; those that succeed do not count. */
import { setTimeout as pause } from 'node:timers/promises';
import { AuthError } from '../errors.js';
import type { Logger } from '../model/app-types.js';
import type { Counted, CounterStore, Limit, LimitState } from '../model/limits.js';
import type { ErrorCode } from '../protocol/error-codes.js';

/** What a stranger learns something from, or takes from others. */
const failures: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'invalid_credentials',
  'username_taken',
  'conflict',
  'one_time_token_invalid',
]);

/**
 * An attempt holds a place until it is known to have succeeded, so that of many at once no more than the limit can fail. Whoever finds no
 * place asks again after these pauses: people who sign in at the same moment from behind one address wait for each other.
 */
const pausesMilliseconds: readonly number[] = [50, 150, 400, 800];

export interface AttemptLimiterOptions {
  readonly counters: CounterStore;
  /** Null: nothing is limited. */
  readonly limit: Limit | null;
  readonly logger: Logger;
}

export class AttemptLimiter {
  readonly #counters: CounterStore;
  readonly #limit: Limit | null;
  readonly #logger: Logger;

  constructor({ counters, limit, logger }: AttemptLimiterOptions) {
    this.#counters = counters;
    this.#limit = limit;
    this.#logger = logger;
  }

  /**
   * Does the work, unless too many attempts under this key have failed. `note` is told where the limit stands.
   * @throws {AuthError} `too_many_attempts`, or what the work throws.
   */
  async run<Result>(key: string, work: () => Promise<Result>, note: (state: LimitState) => void): Promise<Result> {
    const limit = this.#limit;
    if (limit === null) return work();
    const counted = await this.#takePlace(`login ${key}`, limit);
    note(stateOf(counted, limit));
    if (!counted.added) throw new AuthError('too_many_attempts', { reason: 'failed attempts', retryAfterSeconds: secondsOf(counted) });
    try {
      const result = await work();
      this.#giveBack(`login ${key}`, limit);
      return result;
    } catch (error) {
      if (!(error instanceof AuthError && failures.has(error.code))) this.#giveBack(`login ${key}`, limit);
      throw error;
    }
  }

  async #takePlace(key: string, { count: most, windowSeconds }: Limit): Promise<Counted> {
    const take = async (): Promise<Counted> => (await this.#counters.add([{ key, amount: 1, windowSeconds, most }]))[0] as Counted;
    let counted = await take();
    for (const milliseconds of pausesMilliseconds) {
      if (counted.added) return counted;
      await pause(milliseconds);
      counted = await take();
    }
    return counted;
  }

  /** Not waited for: until it is done the place is only still taken. */
  #giveBack(key: string, { windowSeconds }: Limit): void {
    this.#counters.add([{ key, amount: -1, windowSeconds }]).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'an attempt that did not fail stays counted');
    });
  }
}

function stateOf(counted: Counted, limit: Limit): LimitState {
  return { name: 'login', limit, remaining: Math.max(0, limit.count - counted.count), resetSeconds: secondsOf(counted) };
}

function secondsOf({ resetsInMilliseconds }: Counted): number {
  return Math.max(1, Math.ceil(resetsInMilliseconds / 1000));
}
