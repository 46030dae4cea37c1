/** How old the knowledge in an index is, by two clocks, and who waits until it is fresh. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../model/app-types.js';

export interface FreshnessOptions {
  readonly maxStalenessSeconds: number;
  readonly clock: Clock;
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly monotonicNow?: (() => number) | undefined;
}

/** One moment by both clocks, in milliseconds. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export class Freshness {
  readonly #clock: Clock;
  readonly #monotonicNow: () => number;
  readonly #maxStaleness: number;
  #knownOf: Moment = { monotonic: -Infinity, wall: -Infinity };
  #droppedBy = -Infinity;
  readonly #waiting: Set<() => void> = new Set();

  constructor({ maxStalenessSeconds, clock, monotonicNow = () => performance.now() }: FreshnessOptions) {
    this.#maxStaleness = maxStalenessSeconds * 1000;
    this.#clock = clock;
    this.#monotonicNow = monotonicNow;
  }

  now(): Moment {
    return { monotonic: this.#monotonicNow(), wall: this.#clock.now() };
  }

  /** Since the moment of which everything is known, by the clock that has advanced more. Infinity before the first. */
  ageMilliseconds(wallNow: number = this.#clock.now()): number {
    // The clock went back behind an instant by which entries were dropped: until all are read again, some that are in force may be missing.
    if (this.isBehindDropped(wallNow)) return Infinity;
    return Math.max(this.#monotonicNow() - this.#knownOf.monotonic, wallNow - this.#knownOf.wall);
  }

  /** For each request: reads both clocks. `wallNow`, read in this turn from the same clock, spares one. */
  isFresh(wallNow?: number): boolean {
    return this.ageMilliseconds(wallNow) <= this.#maxStaleness;
  }

  /** Everything that had been revoked at this moment is in the index. */
  prove(moment: Moment): void {
    this.#knownOf = moment;
    this.#droppedBy = Math.min(this.#droppedBy, moment.wall);
  }

  /** What had expired at this instant was dropped from the index. */
  dropped(wall: number): void {
    this.#droppedBy = wall;
  }

  /** Whether entries were dropped that are in force again by a clock that says this. */
  isBehindDropped(wall: number): boolean {
    return wall < this.#droppedBy;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Until `answerWaiting`, or for so long; then whether it is fresh. */
  wait(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(answer);
        resolve(this.isFresh());
      };
      const timer = setTimeout(answer, milliseconds);
      this.#waiting.add(answer);
    });
  }

  answerWaiting(): void {
    for (const answer of this.#waiting) answer();
  }
}
