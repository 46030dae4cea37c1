/** Changes a password: all sessions of the user end, this device gets a new one, in one transaction. */
import { AuthError } from '../errors.js';
import type { LiveSession, SessionStore } from '../model/store.js';
import { hasSecondFactor } from '../policy/assurance.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import { noticeRows } from './notices.js';
import { openSession } from './open-session.js';
import { hashNewPassword, isPasswordOf } from './verify-password.js';

export interface PasswordChange {
  readonly currentPassword: string;
  readonly newPassword: string;
}

/** @throws {AuthError} `invalid_credentials`, `invalid_request` for the new one, `session_revoked` when it ended meanwhile. */
export async function changePassword(context: FlowContext, { session, user }: LiveSession, change: PasswordChange): Promise<SignedIn> {
  const credential = await context.store.users.findCredential({ id: user.id });
  const fromHash = credential?.passwordHash ?? null;
  if (!credential || fromHash === null || !(await isPasswordOf(context, credential, change.currentPassword))) {
    context.emit('login.failed', { userId: user.id, sessionId: session.id, reason: 'wrong password at password change' });
    throw new AuthError('invalid_credentials');
  }
  const toHash = await hashNewPassword(context, { password: change.newPassword, path: 'newPassword', of: user });
  // Of two factors only one was proved now: the time of the older proof stays.
  const proof = hasSecondFactor(session.factors) ? { provedAt: session.authenticatedAt } : {};
  const request = { ...session, ...proof, user: credential.user, replaces: session.id };
  const outgoing = noticeRows(context, 'password_changed', credential.user);
  const signedIn = await openSession(context, request, async (input) => {
    const act = { ...input, replaces: session.id, toHash, outgoing };
    const changed = await context.store.sessions.changePassword({ ...act, fromHash });
    return changed ?? changeFromStronger(context, act, fromHash);
  });
  if (!signedIn) throw new AuthError('session_revoked');
  context.postbox.wake();
  context.emit('password.changed', { userId: user.id, sessionId: signedIn.session.id });
  return signedIn;
}

/** A login beside this may have put a stronger hash of the same password meanwhile: within one epoch, nothing else does. */
async function changeFromStronger(
  { store }: FlowContext,
  act: Omit<Parameters<SessionStore['changePassword']>[0], 'fromHash'>,
  fromHash: string,
): Promise<LiveSession | null> {
  const found = await store.users.findCredential({ id: act.session.userId });
  const stronger = found?.user.sessionEpoch === act.epoch ? found.passwordHash : null;
  if (stronger === null || stronger === fromHash) return null;
  return store.sessions.changePassword({ ...act, fromHash: stronger });
}
