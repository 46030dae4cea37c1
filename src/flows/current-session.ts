/** What a page asks first: who is signed in, or whether a refresh would help. */
import { constantTimeEqual } from '../crypto/digest.js';
import type { Principal } from '../model/app-types.js';
import type { LiveSession } from '../model/store.js';
import { isLive } from '../policy/session-life.js';
import { verifyRefreshToken } from '../tokens/refresh-token.js';
import type { FlowContext } from './context.js';

/** `refreshable`: there is a live session, only its access token is missing or over. */
export type CurrentSession = { readonly status: 'signed_in' | 'refreshable'; readonly live: LiveSession } | { readonly status: 'guest' };

export async function currentSession(
  context: FlowContext,
  principal: Principal | null,
  refreshCookie: string | undefined,
): Promise<CurrentSession> {
  const found = principal && (await context.store.sessions.find(principal.sessionId));
  if (found && isLive(found)) return { status: 'signed_in', live: found };
  const live = refreshCookie === undefined ? null : await sessionOfRefreshToken(context, refreshCookie);
  return live ? { status: 'refreshable', live } : { status: 'guest' };
}

async function sessionOfRefreshToken({ store, secrets }: FlowContext, token: string): Promise<LiveSession | null> {
  const verdict = verifyRefreshToken(secrets, token);
  if (!verdict.ok) return null;
  const found = await store.sessions.find(verdict.content.sessionId);
  if (!found || !isLive(found) || found.session.delivery === 'bearer') return null;
  return constantTimeEqual(found.session.secretDigest, verdict.content.secretDigest) ? found : null;
}
