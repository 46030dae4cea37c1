import { expect, test } from 'vitest';
import { Propagation } from './propagation.js';

function after(...times: readonly number[]): ReturnType<Propagation['figures']> {
  const propagation = new Propagation();
  for (const time of times) propagation.record(time);
  return propagation.figures();
}

test('before the first there is nothing to estimate', () => {
  expect(after()).toMatchObject({ count: 0, sumMilliseconds: 0, maxMilliseconds: 0, p50Milliseconds: null, p99Milliseconds: null });
});

test('buckets are cumulative, and the last holds all', () => {
  const { count, sumMilliseconds, maxMilliseconds, buckets } = after(1, 2, 3, 60_000);
  expect([count, sumMilliseconds, maxMilliseconds]).toEqual([4, 60_006, 60_000]);
  expect([buckets[0], buckets[1], buckets.at(-2), buckets.at(-1)]).toEqual([
    { upTo: 2, count: 2 },
    { upTo: 5, count: 3 },
    { upTo: 10_000, count: 3 },
    { upTo: Infinity, count: 4 },
  ]);
});

test('a clock that went back counts as no time', () => {
  expect(after(-5)).toMatchObject({ count: 1, sumMilliseconds: 0, maxMilliseconds: 0, p99Milliseconds: 0 });
});

test('quantiles lie in the bucket of the true ones, and never above the longest', () => {
  const figures = after(...Array.from({ length: 100 }, (_, index) => index + 1));
  expect(figures.p50Milliseconds).toBeCloseTo(50);
  expect(figures.p99Milliseconds).toBeGreaterThan(75);
  expect(figures.p99Milliseconds).toBeLessThanOrEqual(100);
  expect(after(3).p99Milliseconds).toBeLessThanOrEqual(3);
  expect(after(20_000, 30_000).p99Milliseconds).toBeLessThanOrEqual(30_000);
});
