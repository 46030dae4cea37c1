/** How long revocations of other processes took to arrive in this one: a histogram that can be read at any time. */

/** Upper bounds in milliseconds; the promise is 50 at the 99th percentile. */
const bounds: readonly number[] = [2, 5, 10, 20, 35, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10_000];

export interface PropagationFigures {
  /** Revocations that this process learned from others since it started. */
  readonly count: number;
  readonly sumMilliseconds: number;
  readonly maxMilliseconds: number;
  /** What half of them, and 99 of 100, took no longer than; estimated from the buckets. Null before the first. */
  readonly p50Milliseconds: number | null;
  readonly p99Milliseconds: number | null;
  /** Upper bound and how many took no longer; the last bound is Infinity. Cumulative, as in Prometheus. */
  readonly buckets: readonly PropagationBucket[];
}

export interface PropagationBucket {
  readonly upTo: number;
  readonly count: number;
}

export class Propagation {
  readonly #counts: number[] = new Array<number>(bounds.length + 1).fill(0);
  #sum = 0;
  #max = 0;

  /** From the commit to the index of this process, by the store's clock. */
  record(milliseconds: number): void {
    const taken = Math.max(0, milliseconds);
    const bucket = bounds.findIndex((bound) => taken <= bound);
    const at = bucket < 0 ? bounds.length : bucket;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += taken;
    this.#max = Math.max(this.#max, taken);
  }

  figures(): PropagationFigures {
    let count = 0;
    const buckets = [...bounds, Infinity].map((upTo, index) => ({ upTo, count: (count += this.#counts[index] ?? 0) }));
    return {
      count,
      sumMilliseconds: this.#sum,
      maxMilliseconds: this.#max,
      p50Milliseconds: this.#quantile(0.5, buckets),
      p99Milliseconds: this.#quantile(0.99, buckets),
      buckets,
    };
  }

  /** As if those of one bucket were spread evenly over it; never more than the longest. */
  #quantile(share: number, buckets: readonly PropagationBucket[]): number | null {
    const rank = share * (buckets.at(-1)?.count ?? 0);
    if (rank === 0) return null;
    let below: PropagationBucket = { upTo: 0, count: 0 };
    for (const bucket of buckets) {
      if (bucket.count >= rank) {
        const upTo = Math.min(bucket.upTo, this.#max);
        return below.upTo + ((upTo - below.upTo) * (rank - below.count)) / (bucket.count - below.count);
      }
      below = bucket;
    }
    return this.#max;
  }
}
