/** Judges one answer by what was known when it was asked for: whether it may let in (I1 to I3, I5), and whether it may refuse (I4, I6). */
import type { Answer, Invariant, Issued, Request, Violation } from './entries.js';
import type { Ledger, Session, Token } from './ledger.js';

/** The driver's wall clock and the servers' are the same, read at different moments. */
const clockReading = 100;

interface Exchange {
  readonly request: Request;
  readonly answer: Answer;
}

export class Judge {
  readonly violations: Violation[] = [];
  readonly #ledger: Ledger;
  /** Who was let in by which password change; the session that it came from is good for one. */
  readonly #changed: Map<Session, string> = new Map();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  report(invariant: Invariant, message: string, { request, answer }: Partial<Exchange> = {}): void {
    const what = request
      ? `${request.act} of ${request.client} (${request.role}), ${answer?.status ?? ''} ${answer?.code ?? ''} at ${answer?.node ?? ''}: `
      : '';
    this.violations.push({ invariant, message: what + message, ...(request ? { request: request.id } : {}) });
  }

  judge(exchange: Exchange): void {
    const { request, answer } = exchange;
    if (answer.clears === true && !(request.act === 'logout' && answer.status < 300)) this.report('I6', 'takes the cookies away', exchange);
    if (answer.status < 300) this.#judgeAcceptance(exchange);
    else if (answer.status >= 500 && answer.status !== 503) this.report('I7', 'a fault must be answered 503', exchange);
    else if (request.role === 'honest' && answer.status < 500 && answer.status !== 429) this.#judgeRefusal(exchange);
    if (answer.code === 'refresh_superseded' && this.#isOldReplay(exchange)) this.report('I3', 'a replay was not noticed', exchange);
    if (answer.code === 'session_revoked') {
      const session = this.#presented(request)?.session;
      const { node, at } = answer;
      if (session) session.refusedSince.set(node, Math.min(at, session.refusedSince.get(node) ?? Infinity));
    }
  }

  #presented({ act, access, refresh }: Request): Token | undefined {
    const { access: accessTokens, refresh: refreshTokens } = this.#ledger;
    return act === 'refresh' ? refreshTokens.get(refresh ?? '') : accessTokens.get(access ?? '');
  }

  // ── letting in ────────────────────────────────────────────────────────────────────────────────

  #judgeAcceptance(exchange: Exchange): void {
    const { request, answer } = exchange;
    if (request.act === 'logout') return;
    if (request.act === 'login' || request.act === 'password') this.#judgePassword(exchange);
    if (request.act === 'login') {
      this.#judgeOpening(exchange, answer.issued);
      return;
    }
    const token = this.#presented(request);
    if (token === undefined || token.issuedAt > request.at) this.report('I1', 'nobody was issued this credential', exchange);
    else if (request.act === 'refresh') this.#judgeRefresh(exchange, token);
    else {
      this.#judgeAccess(exchange, token);
      if (request.act === 'password') this.#judgeChange(exchange, token.session);
      else this.#judgeContent(exchange);
    }
  }

  #judgeAccess(exchange: Exchange, { session, exp }: Token): void {
    const { request, answer } = exchange;
    const { begin } = this.#ledger;
    if (session.user !== (answer.user ?? request.user)) this.report('I1', 'the credential was issued to somebody else', exchange);
    const { slowest } = this.#ledger.clockOf(answer.node);
    if (this.#wall(request.at) + Math.min(0, slowest) > exp * 1000 + clockReading)
      this.report('I1', 'the access token had expired', exchange);
    const late = session.ends.find(({ at, node }) => request.at > at + (node === answer.node ? 0 : begin.boundSeconds * 1000));
    if (late) this.report('I1', `its session had ended ${Math.round(request.at - late.at)} ms before, at ${late.node}`, exchange);
    const refusedAt = session.refusedSince.get(answer.node);
    if (refusedAt !== undefined && refusedAt < request.at)
      this.report('I5', 'this node had refused the session as revoked before', exchange);
  }

  #judgeRefresh(exchange: Exchange, { session, generation }: Token): void {
    const { request, answer } = exchange;
    const end = session.ends.find(({ at }) => request.at > at);
    if (end) this.report('I5', `its session had ended ${Math.round(request.at - end.at)} ms before, at ${end.node}`, exchange);
    if ((session.knownAt[generation + 2] ?? Infinity) < request.at) this.report('I3', 'its grandchild was in use already', exchange);
    const { issued } = answer;
    const sibling = session.chain[generation + 1];
    if (issued?.sid !== session.id || issued.sub !== session.user) this.report('I3', 'the child is of another session or user', exchange);
    else if (sibling !== undefined && sibling !== issued.refresh) this.report('I3', 'a second child of one parent', exchange);
    else if ((this.#ledger.refresh.get(issued.refresh)?.generation ?? generation + 1) !== generation + 1) {
      this.report('I3', 'the child is no next generation', exchange);
    } else this.#ledger.issue(session, generation + 1, answer, issued);
  }

  /** Two generations behind, and retired longer ago than the window. */
  #isOldReplay({ request }: Exchange): boolean {
    const token = this.#presented(request);
    if (token === undefined) return false;
    const { knownAt } = token.session;
    const [retiredAt = Infinity, supersededAt = Infinity] = knownAt.slice(token.generation + 1);
    return supersededAt < request.at && request.at - retiredAt > this.#ledger.begin.windowSeconds * 1000 + clockReading;
  }

  #judgeOpening(exchange: Exchange, issued: Issued | undefined): void {
    const { request, answer } = exchange;
    const { sessions, refresh } = this.#ledger;
    if (issued?.sub !== request.user) this.report('I1', 'tokens of somebody else', exchange);
    else if (sessions.has(issued.sid) || refresh.has(issued.refresh)) this.report('I3', 'a session that was there already', exchange);
    else this.#ledger.issue(this.#ledger.openSession(request, answer, issued), 0, answer, issued);
  }

  #judgePassword(exchange: Exchange): void {
    const { request } = exchange;
    const { password } = this.#ledger.user(request.user);
    if (!password.mayBeFound(request.password ?? '', request.at)) this.report('I5', 'the password had been changed before', exchange);
  }

  #judgeChange(exchange: Exchange, from: Session): void {
    const { issued } = exchange.answer;
    const other = this.#changed.get(from);
    if (other !== undefined && other !== issued?.sid) this.report('I2', 'a session was replaced twice', exchange);
    this.#changed.set(from, issued?.sid ?? '');
    this.#judgeOpening(exchange, issued);
  }

  #judgeContent(exchange: Exchange): void {
    const { request, answer } = exchange;
    const { name } = this.#ledger.user(request.user);
    if (request.act === 'read' && !name.mayBeFound(answer.name ?? '', request.at)) {
      this.report('I4', 'an acknowledged write is not there', exchange);
    }
    for (const id of answer.sessions ?? []) {
      if (this.#ledger.sessions.get(id)?.ends.some(({ at }) => at < request.at))
        this.report('I5', 'lists a session that had ended', exchange);
    }
  }

  // ── refusing ──────────────────────────────────────────────────────────────────────────────────

  #judgeRefusal(exchange: Exchange): void {
    const { request, answer } = exchange;
    if (answer.code === 'invalid_credentials') {
      const { password } = this.#ledger.user(request.user);
      if (password.mustBeFound(request.password ?? '', request.at, answer.at)) this.report('I4', 'the password is right', exchange);
    } else if (!this.#mayRefuse(exchange)) {
      this.report('I6', request.act === 'refresh' ? 'a false logout' : 'refused without a reason', exchange);
    }
  }

  #mayRefuse({ request, answer }: Exchange): boolean {
    // Nobody but an accepted logout takes credentials away, so that who has none is rightly told so.
    if (request.access === undefined && request.refresh === undefined) return answer.code?.endsWith('token_missing') === true;
    const token = this.#presented(request);
    if (token === undefined) return false;
    const { session, exp } = token;
    const refresh = this.#ledger.refresh.get(request.refresh ?? '');
    const isSuperseded = refresh !== undefined && (session.presentedAt[refresh.generation + 1] ?? Infinity) < answer.at;
    switch (answer.code) {
      case 'session_revoked':
        return this.#ledger.causesOfEnd(session, answer.at).size > 0;
      case 'refresh_token_replayed':
        return this.#ledger.causesOfEnd(session, answer.at).has('replay');
      case 'refresh_superseded':
        return isSuperseded;
      case 'refresh_token_invalid':
        // A change of the password wants the newest refresh cookie, or the one before it.
        return request.act === 'password' && isSuperseded;
      case 'token_expired':
        return this.#wall(answer.at) + Math.max(0, this.#ledger.clockOf(answer.node).fastest) >= exp * 1000 - clockReading;
      default:
        return false;
    }
  }

  #wall(at: number): number {
    return at + this.#ledger.begin.wallAtZero;
  }
}
