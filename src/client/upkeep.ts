/** What a page does by itself: refreshes a little before the end while it is in use, and looks again when it comes back to the front. */
import type { KnownSession } from './known-session.js';
import type { Refresher } from './refresher.js';

export interface UpkeepOptions {
  readonly session: KnownSession;
  readonly refresher: Refresher;
  /** When `fetch` was last called. */
  readonly lastRequestAt: () => number;
  /** The page is in front again, or the network is back. */
  readonly onReturn: () => void;
}

/** Looks this often; a timer for the instant itself would be late after a sleep. */
const everyMilliseconds = 1000;
/** Of the life of an access token, at most half a minute. */
const leadShare = 0.2;
const longestLeadMilliseconds = 30_000;

/** @returns the function that ends it. On a server there is nothing to keep up. */
export function keepUp({ session, refresher, lastRequestAt, onReturn }: UpkeepOptions): () => void {
  if (typeof document === 'undefined') return () => {};
  let lastInputAt = 0;
  const onInput = (): void => {
    lastInputAt = Date.now();
  };
  const onShown = (): void => {
    session.follow();
    if (document.visibilityState === 'visible') onReturn();
  };
  const look = (): void => {
    session.follow();
    const { facts } = session;
    // Nobody there: the session may grow old, as it was agreed with the server; the next request refreshes.
    if (facts === null || facts.accessUntil === null || document.visibilityState !== 'visible') return;
    if (Math.max(lastInputAt, lastRequestAt()) < facts.refreshedAt) return;
    const lead = Math.min(longestLeadMilliseconds, (facts.accessUntil - facts.refreshedAt) * leadShare);
    if (Date.now() > facts.accessUntil - lead) void refresher.refresh();
  };
  const ending = new AbortController();
  const options = { signal: ending.signal, passive: true, capture: true };
  for (const type of ['pointerdown', 'keydown']) addEventListener(type, onInput, options);
  for (const type of ['pageshow', 'focus', 'online']) addEventListener(type, onShown, options);
  document.addEventListener('visibilitychange', onShown, options);
  const timer = setInterval(look, everyMilliseconds);
  return () => {
    ending.abort();
    clearInterval(timer);
  };
}
