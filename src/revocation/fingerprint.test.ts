/** Fingerprints: what the table relies on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFingerprinter } from './fingerprint.js';

const seeded = (high: number, low: number) => createFingerprinter(() => Buffer.from(new Int32Array([high, low]).buffer));

describe('a fingerprint', () => {
  it('is the same for the same text under the same seed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer(), fc.integer(), (text, high, low) => {
        expect(seeded(high, low)(text)).toEqual(seeded(high, low)(`${text}x`.slice(0, -1)));
      }),
    );
  });

  it('differs from process to process', () => {
    const [one, other] = [createFingerprinter(), createFingerprinter()];
    expect(one('ses_AAAAAAAAAAAAAAAAAAAAAA')).not.toEqual(other('ses_AAAAAAAAAAAAAAAAAAAAAA'));
  });

  it('consists of 32-bit integers, of which the low one is never 0', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer(), fc.integer(), (text, high, low) => {
        const fingerprint = seeded(high, low)(text);
        expect(fingerprint.high).toBe(fingerprint.high | 0);
        expect(fingerprint.low).toBe(fingerprint.low | 0);
        expect(fingerprint.low).not.toBe(0);
      }),
    );
  });

  it('is another for each of 200,000 ids that differ in a few characters only', () => {
    const fingerprint = createFingerprinter();
    const seen = new Set<string>();
    for (let number = 0; number < 100_000; number += 1) {
      for (const id of [`ses_${number.toString(36).padStart(22, 'A')}`, `ses_${number.toString(36).padEnd(22, 'A')}`]) {
        const { high, low } = fingerprint(id);
        seen.add(`${high}/${low}`);
      }
    }
    expect(seen.size).toBe(200_000);
  });

  it('spreads ids that count upwards evenly in both halves', () => {
    const fingerprint = createFingerprinter();
    const [high, low] = [new Uint32Array(256), new Uint32Array(256)];
    for (let number = 0; number < 256_000; number += 1) {
      const print = fingerprint(`usr_${number.toString().padStart(22, '0')}`);
      for (const [counts, half] of [[high, print.high] as const, [low, print.low] as const])
        counts[half & 255] = (counts[half & 255] ?? 0) + 1;
    }
    // 1000 in each on average, standard deviation 32.
    for (const count of [...high, ...low]) expect(Math.abs(count - 1000)).toBeLessThan(250);
  });

  it('flips about half of its bits when one character changes', () => {
    const fingerprint = createFingerprinter();
    let flipped = 0;
    for (let number = 0; number < 2000; number += 1) {
      const one = fingerprint(`ses_${number}A`);
      const other = fingerprint(`ses_${number}B`);
      flipped += bits(one.high ^ other.high) + bits(one.low ^ other.low);
    }
    expect(Math.abs(flipped / 2000 - 32)).toBeLessThan(2);
  });
});

function bits(word: number): number {
  return (word >>> 0).toString(2).replaceAll('0', '').length;
}
