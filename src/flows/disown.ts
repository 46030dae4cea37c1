/** "This was not me", from a notice: puts an account back into the hands of whoever has the mailbox that the notice went to. */
import type { FlowContext } from './context.js';
import { contentOf, findProof, readOneTimeToken, redeemed } from './one-time-proof.js';
import { addressOf } from './prove-email.js';

/**
 * All sessions end, API keys are revoked, everything pending is void, the address is again what it was, and a mail goes there to set a new
 * password. @throws {AuthError} `one_time_token_invalid`, `one_time_token_used`, `one_time_token_expired`.
 */
export async function disown(context: FlowContext, token: string): Promise<void> {
  const read = readOneTimeToken(context, token, ['disown']);
  const proof = await findProof(context, read);
  const { email } = contentOf(context, proof, 'disown');
  const resets = proof.userId === null ? [] : context.postbox.rows({ kind: 'reset_due', userId: proof.userId, email, locale: null });
  const user = redeemed(
    await context.store.proofs.redeem({
      id: proof.id,
      purpose: 'disown',
      by: { secretDigest: read.secretDigest },
      effect: { kind: 'disown', ...addressOf(email) },
      outgoing: resets,
    }),
  );
  context.postbox.wake();
  context.emit('user.disowned', { userId: user.id });
  context.emit('session.all_ended', { userId: user.id, reason: 'disowned from a notice' });
}
