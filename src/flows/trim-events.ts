/** Removes from the record of events what is older than it is to be kept. */
import type { Logger } from '../model/app-types.js';
import type { EventSigners } from '../model/event-store.js';
import type { OpenStore } from '../model/store.js';
import { inSteps } from './purge-store.js';

/** At most, in one step: each row is hashed once more, so that what was tampered with does not go unseen. */
const rowsOfStep = 200;

export interface Trimming {
  /** Null: for ever. */
  readonly keptSeconds: number | null;
  readonly signers: EventSigners;
  readonly logger: Logger;
  readonly hasStopped: () => boolean;
}

/** By the store's clock. What is not as it was written stays, and is told to the log each time. */
export async function trimEvents(
  store: Pick<OpenStore, 'events' | 'now'>,
  { keptSeconds, signers, logger, hasStopped }: Trimming,
): Promise<void> {
  if (hasStopped()) return;
  // Where all is kept, what is left to do is to sign the beginning anew after the master secret was changed.
  const before = keptSeconds === null ? 0 : (await store.now()) - keptSeconds * 1000;
  await inSteps(async () => {
    const outcome = await store.events.trim({ before, limit: rowsOfStep, signers });
    if (outcome === 'broken')
      logger.error({}, 'the record of events was tampered with: nothing is removed from it; see `countersign events verify`');
    return outcome === 'more';
  }, hasStopped);
}
