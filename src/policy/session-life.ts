/** When a session is alive, and until when. */
import type { HeldSession, LiveSession, SessionAndUser } from '../model/store.js';
import type { ErrorCode } from '../protocol/error-codes.js';

/** Why a session cannot be used, or null when it is alive; the order is the promise. */
export function sessionProblem({ session, user, now }: SessionAndUser): ErrorCode | null {
  if (session.endedAt !== null) return 'session_revoked';
  if (now >= session.idleExpiresAt || now >= session.absoluteExpiresAt) return 'refresh_token_expired';
  if (!user) return 'session_revoked';
  if (user.disabledAt !== null) return 'account_disabled';
  if (user.sessionEpoch > session.epoch) return 'session_revoked';
  return null;
}

export function isLive(found: SessionAndUser): found is LiveSession {
  return sessionProblem(found) === null;
}

/** When a session ends unless it is used: the earlier of idle timeout and absolute lifetime. */
export function sessionExpiresAt(session: HeldSession): number {
  return Math.min(session.idleExpiresAt, session.absoluteExpiresAt);
}
