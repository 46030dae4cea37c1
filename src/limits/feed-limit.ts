/** How often services may open the feed of revocations, which has a limit of its own: whoever is refused answers nobody any more. */
import type { Limit } from '../model/limits.js';

/** At the same time, in each process. */
export const mostStreamsPerKey = 100;

/** For each key. As many as ten processes can serve: when all are restarted in turn, every stream is opened again about once. */
export const feedLimit: Limit = { count: 10 * mostStreamsPerKey, windowSeconds: 60 };
