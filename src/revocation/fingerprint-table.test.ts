/** The table against a plain Map. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FingerprintTable } from './fingerprint-table.js';
import { createFingerprinter, type Fingerprint } from './fingerprint.js';

const fingerprint = createFingerprinter();
const valueOf = (table: FingerprintTable, { high, low }: Fingerprint) => table.get(high, low);

/** Few home slots, so that the table is made of collisions. */
const colliding = fc.record({ high: fc.constantFrom(0, 15, -1, 16), low: fc.constantFrom(1, 2, 3, -1, 0x7fffffff, -0x80000000) });

interface Entry {
  readonly key: Fingerprint;
  readonly value: number;
  /** Seconds. */
  readonly expiresAt: number;
}

interface Pair {
  readonly table: FingerprintTable;
  readonly model: Map<string, Entry>;
}

function raiseBoth({ table, model }: Pair, { key, value, expiresAt }: Entry): void {
  table.raise(key, value, expiresAt * 1000);
  const name = `${key.high}/${key.low}`;
  const known = model.get(name);
  model.set(name, { key, value: Math.max(value, known?.value ?? 0), expiresAt: Math.max(expiresAt, known?.expiresAt ?? 0) });
}

/** The table may keep what has expired, but may drop nothing else. */
function pruneBoth({ table, model }: Pair, now: number): void {
  table.prune(now * 1000);
  for (const [name, { key, expiresAt }] of model) if (expiresAt <= now && valueOf(table, key) === 0) model.delete(name);
}

describe('the table', () => {
  it('gives 0 for what was never raised, whether it is empty or not', () => {
    const table = new FingerprintTable();
    expect(valueOf(table, { high: 1, low: 1 })).toBe(0);
    table.raise({ high: 1, low: 1 }, 1, 1000);
    expect(valueOf(table, { high: 1, low: 2 })).toBe(0);
    expect(valueOf(table, { high: 2, low: 1 })).toBe(0);
  });

  it('keeps the greatest value and the latest expiry of each fingerprint, in whatever order they come, as a Map would', () => {
    const raise = fc.record({ key: colliding, value: fc.integer({ min: 1, max: 4 }), expiresAt: fc.integer({ min: 1, max: 9 }) });
    const prune = fc.record({ pruneAt: fc.integer({ min: 0, max: 10 }) });
    const steps = fc.array(fc.oneof({ weight: 9, arbitrary: raise }, { weight: 1, arbitrary: prune }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (operations) => {
        const pair = { table: new FingerprintTable(), model: new Map<string, Entry>() };
        for (const operation of operations) {
          if ('pruneAt' in operation) pruneBoth(pair, operation.pruneAt);
          else raiseBoth(pair, operation);
          expect(pair.table.size).toBe(pair.model.size);
          for (const { key, value } of pair.model.values()) expect(valueOf(pair.table, key)).toBe(value);
        }
      }),
    );
  });

  it('keeps values up to 2^53 exactly', () => {
    const table = new FingerprintTable();
    table.raise({ high: 0, low: 5 }, 1, 1000);
    table.raise({ high: 0, low: 7 }, Number.MAX_SAFE_INTEGER, 1000);
    expect(valueOf(table, { high: 0, low: 5 })).toBe(1);
    expect(valueOf(table, { high: 0, low: 7 })).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('finds everything again after growing many times', () => {
    const table = new FingerprintTable();
    for (let number = 1; number <= 20_000; number += 1) table.raise(fingerprint(`ses_${number}`), number, 1000);
    expect(table.size).toBe(20_000);
    for (let number = 1; number <= 20_000; number += 1) expect(valueOf(table, fingerprint(`ses_${number}`))).toBe(number);
  });

  it('never drops an entry before its expiry, to the millisecond', () => {
    const table = new FingerprintTable();
    table.raise({ high: 0, low: 1 }, 1, 1_700_000_000_123);
    table.prune(1_700_000_000_122);
    expect(table.size).toBe(1);
    table.prune(1_700_000_001_000);
    expect(table.size).toBe(0);
  });

  it('puts pruning off until a quarter of its entries have expired', () => {
    const table = new FingerprintTable();
    for (let number = 0; number < 100; number += 1) table.raise(fingerprint(`ses_${number}`), 1, number < 24 ? 1000 : 9000);
    table.prune(2000);
    expect(table.size).toBe(100);
    table.raise(fingerprint('ses_more'), 1, 1000);
    table.raise(fingerprint('ses_still more'), 1, 1000);
    table.prune(2000);
    expect(table.size).toBe(76);
  });

  it('gives memory back when it is pruned', () => {
    const table = new FingerprintTable();
    const before = table.bytes;
    for (let number = 0; number < 10_000; number += 1) table.raise(fingerprint(`ses_${number}`), 1, 1000);
    expect(table.bytes).toBeGreaterThan(before);
    table.prune(1000);
    expect(table).toMatchObject({ size: 0, bytes: before });
  });

  it('refuses a value that says nothing, and a fingerprint that would mark a free slot', () => {
    const table = new FingerprintTable();
    expect(() => table.raise({ high: 1, low: 1 }, 0, 1000)).toThrow(RangeError);
    expect(() => table.raise({ high: 1, low: 1 }, Number.NaN, 1000)).toThrow(RangeError);
    expect(() => table.raise({ high: 1, low: 0 }, 1, 1000)).toThrow(RangeError);
  });
});
