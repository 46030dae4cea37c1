/** The outbox: what is to be mailed, written together with what caused it, and the port by which it is worked off. */
import type { NewProofRecord } from './proofs.js';

export interface NewOutboxRecord {
  readonly id: string;
  /** What it is: the name of a mail, or of something that will cause one. */
  readonly kind: string;
  /** Sealed under the master secret: there are addresses and links in it. */
  readonly sealedPayload: Uint8Array;
  /** For how long it makes sense to go on trying. */
  readonly lifetimeSeconds: number;
}

export interface OutboxRecord {
  readonly id: string;
  readonly kind: string;
  readonly sealedPayload: Uint8Array;
  /** How often it was claimed, this time included. */
  readonly attempts: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When it was claimed, by the store's clock. */
  readonly now: number;
}

export interface OutboxStore {
  /** As those acts do that cause mail: one more row, or none. */
  add(rows: readonly NewOutboxRecord[]): Promise<void>;
  /** Milliseconds until a row is due, 0 when one is; null: there is none. */
  nextDue(): Promise<number | null>;
  /** Rows that are due, the longest due first, also those whose time is over. For so long they are due for nobody else. */
  claim(limit: number, leaseSeconds: number): Promise<readonly OutboxRecord[]>;
  /**
   * Removes a row, and writes what comes of it in the same transaction: a proof, older ones of its purpose and subject being void then, and
   * further rows. When the proof may not be issued any more, the row is removed and nothing else is written.
   * `gone`: another process was done with it before; nothing was written.
   */
  settle(
    id: string,
    consequences?: { readonly proof: NewProofRecord | null; readonly rows: readonly NewOutboxRecord[] },
  ): Promise<'settled' | 'dropped' | 'gone'>;
  /** Due again after a pause; only while nobody has claimed it since. */
  postpone(id: string, attempts: number, seconds: number): Promise<void>;
}
