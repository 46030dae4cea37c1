/** Reads pages of revocations once for all streams that want them, and turns them into events. */
import type { Revocation, RevocationPage, RevocationStore } from '../model/store.js';
import { eventNames, type RevocationTuple } from '../protocol/revocation-events.js';
import type { FeedStep } from '../revocation/revocation-feed.js';

/** A page as it is sent. */
export interface SentPage {
  readonly from: string | null;
  readonly position: string;
  readonly more: boolean;
  readonly frames: readonly Buffer[];
  /** How many steps the feed had gone when this began to be read, and how often it had begun anew. */
  readonly steps: number;
  readonly beginnings: number;
}

const rowsPerEvent = 250;
/** Of at most 5,000 rows each: some 3 MB. */
const keptPages = 8;

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
  readonly #pages: Map<string | null, Promise<SentPage>> = new Map();
  #position: string | null;
  #steps = 0;
  #beginnings = 0;

  /** `position`: where the feed is. */
  constructor(source: RevocationStore, position: string | null) {
    this.#source = source;
    this.#position = position;
  }

  /** What the feed itself has read; null when there was nothing. */
  step({ from, page }: FeedStep): SentPage | null {
    if (from === page.position) return null;
    if (from === null) {
      this.#pages.clear();
      this.#beginnings += 1;
    }
    this.#steps += 1;
    this.#position = page.position;
    // With more to come, the feed's next step brings it.
    const sent = this.#prepare(from)({ ...page, more: false });
    this.#keep(from, Promise.resolve(sent));
    return sent;
  }

  /** What follows `from`: by one read at most, shared by all. Rejects when the store cannot be read. */
  after(from: string | null): Promise<SentPage> {
    const known = this.#pages.get(from);
    if (known) return known;
    const prepare = this.#prepare(from);
    if (from !== null && from === this.#position) return Promise.resolve(prepare({ rows: [], position: from, more: false }));
    const reading = this.#source.read(from).then(prepare);
    const forget = (): void => {
      if (this.#pages.get(from) === reading) this.#pages.delete(from);
    };
    reading.then(({ position }) => position === from && forget(), forget);
    this.#keep(from, reading);
    return reading;
  }

  /** Whether with this page everything was sent that the feed knows of. */
  isLast({ more, steps }: SentPage): boolean {
    return !more && steps === this.#steps;
  }

  /** False when the feed has begun anew since, perhaps on another server, where the page's position says nothing. */
  isValid({ beginnings }: SentPage): boolean {
    return beginnings === this.#beginnings;
  }

  #prepare(from: string | null): (page: Omit<RevocationPage, 'now'>) => SentPage {
    const begun = { from, steps: this.#steps, beginnings: this.#beginnings };
    return ({ rows, position, more }) => ({ ...begun, position, more, frames: rowFrames(rows, position) });
  }

  #keep(from: string | null, page: Promise<SentPage>): void {
    this.#pages.set(from, page);
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > keptPages && oldest !== undefined) this.#pages.delete(oldest);
  }
}
