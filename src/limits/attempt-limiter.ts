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
  'mfa_code_invalid',
]);

/**
 * An attempt holds a place until it is known to have succeeded, so that of many at once no more than the limit can fail. Whoever finds no
 * place asks again after these pauses: people who sign in at the same moment from behind one address wait for each other.
 */
const pausesMilliseconds: readonly number[] = [50, 150, 400, 800];

/**
 * How many codes of an authenticator app may be wrong for one account, whatever they are presented with.
 * Three codes of a million are right at any time: whoever has the password and goes on and on guesses right within a day with a likelihood of
 * 0.07 %. Each wrong one is an event. Recovery codes cannot be guessed, so that they let their owner in meanwhile.
 */
export const codeLimit: Limit = { count: 10, windowSeconds: 3600 };

/** Places that are given back go with the next attempt, or after this time without one: of their own they would cost a write for each login. */
const giveBackWithinMilliseconds = 25;

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
  /** How many places of each key are to be given back. */
  #returned: Map<string, number> = new Map();
  #timer: NodeJS.Timeout | null = null;

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
      this.#giveBack(`login ${key}`);
      return result;
    } catch (error) {
      if (!(error instanceof AuthError && failures.has(error.code))) this.#giveBack(`login ${key}`);
      throw error;
    }
  }

  async #takePlace(key: string, { count: most, windowSeconds }: Limit): Promise<Counted> {
    const take = async (): Promise<Counted> => {
      // First, so that of the places of this process none is missing that is free; in the same turn, so that a store can write both at once.
      this.settle();
      return (await this.#counters.add([{ key, amount: 1, windowSeconds, most }]))[0] as Counted;
    };
    let counted = await take();
    for (const milliseconds of pausesMilliseconds) {
      if (counted.added) return counted;
      await pause(milliseconds);
      counted = await take();
    }
    return counted;
  }

  /** Not waited for: until it is done the place is only still taken. */
  #giveBack(key: string): void {
    this.#returned.set(key, (this.#returned.get(key) ?? 0) + 1);
    this.#timer ??= setTimeout(() => this.settle(), giveBackWithinMilliseconds);
  }

  /** Gives back at once what is to be given back: before the store is closed, or those places would stay taken until their window ends. */
  settle(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#returned.size === 0 || this.#limit === null) return;
    const { windowSeconds } = this.#limit;
    const countings = [...this.#returned].map(([key, places]) => ({ key, amount: -places, windowSeconds }));
    this.#returned = new Map();
    this.#counters.add(countings).catch((error: unknown) => {
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
