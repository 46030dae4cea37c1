/** Step-up by a code of the second factor. */
import { AuthError } from '../errors.js';
import type { LiveSession } from '../model/store.js';
import { isLive } from '../policy/session-life.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import { openSession } from './open-session.js';
import { factorName, judgeFactor, wrongCode, type FactorProof } from './second-factor.js';

/** The password that the session was opened by counts on: the route asks for the session's own refresh cookie beside the code. */
export async function reauthenticateByFactor(context: FlowContext, { session, user }: LiveSession, proof: FactorProof): Promise<SignedIn> {
  const factors = [...session.factors.filter((factor) => factor === 'pwd'), factorName(proof.method)];
  const refused = (error: AuthError): AuthError => {
    context.emit('login.failed', { userId: user.id, sessionId: session.id, reason: 'wrong second factor at step-up' });
    return error;
  };
  const use = await judgeFactor(context, user.id, proof).catch((error: unknown) => {
    throw error instanceof AuthError ? refused(error) : error;
  });
  const signedIn = await openSession(context, { ...session, user, factors, replaces: session.id }, (input) =>
    context.store.sessions.replace({ ...input, replaces: session.id, uses: [use] }),
  );
  if (!signedIn) throw await refusal(context, session.id, refused);
  context.emit('session.reauthenticated', { userId: user.id, sessionId: signedIn.session.id });
  if (proof.method === 'recovery') context.emit('factor.recovery_code_used', { userId: user.id, sessionId: signedIn.session.id });
  return signedIn;
}

/** Either the session has ended meanwhile, or the code was good no more. */
async function refusal({ store }: FlowContext, sessionId: string, refused: (error: AuthError) => AuthError): Promise<AuthError> {
  const found = await store.sessions.find(sessionId);
  return found !== null && isLive(found) ? refused(wrongCode('no such code, or used by another')) : new AuthError('session_revoked');
}
