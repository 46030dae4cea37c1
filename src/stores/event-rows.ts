/** Rows of the tables `events` and `event_marks`, whose columns are named alike in all stores, as records. */
import type { EventMark, EventMarkName, EventMarks, EventRecord } from '../model/event-store.js';

export interface EventRow {
  readonly position: number;
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly actor_id: string | null;
  readonly address: string | null;
  readonly address_salt: Uint8Array | null;
  readonly address_digest: Uint8Array | null;
  readonly details: string;
  readonly hash: Uint8Array;
  readonly checkpoint: Uint8Array | null;
}

export interface MarkRow extends EventMark {
  readonly name: EventMarkName;
}

export function eventFromRow(row: EventRow): EventRecord {
  return {
    position: row.position,
    id: row.id,
    at: row.at,
    type: row.type,
    userId: row.user_id,
    sessionId: row.session_id,
    actorId: row.actor_id,
    address: row.address,
    addressSalt: row.address_salt,
    addressDigest: row.address_digest,
    details: row.details,
    hash: row.hash,
    checkpoint: row.checkpoint,
  };
}

export function marksFromRows(rows: readonly MarkRow[]): EventMarks {
  const mark = (name: EventMarkName): EventMark | null => {
    const row = rows.find((candidate) => candidate.name === name);
    return row === undefined ? null : { position: row.position, hash: row.hash, signature: row.signature };
  };
  return { head: mark('head'), start: mark('start') };
}
