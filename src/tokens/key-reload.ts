/** Reads the keys again when some were revoked, and soon once more while that fails: until then tokens are signed that nobody accepts. */
import type { Logger } from '../model/app-types.js';
import type { KeyRotation } from './key-rotation.js';

const firstPauseMilliseconds = 100;
const longestPauseMilliseconds = 5000;
/** Together about half a minute; from then on it is left to the upkeep. */
const maxRepetitions = 10;

export class KeyReload {
  readonly #keys: Pick<KeyRotation, 'refresh'>;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(keys: Pick<KeyRotation, 'refresh'>, logger: Logger) {
    this.#keys = keys;
    this.#logger = logger;
  }

  begin(): void {
    this.#attempt(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #attempt(repetition: number): void {
    // Of what was to be repeated, this is the repetition.
    this.#cancel();
    this.#keys.refresh().catch((error: unknown) => {
      if (repetition === 0) this.#logger.error({ err: error }, 'keys not reloaded; it is tried again');
      if (this.#stopped || repetition >= maxRepetitions) return;
      this.#cancel();
      const pause = Math.min(firstPauseMilliseconds * 2 ** repetition, longestPauseMilliseconds);
      this.#timer = setTimeout(() => this.#attempt(repetition + 1), pause);
      this.#timer.unref();
    });
  }

  #cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
