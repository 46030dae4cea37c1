/** Gets new tokens: once for all who wait, with patience, and without ever taking a broken network for the end of a session. */
import type { SignedInDocument } from '../protocol/documents.js';
import { codeOf, retryAfterOf } from './answers.js';
import type { KnownSession } from './known-session.js';

/**
 * `refreshed`: repeat with what there is now. `signed-out`: the server says that the session is over. Otherwise, after all patience, what
 * was in the way: an answer (429, 5xx), or the error of `fetch`.
 */
export type RefreshOutcome = 'refreshed' | 'signed-out' | Response | Error;

const attempts = 6;
const firstWaitMilliseconds = 250;
const longestWaitMilliseconds = 10_000;
/** A request that hangs is given up; the server takes the next one as the same. */
const requestTimeoutMilliseconds = 10_000;
/** In which another tab's message arrives. */
const messageMilliseconds = 30;
/** In which the cookies of a session that took the place of this one arrive. */
const graceMilliseconds = 500;

export interface RefresherOptions {
  readonly session: KnownSession;
  /** Sends the request, with the CSRF token of now. */
  readonly send: (signal: AbortSignal) => Promise<Response>;
  /** Memory mode: a token that another tab has fetched is here only when its message is. */
  readonly keepsToken: boolean;
}

export class Refresher {
  readonly #options: RefresherOptions;
  readonly #session: KnownSession;
  #running: Promise<RefreshOutcome> | null = null;

  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#session = options.session;
  }

  refresh(): Promise<RefreshOutcome> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #refresh(): Promise<RefreshOutcome> {
    const askedAt = Date.now();
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#session.tabs.oneAtATime((hasWaited) => this.#unlessDone(hasWaited, askedAt));
      if (typeof outcome === 'string') return outcome;
      const asked = outcome instanceof Response ? (retryAfterOf(outcome) ?? 0) : 0;
      if (attempt === attempts - 1 || asked > longestWaitMilliseconds || isFinal(outcome)) return outcome;
      await pause(Math.max(asked, firstWaitMilliseconds * 2 ** attempt * (0.75 + jitter() / 2)));
    }
  }

  async #unlessDone(hasWaited: boolean, askedAt: number): Promise<RefreshOutcome> {
    if (!hasWaited) return this.#attempt();
    await pause(messageMilliseconds);
    this.#session.follow();
    const now = this.#session.facts;
    // Should the other one have failed, the repeated request says so, and then it is this one's turn.
    const isDone = now !== null && (!this.#options.keepsToken || now.refreshedAt >= askedAt);
    return isDone ? 'refreshed' : this.#attempt();
  }

  async #attempt(): Promise<RefreshOutcome> {
    const before = this.#session.facts;
    const sentAt = Date.now();
    try {
      const response = await this.#options.send(AbortSignal.timeout(requestTimeoutMilliseconds));
      if (response.ok) {
        this.#session.signedIn((await response.json()) as SignedInDocument, sentAt);
        return 'refreshed';
      }
      return await this.#judge(response, before?.csrf);
    } catch (error) {
      return error as Error;
    }
  }

  async #judge(response: Response, csrf: string | undefined): Promise<RefreshOutcome> {
    if (response.status !== 401 && response.status !== 403) return response;
    const isOver = response.status === 401 || (await codeOf(response)) === 'account_disabled';
    if (await this.#isReplaced(csrf)) return 'refreshed';
    if (!isOver) return response;
    this.#session.signedOut();
    return 'signed-out';
  }

  /** A password changed or a login in another tab ends this session, and its successor is just being delivered. */
  async #isReplaced(csrf: string | undefined): Promise<boolean> {
    for (const wait of [0, graceMilliseconds]) {
      await pause(wait);
      this.#session.follow();
      const now = this.#session.facts;
      if (now !== null && now.csrf !== csrf) return true;
    }
    return false;
  }
}

/** 409: another tab was faster. 429 and 5xx pass, and so does a broken network. */
function isFinal(outcome: Response | Error): boolean {
  return outcome instanceof Response && outcome.status < 500 && outcome.status !== 409 && outcome.status !== 429;
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** From 0 to 1, so that many tabs do not come back in step. */
function jitter(): number {
  return performance.now() % 1;
}
