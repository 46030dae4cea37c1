/** Limits, and the port of what counts for all processes together. */

/** So many in this time. The time begins with the first. */
export interface Limit {
  readonly count: number;
  readonly windowSeconds: number;
}

/** What requests are counted as. */
export type RequestLimitName = 'api' | 'refresh' | 'feed';

/** Where a limit stands, for whoever it limits. */
export interface LimitState {
  readonly name: 'login' | 'mail' | RequestLimitName;
  readonly limit: Limit;
  readonly remaining: number;
  /** Seconds until all of it is there again; at least 1. */
  readonly resetSeconds: number;
}

/** One addition. A counter begins with its first addition, and is back at 0 when its window has passed. */
export interface Counting {
  readonly key: string;
  /** Negative gives back; the count never falls below 0. */
  readonly amount: number;
  readonly windowSeconds: number;
  /** Nothing is added that would lift the count above this. */
  readonly most?: number;
}

export interface Counted {
  readonly added: boolean;
  /** After the addition. */
  readonly count: number;
  /** Milliseconds until it is 0 again. */
  readonly resetsInMilliseconds: number;
}

export interface CounterStore {
  /** Each addition is atomic, so that of many at once each sees the one before; each key at most once; answered in the order given. */
  add(countings: readonly Counting[]): Promise<readonly Counted[]>;
}
