/** Step-up: the user proves again who he is, and the session is replaced by one with fresh assurance. */
import { AuthError } from '../errors.js';
import type { LiveSession } from '../model/store.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import { openSession } from './open-session.js';
import type { FactorProof } from './second-factor.js';
import { isPasswordOf } from './verify-password.js';

/** @throws {AuthError} `invalid_credentials`, `mfa_code_invalid`, `session_revoked` when it ended meanwhile. */
export async function reauthenticate(
  context: FlowContext,
  live: LiveSession,
  proof: { readonly password: string } | FactorProof,
): Promise<SignedIn> {
  if ('password' in proof) return byPassword(context, live, proof.password);
  // Loaded by whoever has one.
  const { reauthenticateByFactor } = await import('./reauthenticate-by-factor.js');
  return reauthenticateByFactor(context, live, proof);
}

/** What it is good for is what was proved now: a second factor of before does not go over into the new session. */
async function byPassword(context: FlowContext, { session, user }: LiveSession, password: string): Promise<SignedIn> {
  const credential = await context.store.users.findCredential({ id: user.id });
  if (!credential || !(await isPasswordOf(context, credential, password))) {
    context.emit('login.failed', { userId: user.id, sessionId: session.id, reason: 'wrong password at step-up' });
    throw new AuthError('invalid_credentials');
  }
  const signedIn = await openSession(context, { ...session, user: credential.user, factors: ['pwd'], replaces: session.id }, (input) =>
    context.store.sessions.replace({ ...input, replaces: session.id }),
  );
  if (!signedIn) throw new AuthError('session_revoked');
  context.emit('session.reauthenticated', { userId: user.id, sessionId: signedIn.session.id });
  return signedIn;
}
