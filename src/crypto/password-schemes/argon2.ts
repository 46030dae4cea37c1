/** Argon2id and Argon2i, version 1.3 (RFC 9106), in the PHC string format: our own hashes, and those of others. */
import { createRequire } from 'node:module';
import { excessive, malformed, type PasswordScheme } from './scheme.js';

export interface Argon2Parameters {
  readonly memoryKib: number;
  readonly iterations: number;
  readonly parallelism: number;
}

/** Loaded where it is used: by the threads that hash, and never by the main thread. */
const require = createRequire(import.meta.url);
const library = (): typeof import('@node-rs/argon2') => require('@node-rs/argon2') as typeof import('@node-rs/argon2');

export const saltBytes = 16;
export const tagBytes = 32;

const greatest: Argon2Parameters = { memoryKib: 256 * 1024, iterations: 64, parallelism: 16 };
/** Memory times passes: as four passes over all of the memory. */
const greatestWork = 4 * greatest.memoryKib;

const format =
  /^\$argon2(?:id|i)\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

export const argon2: PasswordScheme = {
  name: 'Argon2',
  recognizes: (hash) => /^\$argon2(?:id|i)\$v=19\$/.test(hash),
  problem(hash) {
    const stored = parse(hash);
    return stored === null ? malformed('Argon2') : excessive('Argon2', excessOf(stored));
  },
  costOf: (hash) => hash.split('$', 4).join('$'),
  verify: (hash, password) => library().verifySync(hash, password),
};

/** Holds up the thread that calls it. */
export function argon2Hash(password: string, { memoryKib, iterations, parallelism }: Argon2Parameters): string {
  return library().hashSync(password, { memoryCost: memoryKib, timeCost: iterations, parallelism, outputLen: tagBytes });
}

function excessOf({ memoryKib, iterations, parallelism }: Argon2Parameters): string | null {
  if (memoryKib > greatest.memoryKib) return `with m=${memoryKib}, and at most m=${greatest.memoryKib} is taken`;
  if (iterations > greatest.iterations) return `with t=${iterations}, and at most t=${greatest.iterations} is taken`;
  if (parallelism > greatest.parallelism) return `with p=${parallelism}, and at most p=${greatest.parallelism} is taken`;
  if (memoryKib * iterations > greatestWork) return `with m=${memoryKib} and t=${iterations}, whose product may be at most ${greatestWork}`;
  return null;
}

/** Whether a hash of this kind holds less work than ours would. */
export function isWeakerThan(hash: string, ours: Argon2Parameters): boolean {
  const stored = parse(hash);
  if (stored === null || stored.saltBytes < saltBytes || stored.tagBytes < tagBytes || !hash.startsWith('$argon2id$')) return true;
  // Memory can be traded for passes, so that only their product tells which is the stronger.
  return stored.memoryKib * stored.iterations < ours.memoryKib * ours.iterations;
}

function parse(hash: string): (Argon2Parameters & { readonly saltBytes: number; readonly tagBytes: number }) | null {
  const parts = format.exec(hash);
  if (parts === null) return null;
  const [, memoryKib, iterations, parallelism, salt = '', tag = ''] = parts;
  // RFC 9106 section 3.1 wants so much memory; and each text must be the one encoding of its bytes, or the library refuses it.
  if (Number(memoryKib) < 8 * Number(parallelism) || !isBase64(salt) || !isBase64(tag)) return null;
  return {
    memoryKib: Number(memoryKib),
    iterations: Number(iterations),
    parallelism: Number(parallelism),
    saltBytes: Math.floor((salt.length * 3) / 4),
    tagBytes: Math.floor((tag.length * 3) / 4),
  };
}

/** Without padding. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64').replace(/=+$/, '') === text;
}
