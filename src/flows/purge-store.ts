/** Removes from a store what has expired for good, however much that is, so slowly that no request has to wait for it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { OpenStore } from '../model/store.js';

/** At most, in one step; a store does less where that would take long. */
const rowsOfStep = 1000;
/** For each millisecond that a step took, in which it waited its turn, so many without one. */
const restingShare = 2;
const shortestRestMilliseconds = 10;

/** Resolves when nothing is left, or after the step under way when `hasStopped` says so. */
export async function purgeStore(store: Pick<OpenStore, 'purge'>, hasStopped: () => boolean): Promise<void> {
  await inSteps(() => store.purge(rowsOfStep), hasStopped);
}

/** @param step true when there may be more */
export async function inSteps(step: () => Promise<boolean>, hasStopped: () => boolean): Promise<void> {
  while (!hasStopped()) {
    const startedAt = performance.now();
    if (!(await step())) return;
    const took = performance.now() - startedAt;
    await pause(Math.max(shortestRestMilliseconds, restingShare * took), undefined, { ref: false });
  }
}
