/** The hash chain of events: what a row's hash covers, what marks are signed over, and how rows are put on at one end and taken off at the other. */
import { createHmac } from 'node:crypto';
import { constantTimeEqual, sha256 } from '../crypto/digest.js';
import { formatId, newIdBytes, systemRandom } from '../crypto/random.js';
import type { EventMark, EventMarkName, EventMarks, EventRecord, EventSigners, NewEventRecord } from './event-store.js';

export type ChainPlace = Pick<EventMark, 'position' | 'hash'>;

/** Before the first event. */
export const genesis: ChainPlace = { position: 0, hash: new Uint8Array(32) };

/** SHA-256(previous hash ‖ row), the row as a JSON list: its fields in one order, bytes as hex. Of the address only the digest. */
export function hashOf(previous: Uint8Array, event: NewEventRecord & { readonly position: number }): Buffer {
  const { position, id, at, type, userId, sessionId, actorId, addressDigest, details } = event;
  const digest = addressDigest && Buffer.from(addressDigest).toString('hex');
  const row = JSON.stringify([position, id, at, type, userId, sessionId, actorId, digest, details]);
  return sha256(Buffer.concat([previous, Buffer.from(row)]));
}

export function addressDigest(salt: Uint8Array, address: string): Buffer {
  return sha256(Buffer.concat([salt, Buffer.from(address)]));
}

/**
 * What is signed, by name: of one thing it is no good for another. If a checkpoint were as good as a head, whoever cuts the chain behind one had
 * the head that fits.
 */
export type SignedName = EventMarkName | 'checkpoint';

/** `key id 1 | HMAC-SHA-256 32`. */
function signPlace([signer]: EventSigners, name: SignedName, place: ChainPlace): Buffer {
  if (signer === undefined) throw new TypeError('There is no key to sign with.');
  return Buffer.concat([Buffer.of(signer.id), macOf(signer, name, place)]);
}

/** `unknown`: of a secret that is not in the ring. */
export function judgeSignature(
  signers: EventSigners,
  name: SignedName,
  { position, hash, signature }: EventMark,
): 'good' | 'bad' | 'unknown' {
  const signer = signers.find(({ id }) => id === signature[0]);
  if (signer === undefined) return 'unknown';
  return constantTimeEqual(macOf(signer, name, { position, hash }), signature.subarray(1)) ? 'good' : 'bad';
}

function macOf({ events }: EventSigners[number], name: SignedName, { position, hash }: ChainPlace): Buffer {
  return createHmac('sha256', events)
    .update(`${name}\n${position}\n${Buffer.from(hash).toString('hex')}`)
    .digest();
}

/** The end of the chain as the database has it. */
export interface ChainEnd {
  readonly head: EventMark | null;
  readonly start: EventMark | null;
  /** The last row that there is. */
  readonly last: ChainPlace | null;
}

export interface Appended {
  readonly rows: readonly EventRecord[];
  readonly head: EventMark;
}

/** The rows that follow, linked, and the new head. */
export function appendTo(end: ChainEnd, events: readonly NewEventRecord[], signers: EventSigners): Appended {
  const from = placeToContinue(end);
  const first = events[0];
  const all = isSound(end, signers) || first === undefined ? events : [tamperedEvent(first.at, end), ...events];
  let { position, hash } = from;
  const rows = all.map((event): EventRecord => {
    position += 1;
    hash = hashOf(hash, { ...event, position });
    return { ...event, position, hash, checkpoint: null };
  });
  const checkpoint = signPlace(signers, 'checkpoint', { position, hash });
  return {
    rows: rows.map((row) => (row.position === position ? { ...row, checkpoint } : row)),
    head: { position, hash, signature: signPlace(signers, 'head', { position, hash }) },
  };
}

/** Whether the last row is the one that the head was signed for. */
function isSound({ head, start, last }: ChainEnd, signers: EventSigners): boolean {
  if (head === null) return start === null && last === null;
  const end = last ?? start;
  return judgeSignature(signers, 'head', head) === 'good' && end !== null && isSamePlace(end, head);
}

export function isSamePlace(one: ChainPlace, other: ChainPlace): boolean {
  return one.position === other.position && constantTimeEqual(one.hash, other.hash);
}

/** Behind whichever is further, so that recording goes on whatever was done to the rows. */
function placeToContinue({ head, start, last }: ChainEnd): ChainPlace {
  return [head, start, last].reduce<ChainPlace>((far, place) => (place !== null && place.position > far.position ? place : far), genesis);
}

function tamperedEvent(at: number, { head, last }: ChainEnd): NewEventRecord {
  return {
    id: formatId('evt', newIdBytes(systemRandom, at)),
    at,
    type: 'events.tampered',
    userId: null,
    sessionId: null,
    actorId: null,
    address: null,
    addressSalt: null,
    addressDigest: null,
    details: canonicalJson({ head: head?.position ?? null, last: last?.position ?? null }),
  };
}

/** The same facts give the same text. */
export function canonicalJson(facts: Readonly<Record<string, string | number | null>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(facts).sort(([one], [other]) => (one < other ? -1 : 1))));
}

/** What is left of a row when its address may not be kept. */
export function withoutAddress<Row extends NewEventRecord>(row: Row): Row {
  return { ...row, address: null, addressSalt: null };
}

/** Whose the address of an event is. */
export function personOf({ actorId, userId }: NewEventRecord): string | null {
  return actorId ?? userId;
}

export interface Trimmed {
  readonly outcome: 'more' | 'done' | 'broken';
  /** Where the chain begins now; null: as before. */
  readonly start: EventMark | null;
}

/** @param rows the first ones of the chain, at most `limit` */
export function trimFrom(
  { start, head }: EventMarks,
  rows: readonly EventRecord[],
  { before, limit, signers }: { readonly before: number; readonly limit: number; readonly signers: EventSigners },
): Trimmed {
  const isSigned = (['start', 'head'] as const).every((name) => {
    const mark = name === 'start' ? start : head;
    return mark === null || judgeSignature(signers, name, mark) === 'good';
  });
  const old = rows.slice(0, oldRows(rows, before));
  if (old.length === 0) return { outcome: 'done', start: isSigned ? signedAnew(start, signers) : null };
  const end = isSigned ? followChain(start ?? genesis, old) : null;
  if (end === null) return { outcome: 'broken', start: null };
  return { outcome: old.length === limit ? 'more' : 'done', start: { ...end, signature: signPlace(signers, 'start', end) } };
}

/** Where it was signed under another secret than today's, which may be forgotten one day; null: it was not. */
function signedAnew(start: EventMark | null, signers: EventSigners): EventMark | null {
  if (start === null || start.signature[0] === signers[0]?.id) return null;
  return { ...start, signature: signPlace(signers, 'start', start) };
}

/** How many in a row, from the first: clocks of several nodes differ, and only a beginning can go. */
function oldRows(rows: readonly EventRecord[], before: number): number {
  const young = rows.findIndex(({ at }) => at >= before);
  return young === -1 ? rows.length : young;
}

/** The place that the rows lead to; null: one of them does not follow. */
function followChain(from: ChainPlace, rows: readonly EventRecord[]): ChainPlace | null {
  let place = from;
  for (const row of rows) {
    if (row.position !== place.position + 1 || !constantTimeEqual(hashOf(place.hash, row), row.hash)) return null;
    place = { position: row.position, hash: row.hash };
  }
  return place;
}
