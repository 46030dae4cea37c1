/** Sets a new password by the link in a mail. Nobody is signed in by it. */
import { AuthError } from '../errors.js';
import type { FlowContext } from './context.js';
import { noticeRows } from './notices.js';
import { contentOf, findProof, readOneTimeToken, redeemed } from './one-time-proof.js';
import { addressOf } from './prove-email.js';
import { hashNewPassword } from './verify-password.js';

/**
 * The password is judged before the token is used, so that a bad one loses nothing. All sessions end, API keys are revoked.
 * @throws {AuthError} `one_time_token_invalid`, `one_time_token_used`, `one_time_token_expired`, `invalid_request`, `overloaded`.
 */
export async function resetPassword(
  context: FlowContext,
  { token, newPassword }: { readonly token: string; readonly newPassword: string },
): Promise<void> {
  const read = readOneTimeToken(context, token, ['reset_password']);
  const proof = await findProof(context, read);
  // Before the work of hashing: what is used or over costs nothing.
  if (proof.usedAt !== null) throw new AuthError('one_time_token_used');
  const { email } = contentOf(context, proof, 'reset_password');
  const owner = proof.userId === null ? null : await context.store.users.find({ id: proof.userId });
  if (owner === null) throw new AuthError('one_time_token_expired', { reason: 'the account is gone' });
  const passwordHash = await hashNewPassword(context, { password: newPassword, path: 'newPassword', of: owner });
  const user = redeemed(
    await context.store.proofs.redeem({
      id: proof.id,
      purpose: 'reset_password',
      by: { secretDigest: read.secretDigest },
      effect: { kind: 'reset_password', passwordHash, ...addressOf(email) },
      // The address is proved by this very act.
      outgoing: noticeRows(context, 'password_changed', { ...owner, emailVerified: owner.emailVerified || owner.email === email }),
    }),
  );
  context.postbox.wake();
  context.emit('password.changed', { userId: user.id, reason: 'reset by mail, API keys revoked' });
}
