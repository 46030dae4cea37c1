/** Reads the issuer's revocation feed into the index, and knows how old that knowledge is. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../crypto/random.js';
import type { Logger } from '../model/app-types.js';
import { revocationsScope } from '../policy/scopes.js';
import { eventNames, type IssuerFacts } from '../protocol/revocation-events.js';
import type { Freshness } from '../revocation/freshness.js';
import type { RevocationIndex } from '../revocation/revocation-index.js';
import { EventStreamParser, type ServerSentEvent } from './event-stream.js';
import { describeFailure } from './fetch-document.js';
import { withinTime, type TimeLimit } from './limited-work.js';
import { parseAge, parseFacts, parseRows } from './feed-events.js';

export interface RevocationReaderOptions {
  readonly url: string;
  readonly issuer: string;
  readonly serviceKey: string;
  readonly index: Pick<RevocationIndex, 'apply' | 'prune'>;
  /** By a clock that does not run backwards. */
  readonly freshness: Freshness;
  readonly logger: Logger;
  /** Ends it. */
  readonly closed: AbortSignal;
  readonly onFacts: (facts: IssuerFacts) => void;
}

/** The issuer says each second how fresh it is: after three without a word the connection is dead, though nobody has closed it. */
const silenceMilliseconds = 3000;
/** Until the first word of how fresh it is, there may be much to read. */
const beginningMilliseconds = 10_000;
const firstDelayMilliseconds = 250;
const longestDelayMilliseconds = 5000;
/** A key that is refused will not be good in a moment. */
const refusedDelayMilliseconds = 10_000;
const longestRetryAfterSeconds = 30;
/** For requests that meet a stale index. */
const waitMilliseconds = 2000;
const pruneEveryMilliseconds = 60_000;

/** The issuer does not let this service read. */
export class FeedRefusal extends Error {}
const refusedMessage = `the issuer refuses the service key: it must be an API key with the scope ${revocationsScope} that has neither expired nor been revoked`;

/** An answer that is no feed. */
class UnexpectedAnswer extends Error {
  readonly retryAfterMilliseconds: number;

  constructor({ status, headers }: Response) {
    super(`the answer is ${String(status)}${status === 200 ? ', but no event stream' : ''}`);
    const seconds = Number(headers.get('retry-after') ?? 0);
    this.retryAfterMilliseconds = Math.min(seconds >= 0 ? seconds : 0, longestRetryAfterSeconds) * 1000;
  }
}

export class RevocationReader {
  readonly #options: RevocationReaderOptions;
  /** Where the issuer goes on. Empty: from the start. */
  #position = '';
  #prunedAt = -Infinity;
  /** Connections since the last one that brought something fresh. */
  #failures = 0;
  #failure: unknown;
  #hasReported = false;
  #hasMetUnknown = false;
  #started: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;

  constructor(options: RevocationReaderOptions) {
    this.#options = options;
  }

  /** Resolves when all that was revoked is in the index, and goes on reading. Rejects with a `FeedRefusal`, and when that takes too long. */
  async start(withinMilliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#started = { resolve, reject };
        timer = setTimeout(() => reject(this.#tooLate()), withinMilliseconds);
        void this.#run();
      });
    } finally {
      clearTimeout(timer);
      this.#started = null;
    }
  }

  isFresh(wallNow?: number): boolean {
    return this.#options.freshness.isFresh(wallNow);
  }

  /** For requests that meet a stale index: until the issuer says something new, at most two seconds. */
  async waitUntilFresh(): Promise<boolean> {
    const { freshness, closed } = this.#options;
    return freshness.isFresh() || closed.aborted ? freshness.isFresh() : freshness.wait(waitMilliseconds);
  }

  async #run(): Promise<void> {
    const { closed, freshness } = this.#options;
    closed.addEventListener('abort', () => {
      freshness.answerWaiting();
    });
    const limits = { closed, message: 'the issuer says nothing any more' };
    while (!closed.aborted) {
      const failure = await withinTime(beginningMilliseconds, limits, (limit) => this.#read(limit)).catch((error: unknown) => error);
      this.#failures += 1;
      if (failure !== undefined) this.#report(failure);
      await pause(this.#delay(failure), undefined, { signal: closed, ref: false }).catch(() => undefined);
    }
  }

  /** One connection. Resolves when the issuer ends it in order, which it does every few minutes. */
  async #read({ signal, extend }: TimeLimit): Promise<void> {
    const body = await this.#connect(signal);
    const seen = { facts: false, fresh: false };
    const parser = new EventStreamParser((event) => {
      seen.facts ||= event.type === eventNames.issuer;
      if (!seen.facts) throw new Error('the feed does not begin with the facts of the issuer');
      this.#take(event);
      seen.fresh ||= event.type === eventNames.fresh;
      extend(seen.fresh ? silenceMilliseconds : beginningMilliseconds);
    });
    for await (const chunk of body) this.#parse(parser, chunk);
    if (!seen.fresh) throw new Error('the issuer has ended the feed before it was complete');
  }

  async #connect(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { url, serviceKey } = this.#options;
    const headers = { authorization: `Bearer ${serviceKey}`, accept: 'text/event-stream', 'cache-control': 'no-store' };
    const position = this.#position === '' ? {} : { 'last-event-id': this.#position };
    const response = await fetch(url, { headers: { ...headers, ...position }, redirect: 'error', signal });
    const type = response.headers.get('content-type') ?? '';
    if (response.status === 200 && /^text\/event-stream *(?:;|$)/i.test(type)) return response.body as unknown as AsyncIterable<Uint8Array>;
    await response.body?.cancel();
    const { status } = response;
    if (status === 401 || status === 403) throw new FeedRefusal(`the issuer refuses the service key (${String(status)})`);
    throw new UnexpectedAnswer(response);
  }

  /** What it cannot understand may have been anything: then all is read again. */
  #parse(parser: EventStreamParser, chunk: Uint8Array): void {
    try {
      parser.push(chunk);
    } catch (error) {
      this.#position = '';
      throw error;
    }
  }

  #take({ type, data, lastEventId }: ServerSentEvent): void {
    const { issuer, onFacts } = this.#options;
    if (type === eventNames.issuer) onFacts(parseFacts(data, issuer));
    else if (type === eventNames.revocations) this.#apply(data);
    else if (type === eventNames.fresh) this.#prove(parseAge(data));
    if (lastEventId !== '') this.#position = lastEventId;
  }

  #apply(data: string): void {
    const { index, logger } = this.#options;
    const { rows, unknown } = parseRows(data);
    index.apply(rows);
    if (unknown > 0 && !this.#hasMetUnknown) {
      this.#hasMetUnknown = true;
      logger.warn({}, 'the issuer revokes what this version of countersign does not know: bring it up to date');
    }
  }

  /** The issuer's own age counts too: it may have lost its store while it goes on talking. */
  #prove(age: number | null): void {
    const { freshness, index } = this.#options;
    if (age === null) return;
    const { monotonic, wall } = freshness.now();
    freshness.prove({ monotonic: monotonic - age, wall: wall - age });
    if (monotonic - this.#prunedAt >= pruneEveryMilliseconds) {
      this.#prunedAt = monotonic;
      index.prune(wall);
    }
    this.#reportRecovery();
    if (freshness.isFresh(wall)) this.#settle();
  }

  #settle(): void {
    this.#started?.resolve();
    this.#options.freshness.answerWaiting();
  }

  #tooLate(): Error {
    const why = this.#failure === undefined ? 'the issuer itself does not know what was revoked' : describeFailure(this.#failure);
    return new Error(`${this.#options.url} cannot be read: ${why}`, { cause: this.#failure });
  }

  #delay(failure: unknown): number {
    const longest = Math.min(firstDelayMilliseconds * 2 ** (this.#failures - 1), longestDelayMilliseconds);
    const random = (systemRandom(1)[0] ?? 0) / 255;
    if (failure instanceof FeedRefusal) return refusedDelayMilliseconds * (1 + random);
    const asked = failure instanceof UnexpectedAnswer ? failure.retryAfterMilliseconds : 0;
    return asked + longest * random;
  }

  /** Once, until it is back. */
  #report(failure: unknown): void {
    this.#failure = failure;
    if (failure instanceof FeedRefusal) this.#started?.reject(failure);
    if (this.#hasReported || this.#options.closed.aborted) return;
    this.#hasReported = true;
    const { logger } = this.#options;
    if (failure instanceof FeedRefusal) logger.error({ err: failure }, refusedMessage);
    else logger.warn({ err: failure }, 'the revocation feed is interrupted; trying again until it is back');
  }

  #reportRecovery(): void {
    if (this.#hasReported) this.#options.logger.info({ attempts: this.#failures }, 'the revocation feed is back');
    this.#hasReported = false;
    this.#failures = 0;
  }
}
