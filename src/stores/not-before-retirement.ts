/** Keeps small differences between clocks from turning the order of two acts around. */

/** Instants of one process's clock and another's, or waiting for a lock, may differ by this much without a clock being wrong. */
const toleratedSkewMilliseconds = 10_000;

/**
 * An act takes its instant when it is asked for; the rotation that it lost to may have been asked for some milliseconds later. The store's
 * clock had reached that one too, or a double would look as if it came before its token was retired.
 */
export function notBeforeRetirement(now: number, retiredAt: number | undefined): number {
  return retiredAt !== undefined && retiredAt > now && retiredAt - now <= toleratedSkewMilliseconds ? retiredAt : now;
}
