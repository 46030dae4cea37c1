import { describe, expect, it } from 'vitest';
import { createSystemRandom } from './random.js';

describe('the system`s randomness', () => {
  it('has the size that was asked for, whatever is left of the stock', () => {
    const random = createSystemRandom();
    const sizes = Array.from({ length: 2000 }, (_, index) => index % 70);
    expect(sizes.map((size) => random(size).byteLength)).toEqual(sizes);
  });

  it('gives no bytes twice, also across the end of a stock', () => {
    const random = createSystemRandom();
    const given = Array.from({ length: 3000 }, () => random(12).toString('hex'));
    expect(new Set(given).size).toBe(given.length);
  });

  it('gives bytes that are the asker`s own: writing to them changes no others', () => {
    const random = createSystemRandom();
    const first = random(16);
    const second = random(16);
    const before = second.toString('hex');
    first.fill(0);
    expect(second.toString('hex')).toBe(before);
    expect(first.every((byte) => byte === 0)).toBe(true);
  });

  it('never gives what it has wiped: no byte stays zero everywhere', () => {
    const random = createSystemRandom();
    const seen = Buffer.alloc(16);
    for (let count = 0; count < 1000; count++) random(16).forEach((byte, at) => (seen[at] = (seen[at] ?? 0) | byte));
    expect([...seen]).toEqual(Array<number>(16).fill(0xff));
  });
});
