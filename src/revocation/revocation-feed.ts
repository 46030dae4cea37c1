/** Keeps a revocation index filled from the store of record, and knows how old it is. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Logger } from '../model/app-types.js';
import type { RevocationStore } from '../model/store.js';
import type { RevocationIndex } from './revocation-index.js';

/** A bus that hints at new revocations: LISTEN/NOTIFY, Redis, messages between workers. It carries no data, and none of it is relied on. */
export interface RevocationWakeUp {
  /** Resolves when hints arrive from now on, to what ends that. `onWake` is also called after each reconnection, for hints may have been lost. */
  subscribe(onWake: () => void): Promise<() => void>;
}

export interface RevocationFeedOptions {
  readonly source: RevocationStore;
  readonly index: Pick<RevocationIndex, 'apply' | 'prune'>;
  readonly maxStalenessSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly monotonicNow?: () => number;
  /** Default 1. */
  readonly intervalSeconds?: number;
  /** After which one page (or a subscription) that does not come counts as failed; the next attempt does not wait for it. Default 5. */
  readonly readTimeoutSeconds?: number;
  readonly wakeUp?: RevocationWakeUp;
}

export interface RevocationFeed {
  /** Subscribes, loads everything, then keeps up. Rejects when the store cannot be read; may then be called again. */
  start(): Promise<void>;
  /** Since the start of the last catch-up read that was completed, by the monotonic or the wall clock, whichever is more. Infinity before the first. */
  ageMilliseconds(): number;
  /** Whether that is within the greatest staleness. For each request: reads both clocks. `wallNow`, read in this turn from the feed's own `clock`, spares one. */
  isFresh(wallNow?: number): boolean;
  /**
   * When it resolves, everything that was committed before the call is in the index: a read that is under way may have passed it already, so
   * those who call meanwhile share the one that follows. Rejects when that read fails. There is never more than one at a time.
   */
  catchUp(): Promise<void>;
  /**
   * For requests that meet a stale index: waits for one catch-up, shared by all, and says whether the index is fresh. Joins a read that is under
   * way, since age counts from a read's start. While the store fails it waits for the next regular attempt instead of adding its own.
   * Never rejects; default 2000 ms.
   */
  waitUntilFresh(timeoutMilliseconds?: number): Promise<boolean>;
  /** A hint that there is something to read. */
  wake(): void;
  /** Ends it for good; waiting requests are answered. */
  stop(): void;
}

export function createRevocationFeed(options: RevocationFeedOptions): RevocationFeed {
  return new PollingFeed(options);
}

const pruneEveryMilliseconds = 60_000;

class PollingFeed implements RevocationFeed {
  readonly #source: RevocationStore;
  readonly #index: Pick<RevocationIndex, 'apply' | 'prune'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #wakeUp: RevocationWakeUp | undefined;
  readonly #monotonicNow: () => number;
  readonly #maxStaleness: number;
  readonly #interval: number;
  readonly #readTimeout: number;

  #position: string | null = null;
  /** When the last completed read began, by either clock. */
  #readAt = -Infinity;
  #readAtWall = -Infinity;
  #prunedAt = -Infinity;
  #prunedAtWall = -Infinity;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #failures = 0;
  readonly #waiting: Set<() => void> = new Set();

  #started: Promise<void> | null = null;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  #subscribing: Promise<void> | null = null;
  #unsubscribe: (() => void) | null = null;
  #subscriptionFailed = false;

  constructor(options: RevocationFeedOptions) {
    this.#source = options.source;
    this.#index = options.index;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#wakeUp = options.wakeUp;
    this.#monotonicNow = options.monotonicNow ?? (() => performance.now());
    this.#maxStaleness = options.maxStalenessSeconds * 1000;
    this.#interval = (options.intervalSeconds ?? 1) * 1000;
    this.#readTimeout = (options.readTimeoutSeconds ?? 5) * 1000;
  }

  start(): Promise<void> {
    this.#started ??= this.#load();
    return this.#started;
  }

  ageMilliseconds(): number {
    return this.#age(this.#clock.now());
  }

  isFresh(wallNow: number = this.#clock.now()): boolean {
    return this.#age(wallNow) <= this.#maxStaleness;
  }

  catchUp(): Promise<void> {
    if (this.#running === null) return this.#begin();
    this.#next ??= this.#running.catch(ignore).then(() => {
      this.#next = null;
      // Another call may have begun it between the end of the one and this turn.
      return this.#running ?? this.#begin();
    });
    return this.#next;
  }

  waitUntilFresh(timeoutMilliseconds = 2000): Promise<boolean> {
    if (this.isFresh() || this.#stopped) return Promise.resolve(this.isFresh());
    if (this.#running === null && this.#failures === 0) this.wake();
    return new Promise((resolve) => {
      const answer = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(answer);
        resolve(this.isFresh());
      };
      const timer = setTimeout(answer, timeoutMilliseconds);
      this.#waiting.add(answer);
    });
  }

  wake(): void {
    if (!this.#stopped) this.catchUp().catch(ignore);
  }

  stop(): void {
    this.#stopped = true;
    this.#release();
    for (const answer of this.#waiting) answer();
  }

  #age(wallNow: number): number {
    // The clock went back behind an instant by which entries were dropped: until all are read again, some that are in force may be missing.
    if (wallNow < this.#prunedAtWall) return Infinity;
    return Math.max(this.#monotonicNow() - this.#readAt, wallNow - this.#readAtWall);
  }

  async #load(): Promise<void> {
    try {
      // First, so that no hint falls between the read and the subscription.
      await within(this.#readTimeout, this.#subscribe()).catch(ignore);
      await this.catchUp();
    } catch (error) {
      this.#started = null;
      this.#release();
      throw error;
    }
    if (this.#stopped) return;
    this.#timer = setInterval(() => {
      this.#tick();
    }, this.#interval);
    this.#timer.unref();
  }

  #tick(): void {
    void this.#subscribe();
    if (this.#running === null) this.wake();
  }

  #begin(): Promise<void> {
    this.#running = this.#read().finally(() => {
      this.#running = null;
      this.#answerWaiting();
    });
    return this.#running;
  }

  async #read(): Promise<void> {
    const startedAt = this.#monotonicNow();
    const startedAtWall = this.#clock.now();
    if (startedAtWall < this.#prunedAtWall) this.#position = null;
    try {
      await this.#readPages();
    } catch (error) {
      // What answers next may be a promoted replica, on which a position of the old one would skip rows.
      this.#position = null;
      this.#reportFailure(error);
      throw error;
    }
    this.#readAt = startedAt;
    this.#readAtWall = startedAtWall;
    this.#prunedAtWall = Math.min(this.#prunedAtWall, startedAtWall);
    this.#reportRecovery();
    this.#prune(startedAt, startedAtWall);
  }

  async #readPages(): Promise<void> {
    for (;;) {
      const page = await within(this.#readTimeout, this.#source.read(this.#position));
      this.#index.apply(page.rows);
      this.#position = page.position;
      if (!page.more) return;
      // A store whose reads need no I/O would otherwise hold up every request until the last page.
      await nextTurn();
    }
  }

  #prune(now: number, wallNow: number): void {
    if (now - this.#prunedAt < pruneEveryMilliseconds) return;
    this.#prunedAt = now;
    this.#prunedAtWall = wallNow;
    this.#index.prune(wallNow);
  }

  #answerWaiting(): void {
    if (this.#waiting.size === 0) return;
    // A read that took longer than the greatest staleness proves too little: read again; those who wait are bounded by their own time.
    if (this.#failures === 0 && !this.isFresh()) this.wake();
    else for (const answer of this.#waiting) answer();
  }

  #reportFailure(error: unknown): void {
    this.#failures += 1;
    if (this.#failures === 1) this.#logger.error({ err: error }, 'revocations cannot be read; trying again until they can');
  }

  #reportRecovery(): void {
    if (this.#failures > 0) this.#logger.info({ failures: this.#failures }, 'revocations are read again');
    this.#failures = 0;
  }

  /** Never rejects: without hints the feed is only slower. Tried again at each tick. */
  #subscribe(): Promise<void> {
    if (this.#wakeUp === undefined) return Promise.resolve();
    this.#subscribing ??= this.#subscribeTo(this.#wakeUp).catch((error: unknown) => {
      this.#subscribing = null;
      if (!this.#subscriptionFailed) this.#logger.warn({ err: error }, 'no hints of new revocations; they are read at intervals only');
      this.#subscriptionFailed = true;
    });
    return this.#subscribing;
  }

  async #subscribeTo(bus: RevocationWakeUp): Promise<void> {
    const unsubscribe = await bus.subscribe(() => {
      this.wake();
    });
    // It may have been stopped, or its load may have failed, while the bus took its time.
    if (this.#stopped || this.#started === null) {
      this.#subscribing = null;
      unsubscribe();
      return;
    }
    this.#unsubscribe = unsubscribe;
    this.#subscriptionFailed = false;
    if (this.#timer !== null) this.wake();
  }

  #release(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#unsubscribe === null) return;
    this.#unsubscribe();
    this.#unsubscribe = null;
    this.#subscribing = null;
  }
}

function within<Value>(milliseconds: number, work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds} ms`));
    }, milliseconds);
    timer.unref();
  });
  return Promise.race([work, limit]).finally(() => {
    clearTimeout(timer);
  });
}

function ignore(): void {}
