/** When the places of attempts that did not fail are given back; who is refused is told in test/journeys/limits.test.ts. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuthError } from '../errors.js';
import type { Counted, CounterStore, Counting } from '../model/limits.js';
import { AttemptLimiter } from './attempt-limiter.js';

/** In memory; keeps each errand, as `key: amount`. */
class CountersInHand implements CounterStore {
  readonly counts: Map<string, number> = new Map();
  readonly errands: string[][] = [];

  async add(countings: readonly Counting[]): Promise<readonly Counted[]> {
    this.errands.push(countings.map(({ key, amount }) => `${key}: ${amount}`));
    return countings.map(({ key, amount, most = Infinity }) => {
      const before = this.counts.get(key) ?? 0;
      const added = before + amount <= most;
      const count = added ? Math.max(0, before + amount) : before;
      this.counts.set(key, count);
      return { added, count, resetsInMilliseconds: 30_000 };
    });
  }
}

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
let counters: CountersInHand;
let limiter: AttemptLimiter;
const succeed = async (key: string): Promise<void> => limiter.run(key, () => Promise.resolve(), vi.fn());
const fail = async (key: string): Promise<void> => limiter.run(key, () => Promise.reject(new AuthError('invalid_credentials')), vi.fn());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  counters = new CountersInHand();
  limiter = new AttemptLimiter({ counters, limit: { count: 2, windowSeconds: 60 }, logger });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the place of an attempt that did not fail', () => {
  it('is given back together with the next attempt, whosever that is, and before it', async () => {
    await succeed('ada');
    await succeed('ada');
    await succeed('bob');
    expect(counters.errands).toEqual([['login ada: 1'], ['login ada: -1'], ['login ada: 1'], ['login ada: -1'], ['login bob: 1']]);
  });

  it('is given back within a moment when no other attempt comes, together with those of the same moment', async () => {
    await Promise.all([succeed('ada'), succeed('ada'), succeed('bob')]);
    expect(counters.errands.slice(3)).toEqual([]);
    vi.advanceTimersByTime(25);
    expect(counters.errands.slice(3)).toEqual([['login ada: -2', 'login bob: -1']]);
    vi.advanceTimersByTime(1000);
    expect(counters.errands).toHaveLength(4);
  });

  it('is given back at once when the store is about to be closed', async () => {
    await succeed('ada');
    limiter.settle();
    expect(counters.counts.get('login ada')).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(counters.errands).toHaveLength(2);
  });

  it('is there for the next one, also where there is but one', async () => {
    await fail('ada').catch(() => undefined);
    for (let time = 0; time < 5; time += 1) await succeed('ada');
    await expect(fail('ada')).rejects.toMatchObject({ code: 'invalid_credentials' });
    expect(counters.counts.get('login ada')).toBe(2);
  });
});
