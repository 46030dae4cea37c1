/** Keeps a feed subscribed to one source of hints, tries again where that fails, and lets go of it. */
import type { Logger } from '../model/app-types.js';
import type { RevocationHints } from '../model/bus.js';

interface Attempt {
  readonly settled: Promise<void>;
}

export class HintSubscription {
  readonly #hints: RevocationHints;
  readonly #onHint: () => void;
  readonly #logger: Logger;
  #current: Attempt | null = null;
  #unsubscribe: (() => void) | null = null;
  #failed = false;

  constructor(hints: RevocationHints, onHint: () => void, logger: Logger) {
    this.#hints = hints;
    this.#onHint = onHint;
    this.#logger = logger;
  }

  /** Subscribes where it is not; never rejects: without hints the feed is only slower. Called again and again. */
  async ensure(): Promise<void> {
    await (this.#current ??= this.#subscribe()).settled;
  }

  release(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#current = null;
  }

  /** Let go of while the source takes its time, an attempt is not the current one any more. */
  #subscribe(): Attempt {
    const subscribe = async (): Promise<() => void> =>
      this.#hints.subscribe(() => {
        this.#onHint();
      });
    const attempt: Attempt = {
      settled: subscribe().then(
        (unsubscribe) => this.#succeed(attempt, unsubscribe),
        (error: unknown) => this.#fail(attempt, error),
      ),
    };
    return attempt;
  }

  #succeed(attempt: Attempt, unsubscribe: () => void): void {
    if (attempt !== this.#current) {
      unsubscribe();
      return;
    }
    this.#unsubscribe = unsubscribe;
    this.#failed = false;
    this.#onHint();
  }

  #fail(attempt: Attempt, error: unknown): void {
    if (attempt !== this.#current) return;
    this.#current = null;
    if (!this.#failed) this.#logger.warn({ err: error }, 'no hints of new revocations; they are read at intervals only');
    this.#failed = true;
  }
}
