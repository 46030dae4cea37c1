/** The one source of randomness, and of identifiers made from it. */
import { randomBytes, randomFillSync } from 'node:crypto';

/** Gives `size` unpredictable bytes. Passed in, so that tests can fix it. */
export type Random = (size: number) => Buffer;

export const systemRandom: Random = createSystemRandom();

/**
 * Drawn 4 kB at a time, since to ask the generator costs more than all else that making an identifier takes. Every byte is handed out once and
 * gone from the stock then. Of what is longer than a key nothing is kept in stock.
 */
export function createSystemRandom(): Random {
  const stock = Buffer.alloc(4096);
  let used = stock.length;
  return (size) => {
    if (size > 32) return randomBytes(size);
    if (used + size > stock.length) {
      randomFillSync(stock);
      used = 0;
    }
    const bytes = Buffer.from(stock.subarray(used, used + size));
    stock.fill(0, used, used + size);
    used += size;
    return bytes;
  };
}

/**
 * 16 bytes: 48 bits of time, 80 random bits. Not a secret. Time comes first so that rows made together lie together in the store's index.
 */
export function newIdBytes(random: Random, now: number): Buffer {
  const bytes = random(16);
  bytes.writeUIntBE(now, 0, 6);
  return bytes;
}

/**
 * An identifier that says what it names: `usr_…`, `ses_…`, `key_…` (an API key), `prf_…` (a one-time proof), `out_…` (in the outbox),
 * `rec_…` (a recovery code), `evt_…` (an event).
 */
export function formatId(prefix: 'usr' | 'ses' | 'key' | 'prf' | 'out' | 'rec' | 'evt', bytes: Buffer): string {
  return `${prefix}_${bytes.toString('base64url')}`;
}
