/** Measures variants of one thing in turns, so that a noisy machine is noisy for all of them, and prints medians and spread. */

/**
 * `variants`: name -> function of `count` that does the work that often (may be asynchronous).
 * @returns {Promise<Record<string, { median: number, low: number, high: number }>>} nanoseconds each
 */
export async function interleave(variants, { count, rounds = 15 }) {
  const samples = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = -2; round < rounds; round++) {
    for (const [name, work] of Object.entries(variants)) {
      const start = process.hrtime.bigint();
      await work(count);
      const each = Number(process.hrtime.bigint() - start) / count;
      // The first rounds warm up.
      if (round >= 0) samples[name].push(each);
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, spread(values)]));
}

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], low: sorted[0], high: sorted.at(-1) };
}

export function printTable(title, rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  console.log(title);
  for (const row of rows) console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`);
  console.log();
}

export const micros = (nanoseconds) => `${(nanoseconds / 1000).toFixed(2)} µs`;
