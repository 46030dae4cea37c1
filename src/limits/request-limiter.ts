/** Limits requests by key: counts in memory, without waiting, and exchanges the counts with the other processes a few times a second. */
import type { Logger } from '../model/app-types.js';
import type { CounterStore, Limit, LimitState, RequestLimitName } from '../model/limits.js';

const exchangeEveryMilliseconds = 250;
/** One exchange is one statement of the store. */
const mostPerExchange = 1000;
/** In each of two generations; about 200 bytes each. */
const mostKeys = 50_000;

export interface RequestLimiterOptions {
  readonly counters: CounterStore;
  /** Null: not limited. */
  readonly limits: Readonly<Record<RequestLimitName, Limit | null>>;
  readonly logger: Logger;
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly monotonicNow?: () => number;
}

interface Window {
  readonly limit: Limit;
  /** As of the last exchange, all processes together. */
  known: number;
  /** Since then, here. */
  unsent: number;
  resetsAt: number;
}

interface Sent {
  readonly key: string;
  readonly window: Window;
  readonly amount: number;
}

/** Each exchange can lag behind, so that all processes together let a little more through than the limit. */
export class RequestLimiter {
  readonly #counters: CounterStore;
  readonly #limits: RequestLimiterOptions['limits'];
  readonly #logger: Logger;
  readonly #now: () => number;
  #recent: Map<string, Window> = new Map();
  #older: Map<string, Window> = new Map();
  /** No more than there are windows. */
  readonly #unsent: Set<string> = new Set();
  #timer: NodeJS.Timeout | null = null;
  /** What others count is not known: less is let through, so that all together do not let more. */
  #alone = false;

  constructor({ counters, limits, logger, monotonicNow }: RequestLimiterOptions) {
    this.#counters = counters;
    this.#limits = limits;
    this.#logger = logger;
    this.#now = monotonicNow ?? (() => performance.now());
  }

  /** Counts one request. Null where it is not limited; `refused`: it is one too many, and does not count. */
  take(name: RequestLimitName, of: string): { readonly state: LimitState; readonly refused: boolean } | null {
    const limit = this.#limits[name];
    if (limit === null) return null;
    const key = `${name} ${of}`;
    const now = this.#now();
    const window = this.#windowOf(key, now, limit);
    const most = this.#alone ? Math.ceil(limit.count / 2) : limit.count;
    const refused = window.known + window.unsent >= most;
    if (!refused) this.#count(key, window);
    // Rounded first: the difference of two readings of the clock is a hair above the minute now and then.
    const remaining = Math.max(0, most - window.known - window.unsent);
    return { state: { name, limit, remaining, resetSeconds: Math.max(1, Math.ceil(Math.round(window.resetsAt - now) / 1000)) }, refused };
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #windowOf(key: string, now: number, limit: Limit): Window {
    const found = this.#find(key);
    if (found !== undefined && found.resetsAt > now) return found;
    const window = { limit, known: 0, unsent: 0, resetsAt: now + limit.windowSeconds * 1000 };
    this.#keep(key, window);
    return window;
  }

  #find(key: string): Window | undefined {
    const window = this.#recent.get(key);
    if (window !== undefined) return window;
    const older = this.#older.get(key);
    if (older !== undefined) this.#keep(key, older);
    return older;
  }

  /** In two generations, so that room is made at once: those who did not come again while as many others came are forgotten. */
  #keep(key: string, window: Window): void {
    if (this.#recent.size >= mostKeys) {
      for (const forgotten of this.#older.keys()) if (!this.#recent.has(forgotten)) this.#unsent.delete(forgotten);
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, window);
  }

  #count(key: string, window: Window): void {
    window.unsent += 1;
    this.#unsent.add(key);
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.#exchange(), exchangeEveryMilliseconds);
    this.#timer.unref();
  }

  /** Those that have waited longest; what is over is not told any more, for it would count into a window of the others that is not. */
  #takeUnsent(): readonly Sent[] {
    const now = this.#now();
    const sent: Sent[] = [];
    for (const key of this.#unsent) {
      if (sent.length === mostPerExchange) break;
      this.#unsent.delete(key);
      // Not `#find`: nobody has asked.
      const window = this.#recent.get(key) ?? this.#older.get(key);
      if (window === undefined || window.resetsAt <= now) continue;
      sent.push({ key, window, amount: window.unsent });
      window.known += window.unsent;
      window.unsent = 0;
    }
    return sent;
  }

  /** Never rejects. */
  async #exchange(): Promise<void> {
    const sent = this.#takeUnsent();
    if (sent.length > 0) await this.#send(sent);
    this.#timer = null;
    if (this.#unsent.size > 0) this.#timer = setTimeout(() => void this.#exchange(), exchangeEveryMilliseconds).unref();
  }

  async #send(sent: readonly Sent[]): Promise<void> {
    try {
      const counted = await this.#counters.add(
        sent.map(({ key, amount, window }) => ({ key, amount, windowSeconds: window.limit.windowSeconds })),
      );
      counted.forEach(({ count, resetsInMilliseconds }, index) => {
        const window = sent[index]?.window;
        if (window === undefined) return;
        window.known = count;
        window.resetsAt = this.#now() + resetsInMilliseconds;
      });
      this.#alone = false;
    } catch (error) {
      if (!this.#alone) this.#logger.warn({ err: error }, 'requests are counted by this process alone, to half of the limit');
      this.#alone = true;
    }
  }
}
