/** The ticket between password and second factor: good for one login, for five minutes and five tries, and for nothing else. */
import { AuthError } from '../errors.js';
import type { UserRecord } from '../model/store.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import type { LoginRequest } from './login.js';
import { contentOf, findProof, makeProof, readOneTimeToken, type ProofContents } from './one-time-proof.js';
import { openSession } from './open-session.js';
import { factorName, judgeFactor, wrongCode, type FactorMethod, type FactorProof } from './second-factor.js';

/** What somebody gets who has given the password of an account that has a second factor. */
export interface FactorDue {
  readonly ticket: string;
  readonly methods: readonly FactorMethod[];
}

/** Null when the account changed meanwhile. */
export async function issueLoginTicket(
  context: FlowContext,
  { id: userId, sessionEpoch: epoch }: UserRecord,
  { delivery, remember, device }: Pick<LoginRequest, 'delivery' | 'remember' | 'device'>,
): Promise<FactorDue | null> {
  const content = { epoch, delivery, remember, device };
  // Of no subject: who has found out a password must not void the ticket of its owner.
  const { record, token } = makeProof(context, { purpose: 'login', content, userId, subject: null, epoch });
  if (!(await context.store.proofs.issue(record))) return null;
  return { ticket: token, methods: ['totp', 'recovery'] };
}

/** A ticket that is genuine; whether it is good still is decided when it is used. */
export interface LoginTicket {
  readonly proofId: string;
  readonly secretDigest: Uint8Array;
  readonly userId: string;
  readonly login: ProofContents['login'];
}

/** @throws {AuthError} `one_time_token_invalid`, `one_time_token_used`, `one_time_token_expired`. */
export async function readLoginTicket(context: FlowContext, token: string): Promise<LoginTicket> {
  const { proofId, purpose, secretDigest } = readOneTimeToken(context, token, ['login']);
  const proof = await findProof(context, { proofId, purpose, secretDigest });
  if (proof.usedAt !== null) throw new AuthError('one_time_token_used');
  if (proof.userId === null) throw new AuthError('one_time_token_invalid');
  return { proofId, secretDigest, userId: proof.userId, login: contentOf(context, proof, 'login') };
}

/**
 * The second half of a login. The try is taken before the code is looked at; code and ticket are used up by what opens the session.
 * @param replaces the session that this browser has already
 * @throws {AuthError} `mfa_code_invalid`, `one_time_token_used`, `one_time_token_expired`, also when too many codes were wrong.
 */
export async function loginBySecondFactor(
  context: FlowContext,
  { proofId, secretDigest, userId, login }: LoginTicket,
  { replaces, ...proof }: FactorProof & { readonly replaces: string | null },
): Promise<SignedIn> {
  const user = await context.store.users.find({ id: userId });
  if (user === null || user.disabledAt !== null || user.sessionEpoch !== login.epoch)
    throw new AuthError('one_time_token_expired', { reason: 'the account has changed since the password was given' });
  if (!(await context.store.proofs.takeTry(proofId)))
    throw new AuthError('one_time_token_expired', { reason: 'time or tries of a login ticket are over' });
  try {
    const use = await judgeFactor(context, userId, proof);
    const request = { ...login, user, factors: ['pwd', factorName(proof.method)], replaces };
    const signedIn = await openSession(context, request, (input) =>
      context.store.sessions.open({ ...input, uses: [{ kind: 'ticket', proofId, secretDigest }, use] }),
    );
    if (signedIn === null) throw await refusal(context, proofId);
    context.emit('login.succeeded', { userId, sessionId: signedIn.session.id });
    if (proof.method === 'recovery') context.emit('factor.recovery_code_used', { userId, sessionId: signedIn.session.id });
    return signedIn;
  } catch (error) {
    if (error instanceof AuthError) context.emit('login.failed', { userId, reason: error.reason ?? 'second factor refused' });
    throw error;
  }
}

async function refusal({ store }: FlowContext, proofId: string): Promise<AuthError> {
  const proof = await store.proofs.find(proofId);
  return proof?.usedAt === null ? wrongCode('no such code, or used by another') : new AuthError('one_time_token_used');
}
