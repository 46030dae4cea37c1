/**
 * Reads a history and what the database holds at its end, and decides which of the invariants were broken. It shares no code with what it
 * judges: it knows the promises, and works out from the requests alone what must and what may have happened.
 */
import type { Answer, Entry, FinalState, Loss, Request, Violation } from './entries.js';
import { Judge } from './judge.js';
import { Ledger } from './ledger.js';
import { Recovery, type RecoveryFigures } from './recovery.js';

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly figures: Figures;
}

export interface Figures {
  readonly seconds: number;
  /** By role and act, by outcome, and by fault. */
  readonly requests: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly sessions: number;
  readonly falseLogouts: number;
  /** The longest that an honest client waited for an answer, in milliseconds. */
  readonly longestWait: number;
  readonly recovery: RecoveryFigures;
  /** By session that ended at one node and was presented at another afterwards: how long it was still let in there, in milliseconds. */
  readonly propagation: readonly number[];
}

/** A line that the writer did not finish is none. */
export function parseHistory(text: string): Entry[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

export function checkHistory(entries: Iterable<Entry>, final: FinalState): Verdict {
  const checker = new Checker();
  for (const entry of entries) checker.take(entry);
  return checker.finish(final);
}

class Checker {
  #ledger: Ledger | undefined;
  #judge: Judge | undefined;
  readonly #recovery = new Recovery();
  readonly #open: Map<number, Request> = new Map();
  readonly #requests: Record<string, number> = {};
  readonly #outcomes: Record<string, number> = {};
  readonly #faults: Record<string, number> = {};
  /** Answers by which sessions may have been opened that the history does not name, by user. */
  readonly #unheard: Map<string, number> = new Map();
  readonly #propagation: Map<string, number> = new Map();
  #longestWait = 0;
  #lastAt = 0;

  get #known(): { ledger: Ledger; judge: Judge } {
    if (this.#ledger === undefined || this.#judge === undefined) throw new Error('The history has no beginning.');
    return { ledger: this.#ledger, judge: this.#judge };
  }

  take(entry: Entry): void {
    this.#lastAt = entry.at;
    switch (entry.kind) {
      case 'begin':
        this.#ledger = new Ledger(entry);
        this.#judge = new Judge(this.#ledger);
        break;
      case 'clock':
        this.#known.ledger.setClock(entry);
        break;
      case 'fault':
        if (entry.state === 'begins') count(this.#faults, entry.fault);
        this.#recovery.fault(entry);
        break;
      case 'request':
        count(this.#requests, `${entry.role} ${entry.act}`);
        this.#open.set(entry.id, entry);
        this.#known.ledger.sent(entry);
        break;
      case 'answer':
      case 'loss':
        this.#close(entry);
    }
  }

  #close(entry: Answer | Loss): void {
    const request = this.#open.get(entry.id);
    if (request === undefined) throw new Error(`Nobody asked for answer ${entry.id}.`);
    this.#open.delete(entry.id);
    const isFailure = entry.kind === 'loss' || entry.status >= 500 || entry.status === 429;
    count(this.#outcomes, entry.kind === 'loss' ? 'lost' : `${entry.status} ${entry.code ?? ''}`.trim());
    if (isFailure && (request.act === 'login' || request.act === 'password')) {
      this.#unheard.set(request.user, (this.#unheard.get(request.user) ?? 0) + 1);
    }
    if (request.role === 'honest') {
      this.#recovery.outcome({ at: request.at, answeredAt: entry.at, failed: isFailure });
      this.#longestWait = Math.max(this.#longestWait, entry.at - request.at);
    }
    if (entry.kind === 'loss') return;
    this.#measurePropagation(request, entry);
    this.#known.judge.judge({ request, answer: entry });
    this.#known.ledger.answered(request, entry);
  }

  #measurePropagation({ access, at }: Request, { node, status, code }: Answer): void {
    const session = this.#known.ledger.access.get(access ?? '')?.session;
    const end = session?.ends.find((one) => one.node !== node);
    if (session === undefined || end === undefined || (status >= 300 && code !== 'session_revoked')) return;
    const letInFor = status < 300 ? Math.max(0, at - end.at) : 0;
    this.#propagation.set(session.id, Math.max(letInFor, this.#propagation.get(session.id) ?? 0));
  }

  finish(final: FinalState): Verdict {
    const { ledger, judge } = this.#known;
    this.#judgeSessions(final);
    for (const { id, name } of final.users) {
      if (!ledger.user(id).name.mayBeFound(name ?? '', Infinity))
        judge.report('I4', `an acknowledged name of ${id} is not in the database`);
    }
    const found = new Set(final.users.map(({ id }) => id));
    for (const { id } of ledger.begin.users) if (!found.has(id)) judge.report('I4', `the user ${id} is not in the database`);
    const recovery = this.#recovery.judge(ledger.begin.recoverySeconds);
    const violations = [...judge.violations, ...recovery.violations];
    return {
      violations,
      figures: {
        seconds: Math.round((this.#lastAt - ledger.begin.at) / 1000),
        requests: this.#requests,
        outcomes: this.#outcomes,
        faults: this.#faults,
        sessions: ledger.sessions.size,
        falseLogouts: violations.filter(({ invariant }) => invariant === 'I6').length,
        longestWait: Math.round(this.#longestWait),
        recovery: recovery.figures,
        propagation: [...this.#propagation.values()].map(Math.round).sort((one, other) => one - other),
      },
    };
  }

  #judgeSessions(final: FinalState): void {
    const { ledger, judge } = this.#known;
    const rows = new Map(final.sessions.map((row) => [row.id, row]));
    for (const session of ledger.sessions.values()) {
      const { id, user, chain, ends } = session;
      const row = rows.get(id);
      rows.delete(id);
      if (row === undefined) {
        judge.report('I4', `the session ${id} is not in the database`);
        continue;
      }
      if (row.user !== user) judge.report('I1', `the session ${id} belongs to another user`);
      const newest = chain.length - 1;
      if (row.generation < newest) judge.report('I4', `the session ${id} has generation ${row.generation}; ${newest} was answered`);
      // One answer can have been lost; whoever did not hear it cannot go on from there.
      if (row.generation > newest + 1) judge.report('I3', `the session ${id} was rotated with a token that nobody had`);
      if (row.ended === null && ends.length > 0) judge.report('I5', `the session ${id} had ended and is alive`);
      if (row.ended !== null && !ledger.causesOfEnd(session, Infinity).has(row.ended)) {
        judge.report('I6', `the session ${id} ended (${row.ended}) without a cause`);
      }
    }
    for (const { id, user } of rows.values()) {
      const left = (this.#unheard.get(user) ?? 0) - 1;
      this.#unheard.set(user, left);
      if (left < 0) judge.report('I1', `nobody asked for the session ${id}`);
    }
  }
}

function count(counts: Record<string, number>, key: string): void {
  Object.assign(counts, { [key]: (counts[key] ?? 0) + 1 });
}
