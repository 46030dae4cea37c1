/** Bounds how often strangers can make the store look for what is not there. */

export interface AllowanceTerms {
  /** Of all strangers together: so many at once, and so many more each second. */
  readonly perSecond: number;
  /** Of one source in each second, so that no single one can use up what is there for all. */
  readonly perSource: number;
}

/** What was found is given back. */
export class LookUpAllowance {
  readonly #terms: AllowanceTerms;
  #left: number;
  #filledAt = -Infinity;
  /** What each source has taken in this second: no more entries than were taken by all. */
  readonly #taken: Map<string, number> = new Map();
  #secondBeganAt = -Infinity;

  constructor(terms: AllowanceTerms) {
    this.#terms = terms;
    this.#left = terms.perSecond;
  }

  /** False: none is left. `source` null: unknown, and bounded with all others alone. `now` in milliseconds, must not run backwards. */
  take(now: number, source: string | null): boolean {
    const { perSecond, perSource } = this.#terms;
    this.#left = Math.min(perSecond, this.#left + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (now - this.#secondBeganAt >= 1000) {
      this.#taken.clear();
      this.#secondBeganAt = now;
    }
    const taken = source === null ? 0 : (this.#taken.get(source) ?? 0);
    if (this.#left < 1 || taken >= perSource) return false;
    this.#left -= 1;
    if (source !== null) this.#taken.set(source, taken + 1);
    return true;
  }

  giveBack(source: string | null): void {
    this.#left = Math.min(this.#terms.perSecond, this.#left + 1);
    const taken = source === null ? 0 : (this.#taken.get(source) ?? 0);
    if (source === null || taken === 0) return;
    if (taken === 1) this.#taken.delete(source);
    else this.#taken.set(source, taken - 1);
  }
}
