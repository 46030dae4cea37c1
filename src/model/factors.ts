/** Second factors: what is kept of them, and the port by which they are set up; their codes are used up by what opens a session. */
import type { NewOutboxRecord } from './outbox.js';

/** For how long a secret that was shown waits for its first code. */
export const enrolmentSeconds = 1800;

/** The authenticator app of a user (RFC 6238). */
export interface TotpRecord {
  readonly userId: string;
  /** Sealed under the master secret. */
  readonly sealedSecret: Uint8Array;
  /** Null: nobody has shown yet that he has it, and it counts for nothing. */
  readonly confirmedAt: number | null;
  /** Codes of this time step and of those before it are used. */
  readonly usedStep: number;
  readonly createdAt: number;
}

export interface NewRecoveryCode {
  readonly id: string;
  /** SHA-256, 32 bytes. */
  readonly codeDigest: Uint8Array;
}

/** What is good once, and is used up in the transaction that opens a session. */
export type SingleUse =
  /** A proof of the purpose `login`, of the session's user. */
  | { readonly kind: 'ticket'; readonly proofId: string; readonly secretDigest: Uint8Array }
  /** A code of the confirmed app; its step must be later than every one before. `resealed`: the secret, sealed anew. */
  | { readonly kind: 'totp'; readonly step: number; readonly resealed: Uint8Array | null }
  | { readonly kind: 'recovery'; readonly codeDigest: Uint8Array };

/** What becomes of a user's second factor. */
export type FactorChange =
  /** The app counts from now on: only while this very secret waits for its first code, the one of `step`. */
  | {
      readonly kind: 'enable';
      readonly sealedSecret: Uint8Array;
      readonly step: number;
      readonly recoveryCodes: readonly NewRecoveryCode[];
    }
  /** The app and all recovery codes are gone. */
  | { readonly kind: 'disable' };

export interface FactorStore {
  findTotp(userId: string): Promise<TotpRecord | null>;
  /** Takes the place of one that was not confirmed. False: one is confirmed, or the user is gone or disabled; nothing was written. */
  beginTotp(userId: string, sealedSecret: Uint8Array): Promise<boolean>;
  /** Those before are good no more. False: the user has no confirmed factor, or his epoch is another; nothing was written. */
  replaceRecoveryCodes(replacement: {
    readonly userId: string;
    readonly epoch: number;
    readonly codes: readonly NewRecoveryCode[];
    readonly outgoing?: readonly NewOutboxRecord[];
  }): Promise<boolean>;
}
