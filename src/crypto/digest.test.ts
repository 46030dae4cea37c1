import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacSha256, sha256 } from './digest.js';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

describe('HMAC-SHA-256', () => {
  it.each([
    ['1', '0b'.repeat(20), bytes('4869205468657265'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    ['2', '4a656665', 'what do ya want for nothing?', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    ['3', 'aa'.repeat(20), bytes('dd'.repeat(50)), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    [
      '4',
      '0102030405060708090a0b0c0d0e0f10111213141516171819',
      bytes('cd'.repeat(50)),
      '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
    ],
    [
      '6, a key longer than a block',
      'aa'.repeat(131),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ])('is that of test case %s of RFC 4231', (_, key, data, expected) => {
    expect(hmacSha256(createSecretKey(bytes(key)), data).toString('hex')).toBe(expected);
  });

  it('is that of OpenSSL for any key and message, whatever the same key signed before', () => {
    const ring = Array.from({ length: 4 }, (_, index) => createSecretKey(Buffer.alloc(16 * (index + 1), index + 1)));
    const message = fc.oneof(fc.uint8Array({ maxLength: 1100 }), fc.string({ maxLength: 1100, unit: 'grapheme' }));
    fc.assert(
      fc.property(fc.nat(3), message, (index, data) => {
        const key = ring[index]!;
        const expected = createHmac('sha256', key).update(data).digest('hex');
        expect(hmacSha256(key, data).toString('hex')).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives bytes of their own each time', () => {
    const key = createSecretKey(Buffer.alloc(32, 7));
    const first = hmacSha256(key, 'one');
    const before = first.toString('hex');
    hmacSha256(key, 'two');
    expect(first.toString('hex')).toBe(before);
  });
});

describe('SHA-256', () => {
  it('is that of FIPS 180-2, in a buffer that shares its memory with nothing', () => {
    const digest = sha256(Buffer.from('abc'));
    expect(digest.toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(digest.buffer.byteLength).toBe(32);
  });
});
