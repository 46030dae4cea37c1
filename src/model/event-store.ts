/** The record of what happened: the port by which stores keep it, only ever longer at its end and shorter at its beginning. */
import type { KeyObject } from 'node:crypto';

/** What is appended. */
export interface NewEventRecord {
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly userId: string | null;
  readonly sessionId: string | null;
  /** Who did it, when that is not the user himself. */
  readonly actorId: string | null;
  /** Of whoever did it. Erased with its salt when he is deleted: the hash holds only the digest of both. */
  readonly address: string | null;
  readonly addressSalt: Uint8Array | null;
  readonly addressDigest: Uint8Array | null;
  /** Canonical JSON, kept as text: it is hashed as it stands. */
  readonly details: string;
}

export interface EventRecord extends NewEventRecord {
  /** 1, 2, 3 … without a gap. */
  readonly position: number;
  /** SHA-256 of the hash before it and of the row. */
  readonly hash: Uint8Array;
  /** On the last row of a batch: as `EventMark.signature`, under the name `checkpoint`. */
  readonly checkpoint: Uint8Array | null;
}

/** `head`: where the chain ends. `start`: the last row that was removed for its age; without it the chain begins with the first event. */
export type EventMarkName = 'head' | 'start';

export interface EventMark {
  readonly position: number;
  readonly hash: Uint8Array;
  /** Key id and HMAC over name, position and hash. */
  readonly signature: Uint8Array;
}

export type EventMarks = Readonly<Record<EventMarkName, EventMark | null>>;

/** The first signs, all verify; by the id of their master secret. */
export type EventSigners = readonly { readonly id: number; readonly events: KeyObject }[];

/** The place of the last event of a page. */
export interface EventPlace {
  readonly at: number;
  readonly position: number;
}

export interface EventQuery {
  readonly userId: string | null;
  /** Null: all. Without `userId` at most one. */
  readonly types: readonly string[] | null;
  /** From this instant on. */
  readonly from: number;
  /** Older than this place. */
  readonly before: EventPlace;
  readonly limit: number;
}

export interface EventStore {
  /**
   * Appends at the end of the one chain of this store, however many processes do so at once, and signs the new end; events that are there
   * already, by the id of the first, are not appended again. Addresses of users who are gone are left out. Where the end is not as it was
   * signed, an event `events.tampered` comes before them: what was tampered with is never signed as if it were sound.
   */
  append(events: readonly NewEventRecord[], signers: EventSigners): Promise<void>;
  /** The latest first. */
  list(query: EventQuery): Promise<readonly EventRecord[]>;
  /** In the order of the chain. */
  read(after: number, limit: number): Promise<readonly EventRecord[]>;
  marks(): Promise<EventMarks>;
  /**
   * Removes from the beginning of the chain what happened before this instant, at most `limit` rows, and signs where it begins now.
   * `broken`: those rows are not as they were written; nothing was removed, so that they can be looked into.
   */
  trim(how: { readonly before: number; readonly limit: number; readonly signers: EventSigners }): Promise<'more' | 'done' | 'broken'>;
}
