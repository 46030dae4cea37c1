import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../crypto/digest.js';
import { formatId, systemRandom } from '../crypto/random.js';
import { apiKeyPattern, isApiKey, issueApiKey, parseApiKey } from './api-key.js';

const id = formatId('key', Buffer.alloc(16, 1));
const secret = Buffer.alloc(32, 2);
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A right checksum under whatever stands before it. */
function withChecksum(checked: string): string {
  let rest = crc32(checked);
  let text = '';
  for (; text.length < 6; rest = Math.floor(rest / 62)) text = digits.charAt(rest % 62) + text;
  return checked + text;
}

describe('an API key', () => {
  test('is written in one way for good: a key that was handed out must be read for as long as it lives', () => {
    expect(issueApiKey(id, secret)).toBe('csk_01qzvU8FL3OT5laAnLx9Pz3uCyO5EBao5wabWMVNHY8w9NRmM5QYJ3YD8C4sR9vlK1DOJjq');
  });

  test('names its id and the digest of its secret', () => {
    expect(parseApiKey(issueApiKey(id, secret))).toEqual({ id, secretDigest: sha256(secret) });
  });

  test('has one form and one length, whatever its bytes', () => {
    const contents = [0, 1, 255].map((byte) => ({ id: formatId('key', Buffer.alloc(16, byte)), secret: Buffer.alloc(32, byte) }));
    const random = Array.from({ length: 500 }, () => ({ id: formatId('key', systemRandom(16)), secret: systemRandom(32) }));
    for (const content of [...contents, ...random]) {
      const key = issueApiKey(content.id, content.secret);
      expect(key).toMatch(apiKeyPattern);
      expect(key).toHaveLength(75);
      expect(parseApiKey(key)).toEqual({ id: content.id, secretDigest: sha256(content.secret) });
    }
  });

  test('with any one character changed, removed, added or exchanged with its neighbour is none', () => {
    const key = issueApiKey(formatId('key', systemRandom(16)), systemRandom(32));
    for (let at = 0; at < key.length; at += 1) {
      const [before, here, after] = [key.slice(0, at), key.charAt(at), key.slice(at + 1)];
      const other = here === 'x' ? 'y' : 'x';
      for (const wrong of [before + other + after, before + after, before + here + here + after]) {
        expect(parseApiKey(wrong), wrong).toBeNull();
      }
      const exchanged = before + after.charAt(0) + here + after.slice(1);
      if (exchanged !== key) expect(parseApiKey(exchanged), exchanged).toBeNull();
    }
  });

  test('of a number that no content has is none, though its checksum is right', () => {
    expect(parseApiKey(withChecksum(`csk_${'0'.repeat(65)}`))).not.toBeNull();
    expect(parseApiKey(withChecksum(`csk_${'z'.repeat(65)}`))).toBeNull();
  });

  test('is nothing else, and in no other dress', () => {
    const key = issueApiKey(id, secret);
    for (const text of [
      '',
      'csk_',
      ` ${key}`,
      `${key} `,
      `${key}\n`,
      key.toUpperCase(),
      key.slice(4),
      `csr_${key.slice(4)}`,
      `${key}${key}`,
      `csk_${'é'.repeat(71)}`,
      withChecksum(`csk_${'-'.repeat(65)}`),
    ]) {
      expect(parseApiKey(text), text).toBeNull();
    }
  });

  test('is recognised by its prefix, however malformed, so that it is judged as a key alone', () => {
    expect([issueApiKey(id, secret), 'csk_', 'csk_nonsense'].map(isApiKey)).toEqual([true, true, true]);
    expect(['', 'csk', 'CSK_x', 'csr_x', 'e30.e30.x'].map(isApiKey)).toEqual([false, false, false, false, false]);
  });
});
