/** Keeps a revocation index filled from the store of record, and knows how old it is. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Logger } from '../model/app-types.js';
import type { RevocationHints } from '../model/bus.js';
import type { Revocation, RevocationPage, RevocationStore } from '../model/store.js';
import { Freshness, type Moment } from './freshness.js';
import { HintSubscription } from './hints.js';
import { Propagation, type PropagationFigures } from './propagation.js';
import type { RevocationIndex } from './revocation-index.js';

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
  readonly hints?: readonly RevocationHints[];
}

/** One step of the reading: what followed `from`. Null: from the start. */
export interface FeedStep {
  readonly from: string | null;
  readonly page: RevocationPage;
}

/** What others are told of that pass the feed on. Must not throw. */
export interface FeedListener {
  /** This process has committed them; they come again with the page that they are read in. */
  onCommitted(rows: readonly Revocation[]): void;
  onStep(step: FeedStep): void;
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
  /** How the last step ended; null before the first. */
  lastStep(): Pick<RevocationPage, 'position' | 'more'> | null;
  listen(listener: FeedListener): void;
  /** Tells those who listen what this process has committed; it is in the index already. */
  announce(rows: readonly Revocation[]): void;
  /** How long what other processes revoked took to arrive here. */
  propagation(): PropagationFigures;
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
  readonly #logger: Logger;
  readonly #hints: readonly HintSubscription[];
  readonly #propagation = new Propagation();
  readonly #freshness: Freshness;
  readonly #interval: number;
  readonly #readTimeout: number;

  #last: Pick<RevocationPage, 'position' | 'more'> | null = null;
  #isFromStart = true;
  #prunedAt = -Infinity;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #failures = 0;
  readonly #listeners: Set<FeedListener> = new Set();

  #started: Promise<void> | null = null;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  /** From the beginning of the first load, which reads everything that was committed before. */
  #hearsHints = false;

  constructor(options: RevocationFeedOptions) {
    this.#source = options.source;
    this.#index = options.index;
    this.#logger = options.logger;
    const onHint = (): void => {
      if (this.#hearsHints) this.wake();
    };
    this.#hints = (options.hints ?? []).map((hints) => new HintSubscription(hints, onHint, options.logger));
    this.#freshness = new Freshness(options);
    this.#interval = (options.intervalSeconds ?? 1) * 1000;
    this.#readTimeout = (options.readTimeoutSeconds ?? 5) * 1000;
  }

  start(): Promise<void> {
    this.#started ??= this.#load();
    return this.#started;
  }

  ageMilliseconds(): number {
    return this.#freshness.ageMilliseconds();
  }

  isFresh(wallNow?: number): boolean {
    return this.#freshness.isFresh(wallNow);
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
    return this.#freshness.wait(timeoutMilliseconds);
  }

  wake(): void {
    if (!this.#stopped) this.catchUp().catch(ignore);
  }

  lastStep(): Pick<RevocationPage, 'position' | 'more'> | null {
    return this.#last;
  }

  listen(listener: FeedListener): void {
    this.#listeners.add(listener);
  }

  announce(rows: readonly Revocation[]): void {
    for (const listener of this.#listeners) listener.onCommitted(rows);
  }

  propagation(): PropagationFigures {
    return this.#propagation.figures();
  }

  stop(): void {
    this.#stopped = true;
    this.#release();
    this.#freshness.answerWaiting();
  }

  async #load(): Promise<void> {
    try {
      // First, so that no hint falls between the read and the subscription.
      await within(this.#readTimeout, this.#subscribe()).catch(ignore);
      const loaded = this.catchUp();
      this.#hearsHints = true;
      await loaded;
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
    const started = this.#freshness.now();
    if (this.#freshness.isBehindDropped(started.wall)) this.#last = null;
    try {
      await this.#readPages();
    } catch (error) {
      // The position stays. Where it is of another server, the store knows; and a database that is slow gains nothing by giving everything again.
      this.#reportFailure(error);
      throw error;
    }
    this.#freshness.prove(started);
    this.#reportRecovery();
    this.#prune(started);
  }

  async #readPages(): Promise<void> {
    for (;;) {
      const from = this.#last?.position ?? null;
      this.#isFromStart ||= from === null;
      const page = await within(this.#readTimeout, this.#source.read(from));
      this.#apply(page);
      const { position, more } = page;
      this.#last = { position, more };
      for (const listener of this.#listeners) listener.onStep({ from, page });
      if (!more) return;
      // A store whose reads need no I/O would otherwise hold up every request until the last page.
      await nextTurn();
    }
  }

  /** What is read from the start, to its last page, is no news of others: it may have been written at any time. */
  #apply({ rows, now, more }: RevocationPage): void {
    const news = this.#index.apply(rows);
    const isNews = !this.#isFromStart;
    this.#isFromStart &&= more;
    if (isNews) for (const { revokedAt } of news) this.#propagation.record(now - revokedAt);
  }

  #prune({ monotonic, wall }: Moment): void {
    if (monotonic - this.#prunedAt < pruneEveryMilliseconds) return;
    this.#prunedAt = monotonic;
    this.#freshness.dropped(wall);
    this.#index.prune(wall);
  }

  #answerWaiting(): void {
    if (!this.#freshness.hasWaiting) return;
    // A read that took longer than the greatest staleness proves too little: read again; those who wait are bounded by their own time.
    if (this.#failures === 0 && !this.isFresh()) this.wake();
    else this.#freshness.answerWaiting();
  }

  #reportFailure(error: unknown): void {
    this.#failures += 1;
    if (this.#failures === 1) this.#logger.error({ err: error }, 'revocations cannot be read; trying again until they can');
  }

  #reportRecovery(): void {
    if (this.#failures > 0) this.#logger.info({ failures: this.#failures }, 'revocations are read again');
    this.#failures = 0;
  }

  async #subscribe(): Promise<void> {
    await Promise.all(this.#hints.map((hints) => hints.ensure()));
  }

  #release(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#hearsHints = false;
    for (const hints of this.#hints) hints.release();
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
