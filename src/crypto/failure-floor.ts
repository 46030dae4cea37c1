/**
 * Hides in time which accounts still have a hash from elsewhere: from the first such hash on, whoever is refused waits until the slowest kind
 * that is in use would have been refused, too. Without work: only the answer waits.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Of kinds that are never met again the oldest is forgotten. */
const maxKinds = 32;
/** A machine that stood still for a moment does not make every failed login as slow. */
const longestMilliseconds = 1500;
const margin = 1.1;
/** A kind that nobody has had for so long is forgotten when another is met. */
const keptMilliseconds = 3_600_000;

export class FailureFloor {
  /** How long a verification takes, by its cost: a longer one counts at once, shorter ones little by little. The one met last is the last. */
  readonly #kinds = new Map<string, { readonly milliseconds: number; readonly metAt: number }>();
  #isForeignInUse = false;

  record(cost: string, isForeign: boolean, milliseconds: number): void {
    this.#isForeignInUse ||= isForeign;
    if (!this.#isForeignInUse) return;
    const known = this.#kinds.get(cost)?.milliseconds ?? 0;
    this.#kinds.delete(cost);
    const now = performance.now();
    this.#kinds.set(cost, { milliseconds: milliseconds > known ? milliseconds : known * 0.9 + milliseconds * 0.1, metAt: now });
    for (const [kind, { metAt }] of this.#kinds) {
      if (this.#kinds.size <= maxKinds && now - metAt < keptMilliseconds) break;
      this.#kinds.delete(kind);
    }
  }

  /** Resolves when as much time has passed since then as the slowest kind takes. */
  async reach(startedAt: number): Promise<void> {
    if (!this.#isForeignInUse) return;
    const longest = Math.max(...[...this.#kinds.values()].map(({ milliseconds }) => milliseconds));
    const floor = Math.min(longestMilliseconds, longest * margin);
    const missing = floor - (performance.now() - startedAt);
    if (missing > 0) await pause(missing);
  }
}
