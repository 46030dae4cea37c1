/** One-time proofs: what a link or code in a mail stands for, and the port by which it is used once. */
import type { ProofPurpose } from '../crypto/master-secret.js';
import type { NewOutboxRecord } from './outbox.js';
import type { NewUserRecord, UserRecord } from './store.js';

export type { ProofPurpose };

/** Wrong codes that a proof survives; its link outlives them. */
export const codeTries = 5;

/** How long rows are kept after their time, so that late links are told from made-up ones, and reports are known. */
export const proofsKeptSeconds: number = 8 * 86_400;

/** By how much the row of a notice may be younger than what it tells of, in whose transaction it was written. */
export const noticeLagMilliseconds = 5000;

export interface NewProofRecord {
  readonly id: string;
  readonly purpose: ProofPurpose;
  /** Null: of nobody yet, as a registration is. */
  readonly userId: string | null;
  /** Whom older proofs of this purpose must be for to be void from now on; null: none of them is. */
  readonly subject: string | null;
  /** SHA-256 of the secret in the link, 32 bytes. */
  readonly secretDigest: Uint8Array;
  /** Keyed digest of the code; null: there is none. */
  readonly codeDigest: Uint8Array | null;
  /** The user's `sessionEpoch` that it is bound to; null: to none. Issued only while it is that. */
  readonly epoch: number | null;
  /** What it will bring about, sealed under the master secret. */
  readonly sealedContent: Uint8Array;
  readonly lifetimeSeconds: number;
  /** The instant that it stands for; null: now. One that somebody has disowned the account since is not issued. */
  readonly since: number | null;
}

export interface ProofRecord {
  readonly id: string;
  readonly purpose: ProofPurpose;
  readonly userId: string | null;
  readonly secretDigest: Uint8Array;
  readonly codeDigest: Uint8Array | null;
  readonly sealedContent: Uint8Array;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
}

/** What a proof brings about, in the transaction in which it is used. */
export type ProofEffect =
  /** The user's address is his: he signs in by it, unless another has proved that it is his. Only while it is the user's. */
  | { readonly kind: 'verify_email'; readonly email: string; readonly emailKey: string }
  /** The user has this address, which is his. His other sessions end, and what was sent to the old one is void. */
  | { readonly kind: 'change_email'; readonly email: string; readonly emailKey: string; readonly exceptSessionId: string }
  /**
   * As `users.setPassword`: all sessions end, API keys are revoked. The address counts as his where it is still the user's and nobody else's.
   */
  | { readonly kind: 'reset_password'; readonly passwordHash: string; readonly email: string; readonly emailKey: string }
  | { readonly kind: 'register'; readonly user: NewUserRecord }
  /**
   * All sessions end, API keys are revoked, every other proof of the user is void but the reports of earlier notices. The user has this
   * address again, unless another has proved since that it is his; and no second factor that was set up since.
   */
  | { readonly kind: 'disown'; readonly email: string; readonly emailKey: string };

export interface Redemption {
  readonly id: string;
  readonly purpose: ProofPurpose;
  /** A code is its user's alone. */
  readonly by: { readonly secretDigest: Uint8Array } | { readonly codeDigest: Uint8Array; readonly userId: string };
  readonly effect: ProofEffect;
  /** Written with it. */
  readonly outgoing: readonly NewOutboxRecord[];
}

/**
 * `invalid`: another secret, or a wrong code, which was counted. `expired`: also when the account has changed so that it counts no more, and
 * when too many codes were wrong. `taken`: by another user; the proof was not used.
 */
export type RedemptionOutcome =
  { readonly outcome: 'redeemed'; readonly user: UserRecord } | { readonly outcome: 'used' | 'expired' | 'invalid' | 'taken' };

export interface ProofStore {
  /** False: of a user who is gone, disabled, or has changed since; nothing was written. */
  issue(proof: NewProofRecord): Promise<boolean>;
  /** Takes one of the tries that a proof has, before what was tried is looked at. False: it has none left, is used, or its time is over. */
  takeTry(id: string): Promise<boolean>;
  find(id: string): Promise<ProofRecord | null>;
  /** The newest of the user's proofs of these purposes that has a code and is neither used nor expired. */
  findWithCode(userId: string, purposes: readonly ProofPurpose[]): Promise<ProofRecord | null>;
  /** One conditional write decides; of many at once one is redeemed, and no more codes are looked at than there are tries. */
  redeem(redemption: Redemption): Promise<RedemptionOutcome>;
}
