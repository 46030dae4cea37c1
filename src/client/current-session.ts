/** Asks the server who is signed in: where no cookie tells, and for the user's name after a reload. */
import type { CurrentSessionDocument } from '../protocol/documents.js';
import type { KnownSession } from './known-session.js';
import { pause, type Refresher } from './refresher.js';

export interface CurrentSessionOptions {
  readonly session: KnownSession;
  readonly refresher: Refresher;
  /** `GET auth/session`. */
  readonly ask: () => Promise<Response>;
}

const firstWaitMilliseconds = 500;
const longestWaitMilliseconds = 30_000;

export class CurrentSession {
  readonly #options: CurrentSessionOptions;
  #running: Promise<void> | null = null;
  #completing: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: CurrentSessionOptions) {
    this.#options = options;
  }

  /** Rejects when there is no answer. Never more than one at a time. */
  reload(): Promise<void> {
    this.#running ??= this.#reload().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Asks until there is an answer, less and less often; nothing when all is known. */
  complete(): Promise<void> {
    this.#completing ??= this.#complete().finally(() => {
      this.#completing = null;
    });
    return this.#completing;
  }

  close(): void {
    this.#isClosed = true;
  }

  async #complete(): Promise<void> {
    for (let wait = firstWaitMilliseconds; this.#isIncomplete(); wait = Math.min(2 * wait, longestWaitMilliseconds)) {
      const isAnswered = await this.reload().then(
        () => true,
        () => false,
      );
      if (isAnswered) return;
      await pause(wait);
    }
  }

  #isIncomplete(): boolean {
    const { state } = this.#options.session;
    return !this.#isClosed && (state.status === 'loading' || (state.status === 'authenticated' && state.user === null));
  }

  async #reload(): Promise<void> {
    const { session, refresher, ask } = this.#options;
    const response = await ask();
    if (!response.ok) throw new Error(`The server cannot tell who is signed in (${response.status}).`);
    const { user, session: row, csrfToken = '', refreshable } = (await response.json()) as CurrentSessionDocument;
    if (user !== null && row !== null) {
      session.told(csrfToken, user, Date.parse(row.expiresAt));
      return;
    }
    if (refreshable === true) session.announce(csrfToken);
    // A page that knew of a session believes only a refresh that it is over.
    else if (session.facts === null) {
      session.signedOut();
      return;
    }
    if (typeof (await refresher.refresh()) !== 'string') throw new Error('The server cannot tell at the moment who is signed in.');
  }
}
