/**
 * Turns passwords into Argon2id hashes (RFC 9106) and verifies them and those of other systems, on threads of their own and never more at once
 * than keeps those busy. An unknown user, a damaged hash and a wrong password all cost one hash, and are answered in the same time.
 */
import { randomBytes } from 'node:crypto';
import { FailureFloor } from './failure-floor.js';
import type { HashingOutcome, HashingTask } from './hashing-task.js';
import { hashingPlaces, runHashing } from './hashing-threads.js';
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
  /** How many are handed over at once. Default: as many as keep the threads busy. */
  readonly concurrency?: number;
  /** How many may wait for their turn. Default 200. */
  readonly maxQueued?: number;
  /** Told that a stored hash is damaged or forged, which denies its user; never holds the hash. */
  readonly onBadHash?: (reason: BadHashReason) => void;
  /** Where the work is done. Default: on our threads. */
  readonly perform?: (task: HashingTask) => Promise<HashingOutcome>;
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
  readonly #perform: (task: HashingTask) => Promise<HashingOutcome>;
  readonly #floor = new FailureFloor();
  /** Well-formed, of our parameters, and of no password. */
  readonly #decoy: string;

  constructor({ memoryKib = 19456, iterations = 2, parallelism = 1, ...options }: PasswordHasherOptions) {
    this.#parameters = { memoryKib, iterations, parallelism };
    this.#queue = new BoundedQueue(options.concurrency ?? hashingPlaces, options.maxQueued ?? 200);
    this.#perform = options.perform ?? runHashing;
    this.#onBadHash = options.onBadHash ?? ((): void => {});
    this.#decoy = `$argon2id$v=19$m=${memoryKib},t=${iterations},p=${parallelism}$${randomBase64(saltBytes)}$${randomBase64(tagBytes)}`;
  }

  async hash(password: string): Promise<string> {
    if (!isHashable(password)) throw new TypeError('a password to be hashed must be well-formed text, and not empty');
    const { value } = await this.#queue.run(() => this.#perform({ password, parameters: this.#parameters }));
    if (typeof value !== 'string') throw new Error('The password could not be hashed.');
    return value;
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
    const { value, milliseconds } = await this.#perform({ hash, password });
    if (value === null) {
      // Stray bits after the last byte, or less memory than the lanes take.
      this.#onBadHash('malformed');
      return this.#verifyDecoy(password);
    }
    this.#floor.record(scheme.costOf(hash), scheme !== argon2, milliseconds);
    return value === true;
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
    await this.#perform({ hash: this.#decoy, password });
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
