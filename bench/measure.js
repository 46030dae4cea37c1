/** Measures variants of one thing in turns, so that a noisy machine is noisy for all of them, and sums samples up as median and spread. */
import { setImmediate as breathe } from 'node:timers/promises';

/**
 * `variants`: name -> function of `count` that does the work that often (may be asynchronous).
 * @returns {Promise<Record<string, number[]>>} nanoseconds each, one sample a round
 */
export async function interleave(variants, { count, rounds }) {
  const samples = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = -2; round < rounds; round++) {
    for (const [name, work] of Object.entries(variants)) {
      // What a server does between two requests must not starve, such as learning of revocations.
      await breathe();
      const start = process.hrtime.bigint();
      await work(count);
      const each = Number(process.hrtime.bigint() - start) / count;
      // The first rounds warm up.
      if (round >= 0) samples[name].push(each);
    }
  }
  return samples;
}

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], low: sorted[0], high: sorted.at(-1) };
}

/** The value below which this share of them lies. Sorts the array in place, for there may be millions. */
export function quantile(values, share) {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))];
}

/**
 * A row of a figure.
 * @param {'limit' | 'ours' | 'peer'} role
 * @param {number[]} samples in the figure's unit, one a round
 * @param {Record<string, string>} [details] further columns
 */
export function rowOf(name, role, samples, details = {}) {
  return { name, role, ...spread(samples), details };
}

/** Two to three digits that count, whatever the size. */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(size >= 10 ? 1 : 2);
}
