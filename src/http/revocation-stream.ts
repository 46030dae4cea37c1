/** One reader of the revocation feed: first what follows his position, then what happens, never more than he takes. */
import { Readable } from 'node:stream';
import { eventNames, type FreshnessFact } from '../protocol/revocation-events.js';
import { eventFrame, type Place, type RevocationPages, type SentPage } from './revocation-pages.js';

const bufferBytes = 64 * 1024;

export interface RevocationStreamOptions {
  readonly pages: RevocationPages;
  /** The position of a reader who comes back; null: he gets everything. */
  readonly from: string | null;
  readonly facts: Buffer;
  /** Of what the feed knows. */
  readonly ageMilliseconds: () => number;
}

/** Nothing piles up for a slow reader: a page is fetched when the one before was taken, and news that he missed come again with theirs. */
export class RevocationStream extends Readable {
  readonly openedAt: number = performance.now();
  readonly #pages: RevocationPages;
  readonly #ageMilliseconds: () => number;
  /** Still to be taken; what comes behind must wait. */
  readonly #waiting: Buffer[];
  #at: Place;
  /** Whether all that the feed had read when it was last through was sent, or waits. */
  #isComplete = false;
  #isReading = false;
  #blockedAt: number | null = null;
  #finishedAt: number | null = null;

  constructor({ pages, from, facts, ageMilliseconds }: RevocationStreamOptions) {
    super({ highWaterMark: bufferBytes });
    this.#pages = pages;
    this.#ageMilliseconds = ageMilliseconds;
    this.#waiting = [facts];
    // He may have been cut off in the middle of a reading.
    this.#at = from === null ? { position: null } : { position: from, begunAt: null };
  }

  /** For how long the reader has taken nothing, or not yet the end. */
  get stalledMilliseconds(): number {
    const since = this.#finishedAt ?? this.#blockedAt;
    return since === null ? 0 : performance.now() - since;
  }

  /** What the reader must have, if late. */
  send(frame: Buffer): void {
    this.#waiting.push(frame);
    if (this.#blockedAt === null) this.#goOn();
  }

  /** What a reader who is behind gets later all the same. */
  mention(frame: Buffer): void {
    if (this.#blockedAt === null) this.send(frame);
  }

  /** Says how fresh the reader is, unless he is behind. While the feed reads everything again, he still has what it had before. */
  beat(): void {
    if (!this.#isComplete) return;
    const age = this.#ageMilliseconds();
    const fact: FreshnessFact = { age: Number.isFinite(age) ? Math.round(age) : null };
    this.mention(eventFrame(eventNames.fresh, fact, this.#at.position ?? undefined));
  }

  /** The feed has read a page. */
  follow(page: SentPage): void {
    const isInStep = this.#at.position === page.from && !this.#isReading && this.#blockedAt === null;
    if (isInStep) this.#take(page);
    const { isThrough, position } = this.#pages;
    if (isThrough && this.#at.position !== position) this.#isComplete = false;
    if (this.#blockedAt === null) this.#goOn();
  }

  /** The feed reads everything again, and so must the reader. */
  restart(): void {
    this.#at = { position: null };
  }

  /** Lets the reader go, so that he comes back. */
  finish(): void {
    if (this.#finishedAt !== null) return;
    this.#finishedAt = performance.now();
    if (this.#blockedAt === null) this.push(null);
    else this.destroy();
  }

  override _read(): void {
    this.#blockedAt = null;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#finishedAt !== null || this.destroyed) return;
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      if (this.push(frame)) continue;
      this.#blockedAt = performance.now();
      return;
    }
    this.#catchUp();
  }

  /** Until he is where the feed is; from there it takes him along. */
  #catchUp(): void {
    const { position, isThrough } = this.#pages;
    if (this.#isReading || position === null) return;
    if (this.#at.position !== position) {
      this.#readOn();
    } else if (isThrough && !this.#isComplete) {
      this.#isComplete = true;
      this.beat();
    }
  }

  #readOn(): void {
    this.#isReading = true;
    this.#pages.after(this.#at).then(
      (page) => {
        this.#isReading = false;
        if (this.#pages.isValid(page)) this.#take(page);
        if (this.#blockedAt === null) this.#goOn();
      },
      () => this.destroy(),
    );
  }

  #take(page: SentPage): void {
    this.#at = page.next;
    this.#waiting.push(...page.frames);
  }
}
