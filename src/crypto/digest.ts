/** Digests, keyed digests and comparison in constant time. */
import { createHmac, hash, timingSafeEqual, type KeyObject } from 'node:crypto';

export function sha256(data: Uint8Array): Buffer {
  return hash('sha256', data, 'buffer');
}

/**
 * HMAC (RFC 2104) as two digests at once over blocks that are made once for each key: a third of what `createHmac` costs, which makes a stream
 * each time. See `docs/adr/0017-what-a-refresh-costs.md`.
 */
export function hmacSha256(key: KeyObject, data: Uint8Array | string): Buffer {
  const blocks = blocksOf(key);
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  if (blocks === null || bytes.byteLength > longestShortMessage) return createHmac('sha256', key).update(bytes).digest();
  const { inner, outer } = blocks;
  inner.set(bytes, blockBytes);
  const end = blockBytes + bytes.byteLength;
  outer.write(hash('sha256', inner.subarray(0, end), 'binary'), blockBytes, 'latin1');
  inner.fill(0, blockBytes, end);
  return Buffer.from(hash('sha256', outer, 'binary'), 'latin1');
}

/** The key in the first block of either digest; behind it there is room for what is digested. */
interface Blocks {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const blockBytes = 64;
const longestShortMessage = 1024;

const blocksByKey = new WeakMap<KeyObject, Blocks>();

/** Null for a key that would have to be digested first; none of ours is that long. */
function blocksOf(key: KeyObject): Blocks | null {
  const known = blocksByKey.get(key);
  if (known !== undefined) return known;
  const bytes = key.export();
  if (bytes.byteLength > blockBytes) return null;
  const blocks = { inner: Buffer.alloc(blockBytes + longestShortMessage), outer: Buffer.alloc(blockBytes + 32) };
  for (let at = 0; at < blockBytes; at++) {
    const byte = bytes[at] ?? 0;
    blocks.inner[at] = byte ^ 0x36;
    blocks.outer[at] = byte ^ 0x5c;
  }
  bytes.fill(0);
  blocksByKey.set(key, blocks);
  return blocks;
}

/** Equal bytes, in time that depends on the lengths only. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
