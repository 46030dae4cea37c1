/** All readers of the revocation feed: how many there may be, what all of them are told, and their end. */
import type { Readable } from 'node:stream';
import type { KnownApiKey } from '../access/api-key-verifier.js';
import type { Core } from '../core.js';
import { AuthError } from '../errors.js';
import { mostStreamsPerKey } from '../limits/feed-limit.js';
import type { Revocation } from '../model/store.js';
import { eventNames, heartbeatSeconds, type IssuerFacts } from '../protocol/revocation-events.js';
import type { FeedStep } from '../revocation/revocation-feed.js';
import { eventFrame, RevocationPages, rowFrames } from './revocation-pages.js';
import { RevocationStream } from './revocation-stream.js';

const mostStreams = 1000;
const stalledMilliseconds = 5000;
/** Whoever comes back proves again that he may read. Not all at once: up to a minute later. */
const shortestLifeMilliseconds = 240_000;

type ServedCore = Pick<Core, 'clock' | 'config' | 'feed' | 'keys' | 'random' | 'ring' | 'store'>;

interface Reader {
  /** The API key by which the stream was opened, and its owner. */
  readonly who: Pick<KnownApiKey, 'userId' | 'sessionId' | 'validUntil'>;
  /** By the monotonic clock. */
  readonly endsAt: number;
}

export class RevocationStreams {
  readonly #core: ServedCore;
  readonly #streams: Map<RevocationStream, Reader> = new Map();
  /** Only while there are readers. */
  #pages: RevocationPages | null = null;
  #timer: NodeJS.Timeout | null = null;
  #facts: { readonly of: readonly [keys: object, longestAccessSeconds: number]; readonly frame: Buffer } | null = null;
  #isClosed = false;

  constructor(core: ServedCore) {
    this.#core = core;
    core.feed.listen({
      onCommitted: (rows) => {
        this.#onCommitted(rows);
      },
      onStep: (step) => {
        this.#onStep(step);
      },
    });
    core.keys.listen(() => {
      this.#tellFacts();
    });
  }

  /** `from`: `Last-Event-ID`. @throws {AuthError} `too_many_attempts` for this key, `overloaded`. */
  open(who: Reader['who'], from: string | null): Readable {
    const { feed, store, random } = this.#core;
    if (this.#isClosed || this.#streams.size >= mostStreams) throw new AuthError('overloaded', { reason: 'streams of revocations' });
    const ofKey = [...this.#streams.values()].filter((reader) => reader.who.sessionId === who.sessionId).length;
    if (ofKey >= mostStreamsPerKey)
      throw new AuthError('too_many_attempts', { reason: 'streams of revocations of one key', retryAfterSeconds: 10 });
    this.#pages ??= new RevocationPages(store.revocations, feed.lastStep());
    const stream = new RevocationStream({
      pages: this.#pages,
      from,
      facts: this.#currentFacts(),
      ageMilliseconds: () => feed.ageMilliseconds(),
    });
    const spread = (random(1)[0] ?? 0) / 255;
    this.#streams.set(stream, { who, endsAt: stream.openedAt + shortestLifeMilliseconds * (1 + spread / 4) });
    stream.once('close', () => {
      this.#forget(stream);
    });
    this.#timer ??= setInterval(() => {
      this.#tick();
    }, heartbeatSeconds * 1000).unref();
    return stream;
  }

  /** Ends all of them at once, and opens no more. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.keys()) stream.finish();
  }

  #onCommitted(rows: readonly Revocation[]): void {
    if (this.#streams.size === 0) return;
    const frames = rowFrames(rows);
    for (const stream of this.#streams.keys()) for (const frame of frames) stream.mention(frame);
    this.#letGo(rows);
  }

  #onStep(step: FeedStep): void {
    const page = this.#pages?.step(step) ?? null;
    for (const stream of this.#streams.keys()) {
      if (step.from === null) stream.restart();
      if (page !== null) stream.follow(page);
    }
    this.#letGo(step.page.rows);
  }

  /** Readers whose own key, or its owner, is among the revoked: those who may read all the same come back. */
  #letGo(rows: readonly Revocation[]): void {
    const ended = new Set(rows.map(({ subject }) => subject));
    for (const [stream, { who }] of this.#streams) if (ended.has(who.sessionId) || ended.has(who.userId)) stream.finish();
  }

  #tick(): void {
    // By now another process may have been started with longer lives of tokens.
    this.#tellFacts();
    const [now, wallNow] = [performance.now(), this.#core.clock.now()];
    for (const [stream, { who, endsAt }] of this.#streams) {
      if (stream.stalledMilliseconds > stalledMilliseconds) stream.destroy();
      else if (now > endsAt || wallNow >= who.validUntil) stream.finish();
      else stream.beat();
    }
  }

  #tellFacts(): void {
    const before = this.#facts?.frame;
    const facts = this.#currentFacts();
    if (facts !== before) for (const stream of this.#streams.keys()) stream.send(facts);
  }

  /** The same object while nothing in it has changed. */
  #currentFacts(): Buffer {
    const { config, ring, store } = this.#core;
    const { jwks } = ring();
    const { longestAccessSeconds } = store;
    const known = this.#facts;
    if (known?.of[0] === jwks && known.of[1] === longestAccessSeconds) return known.frame;
    const facts: IssuerFacts = {
      issuer: config.publicUrl.origin,
      roles: Object.fromEntries(config.roles),
      longestAccessSeconds,
      keys: jwks.keys,
    };
    this.#facts = { of: [jwks, longestAccessSeconds], frame: eventFrame(eventNames.issuer, facts) };
    return this.#facts.frame;
  }

  #forget(stream: RevocationStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#pages = null;
  }
}
