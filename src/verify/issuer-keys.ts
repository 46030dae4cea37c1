/** The issuer's keys as a verifier knows them: from the published key set, kept current, and from the feed, which is told of new ones first. */
import { setTimeout as pause } from 'node:timers/promises';
import { PendingError } from '../access/pending-error.js';
import { systemRandom } from '../crypto/random.js';
import { AuthError } from '../errors.js';
import type { Logger } from '../model/app-types.js';
import type { RingKey, VerifyingRing } from '../tokens/key-ring.js';
import { isHeaderOfSomeKey, readKeySet } from '../tokens/key-set.js';
import { fetchDocument } from './fetch-document.js';

export interface IssuerKeysOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Ends it. */
  readonly closed: AbortSignal;
}

/** Whatever the issuer says of its lifetime, the key set is not fetched more often, nor less. */
const shortestSeconds = 60;
const longestSeconds = 3600;
const lifetimeSeconds = 300;
const retrySeconds = 15;
/** A key that is not known makes the key set be fetched again, and strangers can make up any number of them: not more often than this. */
const askEveryMilliseconds = 10_000;
const askMilliseconds = 2000;
const mostGone = 64;

type Source = 'published' | 'told';

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #keys: Record<Source, ReadonlyMap<string, RingKey>> = { published: new Map(), told: new Map() };
  /** Known once. The issuer is through with them, so their tokens are over: that is told from a token that was never good. */
  readonly #gone: Map<string, RingKey> = new Map();
  readonly #texts: Record<Source, string> = { published: '', told: '' };
  #ring: VerifyingRing;
  #version = 0;
  #asking: Promise<boolean> | null = null;
  #askedAt = -Infinity;
  /** What the key set was asked for last, and does not have. */
  #lacking: string | null = null;
  #isTold = (): boolean => false;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    this.#ring = this.#newRing();
    options.closed.addEventListener('abort', () => {
      clearTimeout(this.#timer);
    });
  }

  current(): VerifyingRing {
    return this.#ring;
  }

  /** Fetches the key set, and from then on again before it is over. Rejects when it cannot be read; what was known stays. */
  async load(): Promise<void> {
    const { url, closed } = this.#options;
    const { document, maxAgeSeconds } = await fetchDocument(url, closed);
    const { keys } = document;
    if (!Array.isArray(keys)) throw new Error(`${url} is no key set`);
    this.#replace('published', keys);
    this.#isFailing = false;
    this.#loadAgainIn(Math.min(Math.max(maxAgeSeconds ?? lifetimeSeconds, shortestSeconds), longestSeconds) * 0.8);
  }

  /** What the feed says: it comes from the issuer itself and out of no cache. */
  tell(keys: readonly unknown[]): void {
    this.#replace('told', keys);
  }

  /** While this is so, whatever was not told is no key. */
  believeToldWhile(isTold: () => boolean): void {
    this.#isTold = isTold;
  }

  /** Something else has changed by which tokens were judged. */
  forgetVerified(): void {
    this.#version += 1;
    this.#ring = this.#newRing();
  }

  #newRing(): VerifyingRing {
    return { version: String(this.#version), byHeader: { get: (header) => this.#find(header) } };
  }

  /** @throws {PendingError} for a key that may have been published meanwhile. @throws {AuthError} `too_many_attempts` if that cannot be asked yet. */
  #find(header: string): RingKey | undefined {
    const known = this.#keys.told.get(header) ?? this.#keys.published.get(header) ?? this.#gone.get(header);
    if (known !== undefined || !isHeaderOfSomeKey(header)) return known;
    const leftMilliseconds = this.#askedAt + askEveryMilliseconds - performance.now();
    if (this.#asking === null && leftMilliseconds > 0) {
      this.#requireDecided(header, leftMilliseconds);
      return undefined;
    }
    const asked = this.#ask(header);
    throw new PendingError('token_invalid', () => asked);
  }

  /**
   * A stranger may have used up what is asked for genuine keys: whoever brings one shall come again, and not take his token for invalid. Not a
   * 503, by which anybody could make this service seem ill.
   */
  #requireDecided(header: string, milliseconds: number): void {
    if (header === this.#lacking || this.#isTold()) return;
    throw new AuthError('too_many_attempts', { reason: 'unknown signing keys', retryAfterSeconds: Math.ceil(milliseconds / 1000) });
  }

  /** Until the key set was read, or not in time; shared by all who ask meanwhile. */
  #ask(header: string): Promise<boolean> {
    if (this.#asking !== null) return this.#asking;
    this.#askedAt = performance.now();
    this.#lacking = null;
    const loaded = this.load().then(
      () => header,
      (error: unknown) => this.#report(error),
    );
    const waited = new AbortController();
    const bound = pause(askMilliseconds, null, { ref: false, signal: waited.signal }).catch(() => null);
    this.#asking = Promise.race([loaded, bound]).then((asked) => {
      waited.abort();
      this.#asking = null;
      this.#lacking = asked;
      return true;
    });
    return this.#asking;
  }

  #loadAgainIn(seconds: number): void {
    clearTimeout(this.#timer);
    if (this.#options.closed.aborted) return;
    // Not all services at once.
    const spread = 1 - (systemRandom(1)[0] ?? 0) / 1024;
    this.#timer = setTimeout(
      () => {
        this.load().catch((error: unknown) => this.#report(error));
      },
      seconds * spread * 1000,
    ).unref();
  }

  #report(error: unknown): null {
    if (!this.#isFailing && !this.#options.closed.aborted) {
      this.#options.logger.warn({ err: error }, 'the key set of the issuer cannot be read; known keys go on being accepted');
    }
    this.#isFailing = true;
    this.#loadAgainIn(retrySeconds);
    return null;
  }

  #replace(source: Source, keys: readonly unknown[]): void {
    const text = JSON.stringify(keys);
    if (text === this.#texts[source]) return;
    this.#texts[source] = text;
    for (const [header, key] of this.#keys[source]) this.#gone.set(header, { ...key, state: 'compromised' });
    this.#keys[source] = readKeySet(keys);
    for (const oldest of [...this.#gone.keys()].slice(0, -mostGone)) this.#gone.delete(oldest);
    this.forgetVerified();
  }
}
