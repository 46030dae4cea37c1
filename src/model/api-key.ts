/** The port of API keys: what every store promises about the credentials of programs. The rules of `store.ts` hold: atomic, durable, by the store's clock. */
import type { UserRecord } from './store.js';

export interface ApiKeyRecord {
  /** Plays the part of a session's id: in principals, in access tokens made from the key, in revocation rows. */
  readonly id: string;
  /** Who acts when it is used. */
  readonly userId: string;
  readonly name: string;
  /** All that it may do, as far as its owner may. */
  readonly scopes: readonly string[];
  /** SHA-256 of the secret part, 32 bytes. */
  readonly secretDigest: Uint8Array;
  /** When that secret was presented first; null: nobody has used it yet. */
  readonly secretUsedAt: number | null;
  /** Of the secret before, accepted beside it until `previousUntil`. */
  readonly previousDigest: Uint8Array | null;
  readonly previousUntil: number | null;
  readonly createdAt: number;
  readonly rotatedAt: number | null;
  /** Null: never. */
  readonly expiresAt: number | null;
  /** To the minute. */
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
}

/** A key with the live row of its owner; `user` is null when he is gone. */
export interface ApiKeyAndUser {
  readonly key: ApiKeyRecord;
  readonly user: UserRecord | null;
  /** Whether the owner has a password: he is a person then, and no service account. */
  readonly hasPassword: boolean;
  /** When this was read, by the store's clock. */
  readonly now: number;
}

export interface NewApiKeyRecord {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly secretDigest: Uint8Array;
  /** How long each secret of the key is good; null: for ever. */
  readonly lifetimeSeconds: number | null;
}

/** The use of a key is written down at most once in this time. */
export const recordUseEverySeconds = 60;
/** How long a key that is revoked or expired is kept, so that its owner still finds it in his list. */
export const keptAfterEndSeconds: number = 30 * 86_400;

/** The place of the last key of a page. */
export interface ApiKeyCursor {
  readonly createdAt: number;
  readonly id: string;
}

export interface ApiKeyStore {
  /**
   * `no_owner`: there is no such user, he is disabled, or his epoch is no longer `epoch` (null: whatever it is). `too_many`: he has `maxKeys`
   * that are good. Nothing was written then, also when many are created at once.
   */
  create(input: {
    readonly key: NewApiKeyRecord;
    readonly epoch: number | null;
    readonly maxKeys: number;
  }): Promise<{ readonly outcome: 'created'; readonly key: ApiKeyRecord } | { readonly outcome: 'no_owner' | 'too_many' }>;
  /** In whatever state it is. */
  find(id: string): Promise<ApiKeyAndUser | null>;
  /** Newest first, in whatever state they are; `userId` null: of all users. */
  list(page: { readonly userId: string | null; readonly limit: number; readonly after: ApiKeyCursor | null }): Promise<{
    readonly items: readonly ApiKeyRecord[];
    readonly next: ApiKeyCursor | null;
  }>;
  /**
   * A new secret with a lifetime of its own, as long as the last one's; the old one is accepted for `overlapSeconds`, but not beyond its own
   * expiry. A secret that was never used, while the one before it is still accepted, is only replaced: the one before keeps its time, or
   * `overlapSeconds` if that is shorter. Only while `fromDigest` is still the digest, the key is good and its owner enabled. Null: nothing was
   * written.
   */
  rotate(input: {
    readonly id: string;
    readonly fromDigest: Uint8Array;
    readonly toDigest: Uint8Array;
    readonly overlapSeconds: number;
  }): Promise<ApiKeyRecord | null>;
  /** Ends a key for good and writes its revocation row, of kind `session`; whose it was. Null: there is none that was not revoked. */
  revoke(id: string, onlyOf?: { readonly userId: string }): Promise<string | null>;
  /**
   * Writes down that it is used now with this secret, unless that was done within `recordUseEverySeconds`; the first use of its current secret
   * always. False: nothing was written.
   */
  recordUse(id: string, secretDigest: Uint8Array): Promise<boolean>;
}
