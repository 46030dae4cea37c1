/** Walks along the record of events and finds the first place that is not as it was written. */
import { constantTimeEqual } from '../crypto/digest.js';
import type { EventMark, EventMarkName, EventRecord, EventSigners, EventStore } from '../model/event-store.js';
import { addressDigest, genesis, hashOf, isSamePlace, judgeSignature, type ChainPlace } from '../model/event-chain.js';

export interface ChainReport {
  /** The last event that was removed for its age; 0: none was. */
  readonly start: number;
  /** The last event that is as it was written; the head of the chain when nothing is wrong. */
  readonly position: number;
  readonly hash: Uint8Array;
  /** Events that were looked at. */
  readonly events: number;
  readonly checkpoints: number;
  /** Checkpoints of a master secret that is not known here any more: nothing can be said of them. */
  readonly unknownCheckpoints: number;
  readonly broken: { readonly position: number; readonly why: string } | null;
}

export interface Verification {
  readonly signers: EventSigners;
  /** A head that was kept elsewhere: the chain must still go through it. */
  readonly expected?: ChainPlace | null;
  onProgress?(report: Pick<ChainReport, 'events' | 'position'>): void;
}

const rowsAtOnce = 1000;
/** The beginning can be removed for its age while it is read. */
const mostAttempts = 3;

export async function verifyEvents(store: EventStore, how: Verification): Promise<ChainReport> {
  for (let attempt = 1; ; attempt += 1) {
    const { start } = await store.marks();
    const report = await new Walk(store, how, start).run();
    const startNow = (await store.marks()).start;
    if (report.broken === null || startNow?.position === start?.position || attempt === mostAttempts) return report;
  }
}

class Broken extends Error {
  readonly position: number;

  constructor(position: number, why: string) {
    super(why);
    this.position = position;
  }
}

class Walk {
  readonly #store: EventStore;
  readonly #how: Verification;
  readonly #start: EventMark | null;
  #place: ChainPlace;
  #events = 0;
  #checkpoints = 0;
  #unknownCheckpoints = 0;

  constructor(store: EventStore, how: Verification, start: EventMark | null) {
    this.#store = store;
    this.#how = how;
    this.#start = start;
    this.#place = start ?? genesis;
  }

  async run(): Promise<ChainReport> {
    try {
      if (this.#start !== null) this.#requireSigned('start', this.#start);
      await this.#walk();
      this.#requireExpected();
      return this.#report(null);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      return this.#report({ position: error.position, why: error.message });
    }
  }

  /** To the head, which moves on while others append. */
  async #walk(): Promise<void> {
    let after = 0;
    for (;;) {
      const { head } = await this.#store.marks();
      const rows = await this.#store.read(after, rowsAtOnce);
      for (const row of rows) this.#step(row);
      after = this.#place.position;
      this.#how.onProgress?.({ events: this.#events, position: after });
      if (rows.length < rowsAtOnce && (await this.#isAtEnd(head))) return;
    }
  }

  #step(row: EventRecord): void {
    const position = this.#place.position + 1;
    if (row.position < position) throw new Broken(row.position, 'an event was put before the beginning');
    if (row.position > position) throw new Broken(position, 'an event is missing');
    if (!constantTimeEqual(hashOf(this.#place.hash, row), row.hash)) throw new Broken(position, 'the event is not as it was written');
    if (!isAddressGenuine(row)) throw new Broken(position, 'the address is not as it was written');
    if (row.type === 'events.tampered') throw new Broken(position, 'events before this one had been tampered with when it was written');
    this.#place = { position, hash: row.hash };
    this.#events += 1;
    this.#judgeCheckpoint(row);
    this.#judgeExpected();
  }

  #judgeCheckpoint({ position, hash, checkpoint }: EventRecord): void {
    if (checkpoint === null) return;
    this.#checkpoints += 1;
    const judged = judgeSignature(this.#how.signers, 'checkpoint', { position, hash, signature: checkpoint });
    if (judged === 'unknown') this.#unknownCheckpoints += 1;
    if (judged === 'bad') throw new Broken(position, 'the checkpoint is forged, or of a chain that was written anew');
  }

  /** @param head as it was before the last rows were read */
  async #isAtEnd(head: EventMark | null): Promise<boolean> {
    const { position } = this.#place;
    if (head === null) {
      if (position === 0) return true;
      throw new Broken(position, 'the head is missing');
    }
    this.#requireSigned('head', head);
    if (head.position > position) throw new Broken(position + 1, 'an event is missing at the end');
    if (head.position === position && !isSamePlace(head, this.#place)) throw new Broken(position, 'the head is not that of this chain');
    if (head.position === position) return true;
    const now = (await this.#store.marks()).head;
    if (now?.position === head.position) throw new Broken(head.position + 1, 'an event was put behind the head');
    return false;
  }

  #requireSigned(name: EventMarkName, mark: EventMark): void {
    const judged = judgeSignature(this.#how.signers, name, mark);
    const where = name === 'head' ? 'the head' : 'the beginning';
    if (judged === 'bad') throw new Broken(mark.position, `the signature of ${where} is forged`);
    if (judged === 'unknown') throw new Broken(mark.position, `${where} is signed under a master secret that is not known here`);
  }

  #judgeExpected(): void {
    const { expected } = this.#how;
    if (expected?.position === this.#place.position && !isSamePlace(expected, this.#place))
      throw new Broken(expected.position, 'the event is another than the expected one');
  }

  #requireExpected(): void {
    const { expected } = this.#how;
    if (expected === null || expected === undefined) return;
    const start = this.#start ?? genesis;
    if (expected.position > this.#place.position) throw new Broken(this.#place.position + 1, 'the chain ends before the expected event');
    if (expected.position < start.position)
      throw new Broken(expected.position, 'the expected event was removed for its age: nothing can be said');
    if (expected.position === start.position && !isSamePlace(expected, start))
      throw new Broken(expected.position, 'the event is another than the expected one');
  }

  #report(broken: ChainReport['broken']): ChainReport {
    return {
      start: this.#start?.position ?? 0,
      ...this.#place,
      events: this.#events,
      checkpoints: this.#checkpoints,
      unknownCheckpoints: this.#unknownCheckpoints,
      broken,
    };
  }
}

/** Erased it may be; another it may not. */
function isAddressGenuine({ address, addressSalt, addressDigest: digest }: EventRecord): boolean {
  if (address === null) return true;
  return addressSalt !== null && digest !== null && constantTimeEqual(addressDigest(addressSalt, address), digest);
}
