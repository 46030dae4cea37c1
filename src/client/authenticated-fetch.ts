/** `fetch` with the session: adds what proves it, and repeats what met an access token that is over. */
import { csrfHeader } from '../protocol/names.js';
import { codeOf } from './answers.js';
import type { CurrentSession } from './current-session.js';
import { isSameUser, type KnownSession, type SessionFacts } from './known-session.js';
import type { Refresher, RefreshOutcome } from './refresher.js';

export interface AuthenticatedFetchOptions {
  readonly session: KnownSession;
  readonly refresher: Refresher;
  /** Where relative addresses are resolved. */
  readonly base: URL;
  /** Those that may see tokens; the base's is one of them. */
  readonly origins: ReadonlySet<string>;
  readonly delivery: 'cookie' | 'memory';
  readonly current: CurrentSession;
}

/** One token may be over at once after it came: of a tab that slept between the two. */
const mostRefreshes = 2;
/** What cannot be repeated must not meet the end of its token. */
const freshEnoughMilliseconds = 30_000;
const isSafe = (method: string): boolean => /^(?:GET|HEAD|OPTIONS)$/i.test(method);

export class AuthenticatedFetch {
  readonly #options: AuthenticatedFetchOptions;
  /** When a request was last made: an application that polls is in use. */
  lastUsedAt = 0;

  constructor(options: AuthenticatedFetchOptions) {
    this.#options = options;
  }

  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const { session, refresher, current } = this.#options;
    const url = this.#resolve(input);
    const call = new Call(input instanceof Request ? input : url, init);
    this.lastUsedAt = Date.now();
    if (session.state.status === 'loading') await aborted(call.signal, current.reload());
    session.follow();
    if (this.#isOver(call.canRepeat ? 0 : freshEnoughMilliseconds)) {
      const outcome = await aborted(call.signal, refresher.refresh());
      if (outcome instanceof Error) throw outcome;
      if (outcome instanceof Response) return outcome;
    }
    for (let refreshes = 0; ; refreshes += 1) {
      const facts = session.facts;
      const response = await call.send(this.#credentials(call.method, url, facts));
      if (!call.canRepeat || facts === null || refreshes === mostRefreshes) return response;
      const outcome = await aborted(call.signal, this.#mend(response, facts));
      if (outcome instanceof Error) throw outcome;
      if (outcome instanceof Response) return outcome;
      // What was meant for one user is not done in the name of another.
      if (outcome === 'signed-out' || !(isSafe(call.method) || isSameUser(facts, session.facts))) return response;
    }
  }

  /** What to do about an answer: itself when there is nothing. */
  async #mend(response: Response, sentWith: SessionFacts): Promise<RefreshOutcome> {
    const { session, refresher } = this.#options;
    if (response.status !== 401 && response.status !== 403) return response;
    const code = await codeOf(response);
    session.follow();
    const hasChanged = session.facts !== null && (session.facts.csrf !== sentWith.csrf || session.facts.refreshedAt > sentWith.refreshedAt);
    if (code === 'csrf_failed') return hasChanged ? 'refreshed' : response;
    const isOver = code === 'token_expired' || code === 'token_invalid' || code === 'session_revoked' || code === 'token_missing';
    if (!isOver) return response;
    return hasChanged ? 'refreshed' : refresher.refresh();
  }

  /** As far as this page knows. */
  #isOver(spareMilliseconds: number): boolean {
    const { session, delivery } = this.#options;
    const { facts } = session;
    if (facts === null) return false;
    if (delivery === 'memory' && facts.accessToken === undefined) return true;
    return facts.accessUntil === null ? spareMilliseconds > 0 : facts.accessUntil - spareMilliseconds <= Date.now();
  }

  #credentials(method: string, url: URL, facts: SessionFacts | null): RequestInit & { readonly proof: readonly [string, string] | null } {
    const { base, delivery } = this.#options;
    const credentials = delivery === 'cookie' || url.origin === base.origin ? ({ credentials: 'include' } as const) : {};
    if (facts?.accessToken !== undefined) return { ...credentials, proof: ['authorization', `Bearer ${facts.accessToken}`] };
    return { ...credentials, proof: facts === null || isSafe(method) ? null : [csrfHeader, facts.csrf] };
  }

  #resolve(input: string | URL | Request): URL {
    const { base, origins } = this.#options;
    const url = new URL(input instanceof Request ? input.url : input, base);
    if (origins.has(url.origin)) return url;
    throw new TypeError(
      `auth.fetch sends the session to ${[...origins].join(', ')} only. Add "${url.origin}" to apiOrigins, or use fetch.`,
    );
  }
}

/** One request, which can be sent again unless its body is a stream. */
class Call {
  readonly method: string;
  readonly canRepeat: boolean;
  readonly signal: AbortSignal | null;
  readonly #input: URL | Request;
  readonly #init: RequestInit;

  constructor(input: URL | Request, init: RequestInit) {
    const request = input instanceof Request ? input : null;
    this.#input = input;
    this.#init = init;
    this.method = init.method ?? request?.method ?? 'GET';
    this.signal = init.signal ?? request?.signal ?? null;
    this.canRepeat = !(init.body instanceof ReadableStream);
  }

  send({ proof, ...credentials }: RequestInit & { readonly proof: readonly [string, string] | null }): Promise<Response> {
    // A copy, whose body the original keeps.
    const input = this.#input instanceof Request ? this.#input.clone() : this.#input;
    const headers = new Headers(this.#init.headers ?? (input instanceof Request ? input.headers : undefined));
    if (proof !== null) headers.set(...proof);
    return fetch(input, { ...credentials, ...this.#init, headers });
  }
}

/** Who gives up does not wait; for the others the work goes on. */
function aborted<Value>(signal: AbortSignal | null, work: Promise<Value>): Promise<Value> {
  if (signal === null) return work;
  let onAbort: (() => void) | undefined;
  const given = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
  return Promise.race([work, given]).finally(() => {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  });
}
