/** A clock that never runs backwards, so that what has expired stays expired when the machine's clock is set back. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../model/app-types.js';

/** Follows `clock` while it advances; after a step back it goes on at the pace of the monotonic clock until `clock` has caught up. */
export function guardClock(clock: Clock, monotonicNow: () => number = () => performance.now()): Clock {
  let latest = -Infinity;
  let steppedBack: { readonly at: number; readonly monotonic: number } | undefined;
  return {
    now() {
      const now = clock.now();
      if (now >= latest) {
        steppedBack = undefined;
        latest = now;
        return now;
      }
      steppedBack ??= { at: latest, monotonic: monotonicNow() };
      latest = Math.max(latest, steppedBack.at + Math.floor(monotonicNow() - steppedBack.monotonic));
      return latest;
    },
  };
}
