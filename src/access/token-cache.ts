/** Bounded cache of verified tokens: keyed by the end of the signature, a hit only if the whole token is identical. Never consulted instead of the revocation index. */

export interface CachedToken {
  readonly token: string;
}

/** Two generations of at most `capacity` entries: what was used since the last turn survives the next, without a list to keep in order. */
export class TokenCache<Entry extends CachedToken> {
  readonly #capacity: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(token: string): Entry | undefined {
    const key = endOfSignature(token);
    const young = this.#young.get(key);
    if (young !== undefined) return young.token === token ? young : undefined;
    const old = this.#old.get(key);
    if (old?.token !== token) return undefined;
    this.#insert(flat(key), old);
    return old;
  }

  /** `entry.token` must be a `flat` string. */
  set(entry: Entry): void {
    this.#insert(flat(endOfSignature(entry.token)), entry);
  }

  delete(entry: Entry): void {
    const key = endOfSignature(entry.token);
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #insert(key: string, entry: Entry): void {
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, entry);
  }
}

/** 96 bits of a signature: enough to tell genuine tokens apart, and hashed in a fraction of the time that all of it takes. */
function endOfSignature(token: string): string {
  return token.slice(-16);
}

/** A copy that shares no memory with the header it was cut from, which would otherwise live as long as the cache entry. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
