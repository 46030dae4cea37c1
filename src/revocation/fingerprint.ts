/** Reduces an id to 64 bits, so that an index of a million ids holds no string. */
import { systemRandom, type Random } from '../crypto/random.js';

/** 64 bits as two signed 32-bit halves, which V8 keeps unboxed. `low` is never 0: the table marks its free slots with it. */
export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

export type Fingerprinter = (text: string) => Fingerprint;

/**
 * A fast hash, not a cryptographic one. The seed is 64 random bits that never leave the process, so that nobody can prepare ids that collide;
 * fingerprints of two fingerprinters must not be mixed.
 */
export function createFingerprinter(random: Random = systemRandom): Fingerprinter {
  const seed = random(8);
  const highSeed = seed.readInt32LE(0);
  const lowSeed = seed.readInt32LE(4);
  return (text) => {
    let high = highSeed;
    let low = lowSeed;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      high = Math.imul(high ^ unit, 0x9e3779b1);
      low = Math.imul(low ^ unit, 0x85ebca77);
      // Without this the lower bits would depend on nothing but lower bits, whatever the seed.
      high ^= high >>> 15;
      low ^= low >>> 13;
    }
    high = mix(high ^ text.length);
    low = mix(low ^ high);
    return { high, low: low === 0 ? 1 : low };
  };
}

/** The finalizer of MurmurHash3: every bit of the input reaches every bit of the output. */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
