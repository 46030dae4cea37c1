/** Judges a genuine refresh token against the row of its session: the table of `docs/adr/0003-replay-window.md`, in its order. */
import type { ErrorCode } from '../protocol/error-codes.js';
import { maxRetirements, type SessionAndUser, type SessionRecord } from '../model/store.js';
import { sessionProblem } from './session-life.js';

export interface PresentedRefreshToken {
  readonly generation: number;
  /** Whether it came in a body, as a bearer session's does, or in a cookie. */
  readonly bearer: boolean;
}

export interface ReplayRules {
  readonly replayWindowSeconds: number;
  readonly lateDouble: 'once' | 'never';
}

export type ReplayVerdict =
  /** Go on from generation `from` to `to`; `fastForward` when the store had lost its last moments. */
  | { readonly kind: 'rotate'; readonly from: number; readonly to: number; readonly fastForward: boolean }
  /** Hand out the current generation again; `late` must be recorded, which can be done once. */
  | { readonly kind: 'serve_again'; readonly late: boolean }
  | { readonly kind: 'replayed' }
  | { readonly kind: 'refuse'; readonly code: ErrorCode };

/** How many generations beyond the store's a token of ours may be: what a promoted replica can have lost. */
const maxFastForward = 2;

export function judgeRefresh(presented: PresentedRefreshToken, found: SessionAndUser, rules: ReplayRules): ReplayVerdict {
  const problem = sessionProblem(found);
  if (problem !== null) return { kind: 'refuse', code: problem };
  const { session, now } = found;
  if (presented.bearer !== (session.delivery === 'bearer')) return { kind: 'refuse', code: 'refresh_token_invalid' };
  const ahead = presented.generation - session.generation;
  if (ahead > maxFastForward) return { kind: 'refuse', code: 'refresh_token_invalid' };
  if (ahead >= 0) return { kind: 'rotate', from: session.generation, to: presented.generation + 1, fastForward: ahead > 0 };
  const isInsideWindow = retiredInsideWindow(session, presented.generation, { now, windowSeconds: rules.replayWindowSeconds });
  if (ahead === -1) return judgeParent(session, isInsideWindow, rules);
  return isInsideWindow ? { kind: 'refuse', code: 'refresh_superseded' } : { kind: 'replayed' };
}

function judgeParent(session: SessionRecord, isInsideWindow: boolean, { lateDouble }: ReplayRules): ReplayVerdict {
  if (isInsideWindow) return { kind: 'serve_again', late: false };
  const servedLately = session.lateDoubleGeneration !== null && session.lateDoubleGeneration >= session.generation - 1;
  return lateDouble === 'never' || servedLately ? { kind: 'replayed' } : { kind: 'serve_again', late: true };
}

function retiredInsideWindow(
  { generation, retirements }: SessionRecord,
  presented: number,
  { now, windowSeconds }: { now: number; windowSeconds: number },
): boolean {
  const isInside = (retiredAt: number): boolean => now - retiredAt >= 0 && now - retiredAt <= windowSeconds * 1000;
  const retiredAt = retirements[generation - 1 - presented];
  if (retiredAt !== undefined) return isInside(retiredAt);
  // The list is full of retirements within the window: this one may be within it too, and an honest tab must not be taken for a thief.
  const oldestKnown = retirements.at(-1);
  return retirements.length >= maxRetirements && oldestKnown !== undefined && isInside(oldestKnown);
}
