/** Holds every unexpired revocation in memory, so that a stateless token is checked against all of them without I/O. */
import { systemRandom, type Random } from '../crypto/random.js';
import type { Revocation } from '../model/store.js';
import { FingerprintTable } from './fingerprint-table.js';
import { createFingerprinter, type Fingerprint, type Fingerprinter } from './fingerprint.js';

/** What an access token says that a revocation can contradict. */
export interface RevocableToken {
  readonly sessionId: string;
  readonly userId: string;
  /** The user's `sessionEpoch` when the session was opened. */
  readonly epoch: number;
  /** The user's `authzVersion` when the token was signed. */
  readonly authzVersion: number;
}

/** The ids of a token as this index looks for them. Harmless, and of no use in another index. */
export interface TokenFingerprints {
  readonly session: Fingerprint;
  readonly user: Fingerprint;
}

/** `session_revoked`: the session has ended. `token_expired`: the rights have changed, a refresh brings the new ones. */
export type RevocationVerdict = 'session_revoked' | 'token_expired' | null;

export interface RevocationIndex {
  /** Entries held, expired ones included until they are pruned. */
  readonly size: number;
  /** Memory held by the entries, in bytes. */
  readonly bytes: number;
  /** Adds rows, in any order and as often as one likes: of each subject the greatest value and the latest expiry stay. Gives those that were new. */
  apply(rows: readonly Revocation[]): readonly Revocation[];
  /** Computed once for a cached token, so that `check` only probes. */
  fingerprintsOf(sessionId: string, userId: string): TokenFingerprints;
  /** Called on each request, also when the token was found in a cache. `fingerprints`: those of the token's ids, when at hand. */
  check(token: RevocableToken, fingerprints?: TokenFingerprints): RevocationVerdict;
  isKeyCompromised(kid: string): boolean;
  /** Drops expired entries; the tables put it off until it is worth a pass. */
  prune(now: number): void;
}

export function createRevocationIndex(random: Random = systemRandom): RevocationIndex {
  return new TableIndex(createFingerprinter(random));
}

class TableIndex implements RevocationIndex {
  readonly #fingerprint: Fingerprinter;
  readonly #sessions: FingerprintTable = new FingerprintTable();
  readonly #epochs: FingerprintTable = new FingerprintTable();
  readonly #authzVersions: FingerprintTable = new FingerprintTable();
  /** By name, for there are few, and a collision here would refuse every token of a good key. */
  readonly #keyExpiries: Map<string, number> = new Map();

  constructor(fingerprinter: Fingerprinter) {
    this.#fingerprint = fingerprinter;
  }

  get size(): number {
    return this.#sessions.size + this.#epochs.size + this.#authzVersions.size + this.#keyExpiries.size;
  }

  get bytes(): number {
    return this.#sessions.bytes + this.#epochs.bytes + this.#authzVersions.bytes;
  }

  apply(rows: readonly Revocation[]): readonly Revocation[] {
    return rows.filter((row) => this.#add(row));
  }

  #add({ kind, subject, value, expiresAt }: Revocation): boolean {
    if (kind === 'session') return this.#sessions.raise(this.#fingerprint(subject), 1, expiresAt);
    if (kind === 'key') {
      const known = this.#keyExpiries.get(subject);
      this.#keyExpiries.set(subject, Math.max(known ?? 0, expiresAt));
      return known === undefined;
    }
    // No token is below 0, so that a value of 0 concerns none.
    if (value < 1) return false;
    return (kind === 'epoch' ? this.#epochs : this.#authzVersions).raise(this.#fingerprint(subject), value, expiresAt);
  }

  fingerprintsOf(sessionId: string, userId: string): TokenFingerprints {
    return { session: this.#fingerprint(sessionId), user: this.#fingerprint(userId) };
  }

  check(token: RevocableToken, fingerprints?: TokenFingerprints): RevocationVerdict {
    if (this.#sessions.size + this.#epochs.size + this.#authzVersions.size === 0) return null;
    const { session, user } = fingerprints ?? this.fingerprintsOf(token.sessionId, token.userId);
    if (this.#sessions.get(session.high, session.low) !== 0) return 'session_revoked';
    // Negated, so that a token without a number is refused.
    if (!(token.epoch >= this.#epochs.get(user.high, user.low))) return 'session_revoked';
    if (!(token.authzVersion >= this.#authzVersions.get(user.high, user.low))) return 'token_expired';
    return null;
  }

  isKeyCompromised(kid: string): boolean {
    return this.#keyExpiries.has(kid);
  }

  prune(now: number): void {
    this.#sessions.prune(now);
    this.#epochs.prune(now);
    this.#authzVersions.prune(now);
    for (const [kid, expiresAt] of this.#keyExpiries) if (expiresAt <= now) this.#keyExpiries.delete(kid);
  }
}
