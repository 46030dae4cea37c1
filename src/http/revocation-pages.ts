/** Reads pages of revocations once for all streams that want them, and turns them into events. */
import type { Revocation, RevocationPage, RevocationStore } from '../model/store.js';
import { eventNames, type RevocationTuple } from '../protocol/revocation-events.js';
import type { FeedStep } from '../revocation/revocation-feed.js';

/** Where a reader stands. */
export interface Place {
  readonly position: string | null;
  /** In the middle of a reading of several pages: where the feed was when that began; null: nobody knows. */
  readonly begunAt?: string | null;
}

/** A page as it is sent. */
export interface SentPage {
  readonly from: string | null;
  readonly next: Place;
  readonly frames: readonly Buffer[];
  /** How often the feed had begun anew when this began to be read. */
  readonly beginnings: number;
}

interface KeptPage {
  readonly page: Promise<SentPage>;
  weight: number;
}

const rowsPerEvent = 250;
/** Events and pages together: ten pages of 5,000 rows, some 4 MB, or as many short ones as a reader can be behind. */
const keptWeight = 240;

/** One event (WHATWG HTML section 9.2.6); JSON has no line breaks. */
export function eventFrame(event: string, data: object, id?: string): Buffer {
  return Buffer.from(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
}

/** Only the last event has the id: whoever is cut off before it has not got everything up to there. */
export function rowFrames(rows: readonly Revocation[], id?: string): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let start = 0; start < rows.length; start += rowsPerEvent) {
    const end = start + rowsPerEvent;
    frames.push(eventFrame(eventNames.revocations, rows.slice(start, end).map(toTuple), end < rows.length ? undefined : id));
  }
  return frames;
}

function toTuple({ kind, subject, value, expiresAt }: Revocation): RevocationTuple {
  return [kind, subject, value, Math.ceil(expiresAt / 1000)];
}

export class RevocationPages {
  readonly #source: RevocationStore;
  /** By where they begin: that a page follows a position stays true, while only that nothing follows does not. */
  readonly #pages: Map<string | null, KeptPage> = new Map();
  #weight = 0;
  #position: string | null;
  #isThrough: boolean;
  #beginnings = 0;

  /** `last`: the last step of the feed, if it is known. */
  constructor(source: RevocationStore, last: Pick<RevocationPage, 'position' | 'more'> | null) {
    this.#source = source;
    this.#position = last?.position ?? null;
    this.#isThrough = last?.more === false;
  }

  /** Where the feed is; null: it will begin anew. */
  get position(): string | null {
    return this.#position;
  }

  /** Whether the feed has come to an end there: in the middle of a reading nobody at its position has everything. */
  get isThrough(): boolean {
    return this.#isThrough;
  }

  /** What the feed itself has read; null when there was nothing. */
  step({ from, page: { rows, position, more } }: FeedStep): SentPage | null {
    if (from === position && this.#isThrough) return null;
    if (from === null) {
      this.#pages.clear();
      this.#weight = 0;
      this.#beginnings += 1;
    }
    this.#position = position;
    this.#isThrough = !more;
    const next = more ? { position, begunAt: null } : { position };
    const sent = { from, next, frames: rowFrames(rows, position), beginnings: this.#beginnings };
    if (from !== position) this.#keep(from, Promise.resolve(sent));
    return sent;
  }

  /**
   * What follows a place: by one read at most, shared by all. It ends where the feed was when the reading began, which is a little less than was
   * read: no two reads of a busy store end at the same position, but from there the pages of the feed itself follow, without another read.
   * Rejects when the store cannot be read.
   */
  after({ position: from, begunAt = this.#position }: Place): Promise<SentPage> {
    const known = this.#pages.get(from);
    if (known) return known.page;
    const beginnings = this.#beginnings;
    const reading = this.#source.read(from).then(({ rows, position, more }): SentPage => {
      const next = more ? { position, begunAt } : { position: begunAt ?? position };
      return { from, next, frames: rowFrames(rows, next.position), beginnings };
    });
    this.#keep(from, reading);
    return reading;
  }

  /** False when the feed has begun anew since, perhaps on another server, where the page's position says nothing. */
  isValid({ beginnings }: SentPage): boolean {
    return beginnings === this.#beginnings;
  }

  #keep(from: string | null, page: Promise<SentPage>): void {
    this.#forget(from);
    const kept: KeptPage = { page, weight: 1 };
    this.#pages.set(from, kept);
    this.#weight += kept.weight;
    page.then(
      ({ next, frames }) => {
        if (this.#pages.get(from) !== kept) return;
        kept.weight += frames.length;
        this.#weight += frames.length;
        if (next.position === from) this.#forget(from);
        this.#makeRoom();
      },
      () => {
        if (this.#pages.get(from) === kept) this.#forget(from);
      },
    );
  }

  #makeRoom(): void {
    for (const oldest of this.#pages.keys()) {
      if (this.#weight <= keptWeight) return;
      this.#forget(oldest);
    }
  }

  #forget(from: string | null): void {
    this.#weight -= this.#pages.get(from)?.weight ?? 0;
    this.#pages.delete(from);
  }
}
