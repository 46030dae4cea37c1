/** Maps fingerprints to the greatest number that was raised for each, in typed arrays alone: 12 bytes a slot, 20 where numbers beyond 1 occur. */
import type { Fingerprint } from './fingerprint.js';

const smallestCapacity = 16;
const greatestLoad = 0.6;

/** Open addressing with linear probing. Nothing leaves before its expiry, and afterwards only by `prune`. */
export class FingerprintTable {
  #capacity: number = smallestCapacity;
  #size = 0;
  /** Low and high half side by side, so that a look-up touches one cache line; a low half of 0 is a free slot. */
  #keys: Int32Array = new Int32Array(2 * smallestCapacity);
  /** In seconds, rounded up: half the memory, and never early. */
  #expiries: Uint32Array = new Uint32Array(smallestCapacity);
  /** Absent while every value is 1, as in a table that is only a set. */
  #values: Float64Array | null = null;

  get size(): number {
    return this.#size;
  }

  /** Memory held, in bytes. */
  get bytes(): number {
    return this.#keys.byteLength + this.#expiries.byteLength + (this.#values?.byteLength ?? 0);
  }

  /** The value of a fingerprint; 0 when there is none. */
  get(high: number, low: number): number {
    if (this.#size === 0) return 0;
    const slot = this.#slotOf(high, low);
    if (this.#keys[2 * slot] === 0) return 0;
    return this.#values === null ? 1 : (this.#values[slot] ?? 0);
  }

  /**
   * Keeps the greatest value (a positive integer up to 2^53) and the latest expiry (milliseconds since 1970) that were raised. Whether it was
   * absent or its value smaller.
   */
  raise(fingerprint: Fingerprint, value: number, expiresAt: number): boolean {
    if (!(value >= 1) || fingerprint.low === 0) throw new RangeError('a value below 1, or a fingerprint without its low half');
    if (value > 1) this.#values ??= new Float64Array(this.#capacity).fill(1);
    let slot = this.#slotOf(fingerprint.high, fingerprint.low);
    const before = this.get(fingerprint.high, fingerprint.low);
    if (before === 0) {
      if (this.#size + 1 > this.#capacity * greatestLoad) {
        this.#rebuild(this.#capacity * 2, 0);
        slot = this.#slotOf(fingerprint.high, fingerprint.low);
      }
      this.#insert(slot, fingerprint.high, fingerprint.low);
    }
    this.#expiries[slot] = Math.max(this.#expiries[slot] ?? 0, toSeconds(expiresAt));
    if (this.#values !== null) this.#values[slot] = Math.max(before, value);
    return value > before;
  }

  /**
   * Drops what has expired, and gives memory back. Waits until that is a quarter of the table, so that the work, one pass over all slots,
   * stays constant per entry.
   */
  prune(now: number): void {
    const nowSeconds = Math.floor(now / 1000);
    const expired = countExpired(this.#expiries, nowSeconds);
    if (expired === 0 || expired * 4 < this.#size) return;
    let capacity = smallestCapacity;
    while ((this.#size - expired) / capacity > greatestLoad) capacity *= 2;
    this.#rebuild(capacity, nowSeconds);
  }

  /** Where the fingerprint is, or the free slot where it would be. */
  #slotOf(high: number, low: number): number {
    const keys = this.#keys;
    const mask = this.#capacity - 1;
    let slot = high & mask;
    for (;;) {
      const found = keys[2 * slot];
      if (found === 0 || (found === low && keys[2 * slot + 1] === high)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #insert(slot: number, high: number, low: number): void {
    this.#keys[2 * slot] = low;
    this.#keys[2 * slot + 1] = high;
    this.#size += 1;
  }

  /** Moves what expires after `nowSeconds` into arrays of another capacity. */
  #rebuild(capacity: number, nowSeconds: number): void {
    const [keys, expiries, values] = [this.#keys, this.#expiries, this.#values];
    this.#capacity = capacity;
    this.#size = 0;
    this.#keys = new Int32Array(2 * capacity);
    this.#expiries = new Uint32Array(capacity);
    this.#values = values === null ? null : new Float64Array(capacity);
    for (let old = 0; old < expiries.length; old += 1) {
      const expiry = expiries[old] ?? 0;
      if (expiry <= nowSeconds) continue;
      const low = keys[2 * old] ?? 0;
      const high = keys[2 * old + 1] ?? 0;
      const slot = this.#slotOf(high, low);
      this.#insert(slot, high, low);
      this.#expiries[slot] = expiry;
      if (values !== null && this.#values !== null) this.#values[slot] = values[old] ?? 0;
    }
  }
}

/** One comparison a slot, nearly always false: a free one, 0, wraps round to the greatest. Asking for it apart takes four times as long. */
function countExpired(expiries: Uint32Array, nowSeconds: number): number {
  let expired = 0;
  for (let slot = 0; slot < expiries.length; slot += 1) if (((expiries[slot] ?? 0) - 1) >>> 0 < nowSeconds) expired += 1;
  return expired;
}

/** At least 1, for 0 is a free slot, and at most what 32 bits hold. */
function toSeconds(milliseconds: number): number {
  return Math.min(Math.max(Math.ceil(milliseconds / 1000), 1), 0xffff_ffff);
}
