/** What is known from the history so far: which credential was issued when and to whom, and what ended which session or may have. */
import type { Answer, Begin, ClockSet, Digest, Issued, Request } from './entries.js';
import { WrittenValue, type Write } from './written-value.js';

export interface Session {
  readonly id: string;
  readonly user: string;
  /** When its opening was asked for, and when it was answered. */
  readonly openedFrom: number;
  readonly openedAt: number;
  /** By generation: its refresh token, when the first answer with it came, and when it was first presented. */
  readonly chain: Digest[];
  readonly knownAt: number[];
  readonly presentedAt: (number | undefined)[];
  /** Acknowledged: it is over since then at the latest. */
  readonly ends: { readonly at: number; readonly node: string }[];
  readonly attempts: Attempt[];
  /** By node: since when it has been refused there as over. */
  readonly refusedSince: Map<string, number>;
}

/** A request that ends a session unless it is refused. */
interface Attempt {
  readonly why: 'logout' | 'replaced' | 'replay';
  readonly request: Request;
  readonly generation: number;
  until: number;
  refused: boolean;
}

export interface Token {
  readonly session: Session;
  readonly issuedAt: number;
  /** Of an access token: seconds since 1970. */
  readonly exp: number;
  /** Of a refresh token. */
  readonly generation: number;
}

interface User {
  readonly name: WrittenValue;
  readonly password: WrittenValue;
}

export class Ledger {
  readonly begin: Begin;
  readonly access: Map<Digest, Token> = new Map();
  readonly refresh: Map<Digest, Token> = new Map();
  readonly sessions: Map<string, Session> = new Map();
  readonly #users: Map<string, User>;
  readonly #writes: Map<Request, Write> = new Map();
  readonly #attempts: Map<Request, Attempt> = new Map();
  readonly #clocks: Map<string, { slowest: number; fastest: number }> = new Map();

  constructor(begin: Begin) {
    this.begin = begin;
    this.#users = new Map(
      begin.users.map(({ id, name, password }) => [id, { name: new WrittenValue(name), password: new WrittenValue(password) }]),
    );
  }

  user(id: string): User {
    const user = this.#users.get(id);
    if (user === undefined) throw new Error(`The history begins without the user ${id}.`);
    return user;
  }

  /** A clock that was wrong stays so: a process that never lets its clock run backwards goes on with the latest instant that it saw. */
  setClock({ node, offsetMilliseconds }: ClockSet): void {
    const { slowest, fastest } = this.clockOf(node);
    this.#clocks.set(node, { slowest: Math.min(slowest, offsetMilliseconds), fastest: Math.max(fastest, offsetMilliseconds) });
  }

  clockOf(node: string): { readonly slowest: number; readonly fastest: number } {
    return this.#clocks.get(node) ?? { slowest: 0, fastest: 0 };
  }

  sent(request: Request): void {
    const { act, user, at, name, newPassword, refresh } = request;
    if (act === 'write') this.#writes.set(request, this.user(user).name.begin(name ?? '', at));
    if (act === 'password') this.#writes.set(request, this.user(user).password.begin(newPassword ?? '', at));
    const presented = refresh === undefined ? undefined : this.refresh.get(refresh);
    if (presented === undefined) return;
    const { session, generation } = presented;
    if (act === 'refresh') session.presentedAt[generation] ??= at;
    const why = act === 'logout' ? 'logout' : act === 'login' ? 'replaced' : request.role === 'thief' ? 'replay' : null;
    if (why === null) return;
    const attempt: Attempt = { why, request, generation, until: Infinity, refused: false };
    session.attempts.push(attempt);
    this.#attempts.set(request, attempt);
  }

  answered(request: Request, { at, node, status, code }: Answer): void {
    const write = this.#writes.get(request);
    if (write && status < 500) Object.assign(write, status < 300 ? { state: 'acknowledged', until: at } : { state: 'refused' });
    const attempt = this.#attempts.get(request);
    if (attempt) {
      attempt.until = at;
      attempt.refused = attempt.why !== 'replay' && status >= 400 && status < 500;
    }
    const presented = request.refresh === undefined ? undefined : this.refresh.get(request.refresh);
    const isEnd = code === 'refresh_token_replayed' || (status < 300 && (request.act === 'login' || request.act === 'logout'));
    if (isEnd) presented?.session.ends.push({ at, node });
    if (request.act === 'password' && status < 300) {
      for (const session of this.sessions.values()) {
        if (session.user === request.user && session.openedAt < request.at) session.ends.push({ at, node });
      }
    }
    this.#writes.delete(request);
    this.#attempts.delete(request);
  }

  openSession(request: Request, answer: Answer, { sid, sub }: Issued): Session {
    const session: Session = {
      id: sid,
      user: sub,
      openedFrom: request.at,
      openedAt: answer.at,
      chain: [],
      knownAt: [],
      presentedAt: [],
      ends: [],
      attempts: [],
      refusedSince: new Map(),
    };
    this.sessions.set(sid, session);
    return session;
  }

  issue(session: Session, generation: number, { at }: Answer, { access, refresh, exp }: Issued): void {
    session.chain[generation] ??= refresh;
    session.knownAt[generation] ??= at;
    for (const [tokens, digest] of [[this.access, access] as const, [this.refresh, refresh] as const]) {
      if (!tokens.has(digest)) tokens.set(digest, { session, issuedAt: at, exp, generation });
    }
  }

  /** Everything that may have ended a session before `now`, by the reason that the database then gives. */
  causesOfEnd(session: Session, now: number): ReadonlySet<string> {
    const causes = new Set<string>();
    for (const { why, request, generation, until, refused } of session.attempts) {
      if (refused || request.at >= now) continue;
      if (why !== 'replay' || this.#mayBeReplay(session, generation, Math.min(until, now))) causes.add(why);
    }
    for (const { from, until } of this.user(session.user).password.writes) {
      // The change that opened this very session did not end it.
      const isOwn = from === session.openedFrom;
      if (from > -Infinity && from < now && session.openedFrom < until && !isOwn) causes.add('epoch').add('replaced');
    }
    return causes;
  }

  /** Within the replay window after it was first presented, no token may be taken for a replay. */
  #mayBeReplay({ presentedAt }: Session, generation: number, at: number): boolean {
    const retiredAfter = presentedAt[generation];
    return retiredAfter !== undefined && at - retiredAfter > this.begin.windowSeconds * 1000;
  }
}
