/** Step-up: the user proves again who he is, and the session is replaced by one with fresh assurance. */
import { AuthError } from '../errors.js';
import type { LiveSession } from '../model/store.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import { openSession } from './open-session.js';
import { isPasswordOf } from './verify-password.js';

/** @throws {AuthError} `invalid_credentials`, `session_revoked` when it ended meanwhile. */
export async function reauthenticate(context: FlowContext, { session, user }: LiveSession, password: string): Promise<SignedIn> {
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
