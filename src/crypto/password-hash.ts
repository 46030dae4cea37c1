/**
 * Turns passwords into Argon2id hashes (RFC 9106) and verifies them and those of other systems, on the thread pool and never more at once than
 * leaves it room for other work. An unknown user, a damaged hash and a wrong password all cost one hash, and are answered in the same time.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2';
import { FailureFloor } from './failure-floor.js';
import { argon2, isWeakerThan, saltBytes, tagBytes, type Argon2Parameters } from './password-schemes/argon2.js';
import type { BadHashReason, PasswordScheme } from './password-schemes/scheme.js';
import { schemeOf } from './read-password-hash.js';

export interface PasswordHasherOptions {
  /** Default 19456, which is 19 MiB. */
  readonly memoryKib?: number;
  /** Default 2. */
  readonly iterations?: number;
  /** Default 1. */
  readonly parallelism?: number;
  /** How many run at once. Default: one more than there are CPUs, but one less than the thread pool has threads; at least 1. */
  readonly concurrency?: number;
  /** How many may wait for their turn. Default 200. */
  readonly maxQueued?: number;
  /** Told that a stored hash is damaged or forged, which denies its user; never holds the hash. */
  readonly onBadHash?: (reason: BadHashReason) => void;
}

export interface PasswordHasher {
  /** In the PHC string format. @throws {PasswordHasherBusyError} @throws {TypeError} empty or ill-formed text. */
  hash(password: string): Promise<string>;
  /** `null`: there is no such user or he has no password; takes as long and gives false. @throws {PasswordHasherBusyError} */
  verify(hash: string | null, password: string): Promise<boolean>;
  /** Whether a hash that was just verified is of another scheme or holds less work than ours, and should be replaced. Never true for a stronger one of ours. */
  needsRehash(hash: string): boolean;
  /** Whether a hash is of another scheme than ours: it was made of the password as it had been typed. */
  isForeign(hash: string): boolean;
}

/** As many passwords are waiting as may. Answered as 503 `overloaded`. */
export class PasswordHasherBusyError extends Error {
  constructor() {
    super('too many passwords are waiting to be hashed');
    this.name = 'PasswordHasherBusyError';
  }
}

export function createPasswordHasher(options: PasswordHasherOptions = {}): PasswordHasher {
  return new QueuedHasher(options);
}

class QueuedHasher implements PasswordHasher {
  readonly #parameters: Argon2Parameters;
  readonly #queue: BoundedQueue;
  readonly #onBadHash: (reason: BadHashReason) => void;
  readonly #floor = new FailureFloor();
  /** Well-formed, of our parameters, and of no password. */
  readonly #decoy: string;

  constructor({ memoryKib = 19456, iterations = 2, parallelism = 1, ...options }: PasswordHasherOptions) {
    this.#parameters = { memoryKib, iterations, parallelism };
    this.#queue = new BoundedQueue(options.concurrency ?? defaultConcurrency(), options.maxQueued ?? 200);
    this.#onBadHash = options.onBadHash ?? ((): void => {});
    this.#decoy = `$argon2id$v=19$m=${memoryKib},t=${iterations},p=${parallelism}$${randomBase64(saltBytes)}$${randomBase64(tagBytes)}`;
  }

  async hash(password: string): Promise<string> {
    if (!isHashable(password)) throw new TypeError('a password to be hashed must be well-formed text, and not empty');
    const { memoryKib, iterations, parallelism } = this.#parameters;
    return this.#queue.run(() => argon2Hash(password, { memoryCost: memoryKib, timeCost: iterations, parallelism, outputLen: tagBytes }));
  }

  async verify(hash: string | null, password: string): Promise<boolean> {
    const scheme = hash === null ? undefined : this.#findScheme(hash);
    const [isRight, startedAt] = await this.#queue.run(async () => {
      const since = performance.now();
      return [await this.#check(scheme, hash, password), since] as const;
    });
    if (!isRight) await this.#floor.reach(startedAt);
    return isRight;
  }

  async #check(scheme: PasswordScheme | undefined, hash: string | null, password: string): Promise<boolean> {
    if (hash === null || scheme === undefined || !isHashable(password)) return this.#verifyDecoy(password);
    const startedAt = performance.now();
    try {
      const isRight = await scheme.verify(hash, password);
      this.#floor.record(scheme.costOf(hash), scheme !== argon2, performance.now() - startedAt);
      return isRight;
    } catch {
      // Stray bits after the last byte, or less memory than the lanes take. The error's text may quote the hash.
      this.#onBadHash('malformed');
      return this.#verifyDecoy(password);
    }
  }

  needsRehash(hash: string): boolean {
    return this.isForeign(hash) || isWeakerThan(hash, this.#parameters);
  }

  isForeign(hash: string): boolean {
    return schemeOf(hash) !== argon2;
  }

  /** Undefined, and reported, when the hash must not be verified. */
  #findScheme(hash: string): PasswordScheme | undefined {
    const scheme = schemeOf(hash);
    const problem = scheme === undefined ? 'unknown_scheme' : scheme.problem(hash)?.reason;
    if (problem === undefined) return scheme;
    this.#onBadHash(problem);
    return undefined;
  }

  async #verifyDecoy(password: string): Promise<false> {
    await argon2Verify(this.#decoy, password);
    return false;
  }
}

/** Runs tasks in the order in which they come, a few at a time. */
class BoundedQueue {
  readonly #concurrency: number;
  readonly #maxQueued: number;
  readonly #queued: (() => void)[] = [];
  #running = 0;

  constructor(concurrency: number, maxQueued: number) {
    this.#concurrency = concurrency;
    this.#maxQueued = maxQueued;
  }

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    await this.#turn();
    try {
      return await task();
    } finally {
      // The place is handed on rather than given back, so that nobody who comes now gets in before those who wait.
      const next = this.#queued.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#queued.length >= this.#maxQueued) throw new PasswordHasherBusyError();
    await new Promise<void>((resolve) => this.#queued.push(resolve));
  }
}

/** Encoding to UTF-8 makes U+FFFD of every lone surrogate, so that different passwords would have one hash. */
function isHashable(password: string): boolean {
  return password !== '' && password.isWellFormed();
}

/** Without padding, as the PHC string format has it. */
function randomBase64(bytes: number): string {
  return randomBytes(bytes).toString('base64').replaceAll('=', '');
}

/**
 * One thread of libuv's pool stays free, or file system, DNS and other cryptography would wait for passwords. One more than there are CPUs,
 * because a place stands empty from the end of one hash until the main thread has seen it and another thread has woken up for the next.
 */
function defaultConcurrency(): number {
  const configured = Number.parseInt(process.env['UV_THREADPOOL_SIZE'] ?? '', 10);
  const threads = configured > 0 ? configured : 4;
  const cpus = availableParallelism();
  // The only CPU is busy with the main thread meanwhile.
  const filling = cpus === 1 ? 1 : cpus + 1;
  return Math.max(1, Math.min(filling, threads - 1));
}
