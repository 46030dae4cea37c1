/** Proves that an address is its user's: the one he has, the one he wants to change to, or the one he registers by. */
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError } from '../errors.js';
import type { ProofEffect, ProofRecord, Redemption } from '../model/proofs.js';
import type { LiveSession, UserRecord } from '../model/store.js';
import { parseEmail } from '../policy/identifiers.js';
import { codeDigestLike, codePattern } from '../tokens/one-time-token.js';
import type { FlowContext } from './context.js';
import { noticeRows } from './notices.js';
import { contentOf, findProof, readOneTimeToken, redeemed } from './one-time-proof.js';

/** What was done, for the words of the answer. */
export interface ProvedEmail {
  readonly purpose: 'verify_email' | 'change_email' | 'register';
  readonly user: UserRecord;
}

type EmailProof = ProofRecord & Pick<ProvedEmail, 'purpose'>;

/** @throws {AuthError} `one_time_token_invalid`, `one_time_token_used`, `one_time_token_expired`, `conflict` for an address that another has. */
export async function proveEmailByLink(context: FlowContext, token: string): Promise<ProvedEmail> {
  const content = readOneTimeToken(context, token, ['verify_email', 'change_email', 'register']);
  const proof = (await findProof(context, content)) as EmailProof;
  return prove(context, proof, { secretDigest: content.secretDigest });
}

/** @throws {AuthError} as by a link; `one_time_token_expired` also when too many codes were wrong. */
export async function proveEmailByCode(context: FlowContext, { user }: LiveSession, code: string): Promise<ProvedEmail> {
  // What cannot be one costs none of the tries.
  if (!codePattern.test(code)) throw new AuthError('one_time_token_invalid', { reason: 'no code' });
  const proof = (await context.store.proofs.findWithCode(user.id, ['verify_email', 'change_email'])) as EmailProof | null;
  if (proof?.codeDigest === null || proof === null) throw new AuthError('one_time_token_invalid', { reason: 'no proof that has a code' });
  const digest = codeDigestLike(context.secrets, proof.codeDigest, { purpose: proof.purpose, proofId: proof.id, code });
  if (digest === null) throw new AuthError('one_time_token_expired', { reason: 'code of a secret that is gone' });
  return prove(context, proof, { codeDigest: digest, userId: user.id });
}

async function prove(context: FlowContext, proof: EmailProof, by: Redemption['by']): Promise<ProvedEmail> {
  const { id, purpose } = proof;
  const before = purpose === 'change_email' && proof.userId !== null ? await context.store.users.find({ id: proof.userId }) : null;
  const outgoing = noticeRows(context, 'email_changed', before);
  const effect = effectOf(context, proof);
  const user = redeemed(await context.store.proofs.redeem({ id, purpose, by, effect, outgoing }));
  context.postbox.wake();
  if (purpose === 'register') context.emit('user.registered', { userId: user.id });
  context.emit(purpose === 'change_email' ? 'email.changed' : 'email.verified', { userId: user.id });
  return { purpose, user };
}

function effectOf(context: FlowContext, proof: EmailProof): ProofEffect {
  switch (proof.purpose) {
    case 'verify_email':
      return { kind: 'verify_email', ...addressOf(contentOf(context, proof, 'verify_email').email) };
    case 'change_email': {
      const { email, sessionId } = contentOf(context, proof, 'change_email');
      return { kind: 'change_email', ...addressOf(email), exceptSessionId: sessionId };
    }
    case 'register':
      return registrationOf(context, proof);
  }
}

/** The first time that there is a user: until now nobody had anything, and nobody can have had it before him. */
function registrationOf(context: FlowContext, proof: ProofRecord): ProofEffect {
  const { email, passwordHash, name, profile } = contentOf(context, proof, 'register');
  return {
    kind: 'register',
    user: {
      id: formatId('usr', newIdBytes(context.random, context.clock.now())),
      username: null,
      usernameKey: null,
      ...addressOf(email),
      emailVerified: true,
      onEmailTaken: 'refuse',
      name,
      roles: [context.config.defaultRole],
      profile,
      passwordHash,
    },
  };
}

export function addressOf(email: string): { readonly email: string; readonly emailKey: string } {
  return { email, emailKey: parseEmail(email)?.key ?? email };
}
