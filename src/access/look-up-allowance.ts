/** Bounds how often strangers can make the store look for what is not there. */

/** So many at once, and so many more each second; what was found is given back. */
export class LookUpAllowance {
  readonly #perSecond: number;
  #left: number;
  #filledAt = -Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  /** False: none is left. `now` in milliseconds, must not run backwards. */
  take(now: number): boolean {
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  giveBack(): void {
    this.#left = Math.min(this.#perSecond, this.#left + 1);
  }
}
