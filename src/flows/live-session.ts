/** Reads the live row behind a verified access token, for acts that must not rely on what the token says. */
import { AuthError } from '../errors.js';
import type { Principal } from '../model/app-types.js';
import type { LiveSession } from '../model/store.js';
import { hasSecondFactor, secondFactorDetail } from '../policy/assurance.js';
import { isLive, sessionProblem } from '../policy/session-life.js';
import type { FlowContext } from './context.js';
import { readRefreshToken } from './refresh.js';
import { constantTimeEqual } from '../crypto/digest.js';

/** @throws {AuthError} `session_revoked`, `account_disabled`. */
export async function requireLiveSession(context: FlowContext, principal: Principal): Promise<LiveSession> {
  const found = await context.store.sessions.find(principal.sessionId);
  if (!found || found.session.userId !== principal.userId) throw new AuthError('session_revoked', { reason: 'no such session' });
  if (isLive(found)) return found;
  await context.learnRevocations();
  throw new AuthError(sessionProblem(found) === 'account_disabled' ? 'account_disabled' : 'session_revoked');
}

/**
 * For sensitive acts: authenticated recently, and outside bearer mode the request also carries the session's refresh cookie, so that a copied
 * access token alone is not enough. Whoever has a second factor has proved it, too: who has copied a session and knows the password does not.
 * @throws {AuthError} `step_up_required`, `refresh_token_missing`, `refresh_token_invalid`.
 */
export function requireFreshProof(context: FlowContext, { session, user, now }: LiveSession, refreshCookie: string | undefined): void {
  requireRefreshCookieOf(context, session, refreshCookie);
  const maxAgeSeconds = context.config.sensitiveSeconds;
  if (now - session.authenticatedAt > maxAgeSeconds * 1000) throw new AuthError('step_up_required', { maxAgeSeconds });
  if (user.mfaEnabled && !hasSecondFactor(session.factors))
    throw new AuthError('step_up_required', { maxAgeSeconds, detail: secondFactorDetail });
}

/** Nothing of a bearer session, whose refresh token is in no cookie. @throws {AuthError} `refresh_token_missing`, `refresh_token_invalid`. */
export function requireRefreshCookieOf(context: FlowContext, session: LiveSession['session'], cookie: string | undefined): void {
  if (session.delivery === 'bearer') return;
  if (cookie === undefined) throw new AuthError('refresh_token_missing');
  const content = readRefreshToken(context, cookie);
  const isSame = content.sessionId === session.id && constantTimeEqual(content.secretDigest, session.secretDigest);
  // The parent counts: another tab may have refreshed while this request was under way.
  if (!isSame || content.generation < session.generation - 1) {
    throw new AuthError('refresh_token_invalid', { reason: 'refresh cookie of another session or an old one' });
  }
}
