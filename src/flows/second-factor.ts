/** Judges the code of a second factor: what it would use up, which the act that opens the session then does. */
import { seal, isSealedUnderFirst, unseal } from '../crypto/sealing.js';
import { AuthError } from '../errors.js';
import type { SingleUse, TotpRecord } from '../model/factors.js';
import { findStep } from '../tokens/totp.js';
import { recoveryCodeDigest } from '../tokens/recovery-code.js';
import type { FlowContext } from './context.js';

/** How a second factor can be proved. */
export type FactorMethod = 'totp' | 'recovery';

export interface FactorProof {
  readonly method: FactorMethod;
  readonly code: string;
}

/** As `amr` names it (RFC 8176); recovery codes have no name there. */
export function factorName(method: FactorMethod): string {
  return method === 'totp' ? 'otp' : 'recovery';
}

/**
 * Of a user whose epoch was read before: when his factor changes after that, no session is opened.
 * @throws {AuthError} `mfa_code_invalid`.
 */
export async function judgeFactor(context: FlowContext, userId: string, { method, code }: FactorProof): Promise<SingleUse> {
  const factor = await context.store.factors.findTotp(userId);
  if (factor === null || factor.confirmedAt === null) throw wrongCode('no second factor');
  if (method === 'recovery') {
    const codeDigest = recoveryCodeDigest(code);
    if (codeDigest === null) throw wrongCode('no recovery code');
    return { kind: 'recovery', codeDigest };
  }
  const secret = openTotpSecret(context, factor);
  const step = findStep(secret, code, { now: context.clock.now(), usedStep: factor.usedStep });
  if (step === null) throw wrongCode('wrong or used code of an authenticator app');
  return {
    kind: 'totp',
    step,
    resealed: isSealedUnderFirst(context.secrets, factor.sealedSecret) ? null : sealTotpSecret(context, userId, secret),
  };
}

/** For whoever presents what is good no more; also when somebody else was first. */
export function wrongCode(reason: string): AuthError {
  return new AuthError('mfa_code_invalid', { reason });
}

export function sealTotpSecret({ secrets, random }: FlowContext, userId: string, secret: Uint8Array): Buffer {
  return seal(secrets, random, sealedFor(userId), secret);
}

/** A secret that is gone is the operator's mistake, and no wrong code. */
export function openTotpSecret({ secrets }: FlowContext, { userId, sealedSecret }: TotpRecord): Buffer {
  const secret = unseal(secrets, sealedFor(userId), sealedSecret);
  if (secret === null) throw new Error('The secret of an authenticator app is sealed under a master secret that is gone.');
  return secret;
}

/** Bound to its user: what is sealed for one opens for no other. */
function sealedFor(userId: string): string {
  return `totp/${userId}`;
}
