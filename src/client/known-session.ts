/** What this tab knows of the session: kept in step with the companion cookie and with the other tabs. The only file that changes the state. */
import type { SignedInDocument } from '../protocol/documents.js';
import type { ClientState, ClientUser } from './client-types.js';
import type { StateCookieReader } from './state-cookie.js';
import { Tabs } from './tabs.js';

/** Also what tabs of one origin tell each other; they could all ask the server for the same. */
export interface SessionFacts {
  /** Names the session: it stays through refreshes, and is another one after a login. */
  readonly csrf: string;
  readonly user: ClientUser | null;
  /** Milliseconds since 1970, as all instants here. */
  readonly expiresAt: number;
  /** By this machine's clock, from the answer's `expiresIn`; null: not known, as after a reload. */
  readonly accessUntil: number | null;
  /** When those tokens came. */
  readonly refreshedAt: number;
  /** Memory mode only. */
  readonly accessToken?: string;
}

export class KnownSession {
  readonly tabs: Tabs<SessionFacts | null>;
  readonly #cookie: StateCookieReader;
  readonly #listeners: Set<(state: ClientState) => void> = new Set();
  #facts: SessionFacts | null = null;
  #announced: string | null = null;
  #userKey = 0;
  #state: ClientState = { status: 'loading' };

  /** `user`: of the session that the cookie names. */
  constructor(name: string, cookie: StateCookieReader, user: ClientUser | null) {
    this.#cookie = cookie;
    this.tabs = new Tabs(name, (facts) => this.#hear(facts));
    this.follow(user);
  }

  get state(): ClientState {
    return this.#state;
  }

  get facts(): SessionFacts | null {
    return this.#facts;
  }

  /** Null: no session is known of. */
  get csrfToken(): string | null {
    return this.#facts?.csrf ?? this.#announced;
  }

  subscribe(listener: (state: ClientState) => void): () => void {
    // One of its own, so that who subscribes twice with one function is called twice and leaves once.
    const entry = (state: ClientState): void => listener(state);
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Takes the cookie for true, which any tab may have changed. */
  follow(user: ClientUser | null = null): void {
    if (!this.#cookie.isReadable) return;
    const cookie = this.#cookie.read();
    if (cookie === null) this.#change(null);
    else if (cookie.csrf !== this.#facts?.csrf) this.#change({ ...cookie, user, accessUntil: null, refreshedAt: 0 });
    else if (cookie.expiresAt !== this.#facts.expiresAt) this.#change({ ...this.#facts, expiresAt: cookie.expiresAt });
  }

  /** The server has handed over tokens, asked for at `sentAt`. */
  signedIn({ user, session, csrfToken = '', accessToken, expiresIn }: SignedInDocument, sentAt: number): void {
    this.#tell({
      csrf: csrfToken,
      user,
      expiresAt: this.#cookie.read()?.expiresAt ?? Date.parse(session.expiresAt),
      accessUntil: sentAt + expiresIn * 1000,
      refreshedAt: Date.now(),
      ...(accessToken !== undefined && { accessToken }),
    });
  }

  /** The server has told who is signed in. */
  told(csrf: string, user: ClientUser, expiresAt: number): void {
    const known = csrf === this.#facts?.csrf ? this.#facts : null;
    this.#change({ accessUntil: null, refreshedAt: 0, expiresAt, ...known, csrf, user });
  }

  /** The server has told that there is a session, which a refresh with this token would wake. */
  announce(csrf: string): void {
    this.#announced = csrf;
  }

  /** The server has said that this session is over, or that there is none. */
  signedOut(): void {
    if (this.#facts !== null) this.#cookie.forget(this.#facts.csrf);
    this.#tell(null);
    // Not the one that another tab has just begun.
    this.follow();
  }

  close(): void {
    this.tabs.close();
    this.#listeners.clear();
  }

  #tell(facts: SessionFacts | null): void {
    this.tabs.post(facts);
    this.#change(facts);
  }

  /** Where the cookie can be read, another tab's word is only believed about the session that the cookie names. */
  #hear(facts: SessionFacts | null): void {
    if (!this.#cookie.isReadable || (facts !== null && facts.csrf === this.#cookie.read()?.csrf)) this.#change(facts);
    else this.follow();
  }

  #change(facts: SessionFacts | null): void {
    const before = this.#facts;
    this.#facts = facts;
    this.#announced = null;
    if (before !== null && !isSameUser(before, facts)) this.#userKey += 1;
    const isSame =
      facts === null
        ? this.#state.status === 'guest'
        : facts.csrf === before?.csrf && facts.user === before.user && facts.expiresAt === before.expiresAt;
    if (isSame) return;
    this.#state =
      facts === null
        ? { status: 'guest' }
        : { status: 'authenticated', user: facts.user, expiresAt: new Date(facts.expiresAt), userKey: this.#userKey };
    for (const listener of [...this.#listeners]) listener(this.#state);
  }
}

/** For certain: while the user of another session is not known yet, it is not. */
export function isSameUser(before: SessionFacts, now: SessionFacts | null): boolean {
  return now !== null && (now.csrf === before.csrf || (now.user !== null && now.user.id === before.user?.id));
}
