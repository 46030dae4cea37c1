/** How requests are counted between the exchanges of counts, and when those fail. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Counted, CounterStore, Counting } from '../model/limits.js';
import { RequestLimiter } from './request-limiter.js';

/** What all processes have counted, in memory; can be made to fail. */
class CountersInHand implements CounterStore {
  readonly counts: Map<string, number> = new Map();
  readonly sizes: number[] = [];
  failure: Error | null = null;

  async add(countings: readonly Counting[]): Promise<readonly Counted[]> {
    this.sizes.push(countings.length);
    if (this.failure !== null) throw this.failure;
    return countings.map(({ key, amount }) => {
      const count = (this.counts.get(key) ?? 0) + amount;
      this.counts.set(key, count);
      return { added: true, count, resetsInMilliseconds: 30_000 };
    });
  }
}

let counters: CountersInHand;
let limiter: RequestLimiter;
let now: number;
const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.clearAllMocks();
  now = 0;
  counters = new CountersInHand();
  const limit = { count: 10, windowSeconds: 60 };
  const limits = { api: limit, refresh: null, feed: { count: 50, windowSeconds: 300 } };
  limiter = new RequestLimiter({ counters, limits, logger, monotonicNow: () => now });
});
afterEach(() => {
  limiter.stop();
  vi.useRealTimers();
});

const take = (of = 'a') => limiter.take('api', of)!;
const takeTimes = (times: number, of?: string) =>
  Array.from({ length: times }, () => take(of).refused).filter((refused) => !refused).length;
const exchange = () => vi.advanceTimersByTimeAsync(250);

describe('a limit of requests', () => {
  it('holds at once in one process, each key for itself', () => {
    expect(takeTimes(15)).toBe(10);
    expect(takeTimes(15, 'b')).toBe(10);
    expect(take().state).toEqual({ name: 'api', limit: { count: 10, windowSeconds: 60 }, remaining: 0, resetSeconds: 60 });
  });

  it('is one of several, each with its own count and time', async () => {
    expect(takeTimes(15)).toBe(10);
    const feed = Array.from({ length: 60 }, () => limiter.take('feed', 'a')!);
    expect(feed.filter(({ refused }) => !refused)).toHaveLength(50);
    expect(feed.at(-1)!.state).toMatchObject({ name: 'feed', resetSeconds: 300 });
    expect(limiter.take('refresh', 'a')).toBeNull();
    await exchange();
    expect(Object.fromEntries(counters.counts)).toEqual({ 'api a': 10, 'feed a': 50 });
  });

  it('begins anew when its time has passed', () => {
    takeTimes(10);
    now = 59_999;
    expect(take().refused).toBe(true);
    now = 60_000;
    expect(takeTimes(15)).toBe(10);
  });

  it('counts what other processes counted, after the next exchange, and goes by their time', async () => {
    counters.counts.set('api a', 6);
    expect(takeTimes(3)).toBe(3);
    await exchange();
    expect(takeTimes(3)).toBe(1);
    expect(take().state.resetSeconds).toBe(30);
  });

  it('sends many keys together, what is counted meanwhile the next time, and nothing while nothing happens', async () => {
    for (let key = 0; key < 1500; key += 1) take(`key ${String(key)}`);
    await exchange();
    await exchange();
    await exchange();
    expect(counters.sizes).toEqual([1000, 500]);
    expect(new Set(counters.counts.values())).toEqual(new Set([1]));
  });

  it('is half while counts cannot be exchanged, and whole again when they can; nothing is counted twice', async () => {
    counters.failure = new Error('gone');
    takeTimes(3);
    await exchange();
    expect(takeTimes(10)).toBe(2);
    await exchange();
    expect(logger.warn).toHaveBeenCalledTimes(1);
    counters.failure = null;
    expect(takeTimes(3, 'b')).toBe(3);
    await exchange();
    expect(takeTimes(10)).toBe(5);
  });

  it('after an outage with a flood sends only what it still keeps, and nothing of what is over', async () => {
    counters.failure = new Error('gone');
    for (let key = 0; key < 1_000_000; key += 1) {
      take(`key ${String(key)}`);
      if (key % 100_000 === 0) await exchange();
    }
    counters.failure = null;
    counters.sizes.length = 0;
    for (let time = 0; time < 10; time += 1) await exchange();
    expect(counters.sizes).toEqual(Array.from({ length: 10 }, () => 1000));
    now = 60_000;
    take();
    await exchange();
    await exchange();
    expect(counters.sizes.slice(10)).toEqual([1]);
  });

  it('stands for whoever goes on asking while a million others come', () => {
    takeTimes(4);
    for (let key = 0; key < 1_000_000; key += 1) {
      take(`key ${String(key)}`);
      // Whoever goes on asking is not forgotten for it.
      if (key === 60_000) expect(takeTimes(10)).toBe(6);
    }
    expect(takeTimes(15, 'another')).toBe(10);
  });
});
