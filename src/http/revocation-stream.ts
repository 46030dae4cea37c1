/** One reader of the revocation feed: first what follows his position, then what happens, never more than he takes. */
import { Readable } from 'node:stream';
import { eventNames, type FreshnessFact } from '../protocol/revocation-events.js';
import { eventFrame, type RevocationPages, type SentPage } from './revocation-pages.js';

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
  #at: string | null;
  /** Whether all that the feed knows of was sent, or waits. */
  #isCurrent = false;
  #isReading = false;
  #isOver = false;
  #blockedAt: number | null = null;

  constructor({ pages, from, facts, ageMilliseconds }: RevocationStreamOptions) {
    super({ highWaterMark: bufferBytes });
    this.#pages = pages;
    this.#ageMilliseconds = ageMilliseconds;
    this.#waiting = [facts];
    this.#at = from;
  }

  /** For how long the reader has taken nothing. */
  get stalledMilliseconds(): number {
    return this.#blockedAt === null ? 0 : performance.now() - this.#blockedAt;
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

  /** Says how fresh the reader is, unless he is behind. */
  beat(): void {
    const age = this.#ageMilliseconds();
    const fact: FreshnessFact = { age: Number.isFinite(age) ? Math.round(age) : null };
    if (this.#isCurrent && this.#at !== null) this.mention(eventFrame(eventNames.fresh, fact, this.#at));
  }

  /** The feed has read a page. */
  follow(page: SentPage): void {
    const isInStep = this.#isCurrent && this.#at === page.from && this.#blockedAt === null;
    if (isInStep) this.#take(page);
    else this.#isCurrent = false;
    if (this.#blockedAt === null) this.#goOn();
  }

  /** The feed reads everything again, and so must the reader. */
  restart(): void {
    this.#at = null;
    this.#isCurrent = false;
  }

  /** Lets the reader go, so that he comes back. */
  finish(): void {
    if (this.#blockedAt === null) this.push(null);
    else this.destroy();
    this.#isOver = true;
  }

  override _read(): void {
    this.#blockedAt = null;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#isOver || this.destroyed) return;
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      if (this.push(frame)) continue;
      this.#blockedAt = performance.now();
      return;
    }
    if (!this.#isCurrent && !this.#isReading) this.#readOn();
  }

  #readOn(): void {
    this.#isReading = true;
    this.#pages.after(this.#at).then(
      (page) => {
        this.#isReading = false;
        if (this.#pages.isValid(page)) this.#take(page);
        this.#goOn();
        if (this.#isCurrent) this.beat();
      },
      () => this.destroy(),
    );
  }

  #take(page: SentPage): void {
    this.#at = page.position;
    this.#isCurrent = this.#pages.isLast(page);
    this.#waiting.push(...page.frames);
  }
}
