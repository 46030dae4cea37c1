/** Rotates a refresh token: one conditional write; only when it does not apply is the token judged. */
import { constantTimeEqual } from '../crypto/digest.js';
import { AuthError } from '../errors.js';
import type { LiveSession, SessionAndUser } from '../model/store.js';
import { judgeRefresh, type ReplayVerdict } from '../policy/replay.js';
import { isLive } from '../policy/session-life.js';
import { verifyRefreshToken, type RefreshTokenContent } from '../tokens/refresh-token.js';
import type { FlowContext } from './context.js';
import { issueTokens, type SignedIn } from './issue-tokens.js';
import { noticeRows } from './notices.js';

/** A genuine refresh token, and where it was found: a body holds a bearer session's, a cookie any other's. */
export interface PresentedToken {
  readonly content: RefreshTokenContent;
  readonly bearer: boolean;
}

/** How long after its start a process may not know yet a secret that others sign with already. */
const lagSeconds = 300;
/** Each repetition means that another request changed the session in between. */
const maxAttempts = 5;

/** @throws {AuthError} each case of the table in `docs/adr/0003-replay-window.md` with its own code. */
export async function refresh(context: FlowContext, presented: PresentedToken): Promise<SignedIn> {
  const { content } = presented;
  let step: { from: number; to: number; fastForward: boolean } = {
    from: content.generation,
    to: content.generation + 1,
    fastForward: false,
  };
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const rotation = await rotate(context, { presented, ...step });
    if (rotation.outcome === 'rotated') {
      if (step.fastForward) context.emit('session.fast_forwarded', { userId: rotation.live.user.id, sessionId: content.sessionId });
      return issueTokens(context, rotation.live, content.atGeneration(step.to), await context.claimsOf(rotation.live.user));
    }
    const found = requireSameSession(rotation.found, content);
    const verdict = judgeRefresh({ generation: content.generation, bearer: presented.bearer }, found, context.config.session);
    if (verdict.kind === 'rotate') step = verdict;
    else {
      const settled = await settle(context, { content, found, verdict });
      if (settled) return settled;
    }
  }
  throw new AuthError('refresh_superseded', { reason: 'the session changed at every attempt', retryAfterSeconds: 1 });
}

/** @throws {AuthError} `refresh_token_invalid`, or 503 while another node may know a secret that this one does not. */
export function readRefreshToken({ secrets, store, clock, startedAt }: FlowContext, token: string): RefreshTokenContent {
  const verdict = verifyRefreshToken(secrets, token);
  if (verdict.ok) return verdict.content;
  if (verdict.why === 'unknown_key' && store.shared && clock.now() - startedAt < lagSeconds * 1000) {
    throw new AuthError('store_unavailable', { reason: 'refresh token of an unknown secret', retryAfterSeconds: 5 });
  }
  throw new AuthError('refresh_token_invalid', { reason: verdict.why });
}

function rotate(
  { store, config }: FlowContext,
  { presented: { content, bearer }, from, to }: { presented: PresentedToken; from: number; to: number },
): ReturnType<typeof store.sessions.rotate> {
  const { idleSeconds, transientIdleSeconds, replayWindowSeconds } = config.session;
  const { sessionId, secretDigest } = content;
  return store.sessions.rotate({
    sessionId,
    secretDigest,
    bearer,
    from,
    to,
    idleSeconds,
    transientIdleSeconds,
    replayWindowSeconds,
  });
}

function requireSameSession(found: SessionAndUser | null, content: RefreshTokenContent): SessionAndUser {
  if (found && constantTimeEqual(found.session.secretDigest, content.secretDigest)) return found;
  throw new AuthError('refresh_token_invalid', { reason: found ? 'other session secret' : 'no such session' });
}

interface Settlement {
  readonly content: RefreshTokenContent;
  readonly found: SessionAndUser;
  readonly verdict: Exclude<ReplayVerdict, { kind: 'rotate' }>;
}

/** Null when the session changed since it was judged: judge again. */
async function settle(context: FlowContext, { content, found, verdict }: Settlement): Promise<SignedIn | null> {
  const { session } = found;
  const who = { userId: session.userId, sessionId: session.id };
  switch (verdict.kind) {
    case 'refuse':
      // Whoever was told that a session has ended must not find it alive afterwards.
      if (verdict.code === 'session_revoked') await context.learnRevocations();
      throw new AuthError(verdict.code);
    case 'serve_again': {
      // Before the one late double is spent: an application whose claims fail for a while must not use it up.
      const app = await context.claimsOf((found as LiveSession).user);
      const isFirst = verdict.late && (await context.store.sessions.recordLateDouble(session.id, session.generation));
      if (isFirst) context.emit('session.late_double', who);
      else if (verdict.late && !(await wasServedMeanwhile(context, found))) return null;
      return issueTokens(context, found as LiveSession, content.atGeneration(session.generation), app);
    }
    case 'replayed': {
      const outgoing = noticeRows(context, 'session_replayed', found.user);
      if (!(await context.store.sessions.end(session.id, 'replay', { outgoing }))) return null;
      context.postbox.wake();
      context.emit('session.replayed', who);
      throw new AuthError('refresh_token_replayed');
    }
  }
}

/** Two tabs that wake up together are one late double: the other one's was recorded after this one had been judged. */
async function wasServedMeanwhile({ store }: FlowContext, { session }: SessionAndUser): Promise<boolean> {
  const now = await store.sessions.find(session.id);
  return (
    now !== null && isLive(now) && now.session.generation === session.generation && now.session.lateDoubleGeneration === session.generation
  );
}
