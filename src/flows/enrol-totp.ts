/** Sets up an authenticator app, confirms it by its first code, and removes it; makes recovery codes. */
import { encodeBase32 } from '../crypto/base32.js';
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError } from '../errors.js';
import { enrolmentSeconds, type FactorChange, type NewRecoveryCode } from '../model/factors.js';
import type { LiveSession } from '../model/store.js';
import { newRecoveryCode, recoveryCodeCount, recoveryCodeDigest } from '../tokens/recovery-code.js';
import { qrCode } from '../tokens/totp-qr.js';
import { findStep, totpSecretBytes, totpUri } from '../tokens/totp.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import { noticeRows } from './notices.js';
import { openSession } from './open-session.js';
import { factorName, openTotpSecret, sealTotpSecret, wrongCode } from './second-factor.js';

/** What the user's app is to be given, by hand or as a QR code. Never shown again. */
export interface TotpEnrolment {
  readonly secret: string;
  readonly uri: string;
  /** SVG. */
  readonly qr: string;
}

/** Counts for nothing until it is confirmed. @throws {AuthError} `conflict` while an app is confirmed. */
export async function beginTotp(context: FlowContext, { user }: LiveSession): Promise<TotpEnrolment> {
  const secret = context.random(totpSecretBytes);
  if (!(await context.store.factors.beginTotp(user.id, sealTotpSecret(context, user.id, secret))))
    throw new AuthError('conflict', { detail: 'There is an authenticator app already. Remove it before you set up another.' });
  const account = user.username ?? user.email ?? user.id;
  const uri = totpUri(secret, { issuer: context.config.publicUrl.hostname, account });
  return { secret: encodeBase32(secret), uri, qr: qrCode(uri) };
}

/**
 * From now on no session is opened without the second factor, and all that were end; this device gets a new one.
 * @throws {AuthError} `mfa_code_invalid`, `conflict` when no app waits to be confirmed, `session_revoked` when it ended meanwhile.
 */
export async function confirmTotp(
  context: FlowContext,
  live: LiveSession,
  code: string,
): Promise<{ readonly signedIn: SignedIn; readonly recoveryCodes: readonly string[] }> {
  const { user, session } = live;
  const factor = await context.store.factors.findTotp(user.id);
  if (factor === null || factor.confirmedAt !== null || factor.createdAt <= live.now - enrolmentSeconds * 1000)
    throw new AuthError('conflict', { detail: 'No authenticator app waits to be confirmed.' });
  const step = findStep(openTotpSecret(context, factor), code, { now: context.clock.now(), usedStep: factor.usedStep });
  if (step === null) {
    context.emit('login.failed', { userId: user.id, sessionId: session.id, reason: 'wrong first code of an authenticator app' });
    throw wrongCode('wrong first code of an authenticator app');
  }
  const { codes, records } = newRecoveryCodes(context);
  const change: FactorChange = { kind: 'enable', sealedSecret: factor.sealedSecret, step, recoveryCodes: records };
  const signedIn = await changeFactor(context, live, { change, factors: ['pwd', factorName('totp')] });
  context.emit('factor.enabled', { userId: user.id, sessionId: signedIn.session.id });
  return { signedIn, recoveryCodes: codes };
}

/** App and recovery codes are gone; all other sessions end. @throws {AuthError} `not_found` where there is none, `session_revoked`. */
export async function removeTotp(context: FlowContext, live: LiveSession): Promise<SignedIn> {
  if (!live.user.mfaEnabled) throw new AuthError('not_found', { detail: 'There is no authenticator app.' });
  const signedIn = await changeFactor(context, live, { change: { kind: 'disable' }, factors: ['pwd'] });
  context.emit('factor.disabled', { userId: live.user.id, sessionId: signedIn.session.id });
  return signedIn;
}

/** Those before are good no more. @throws {AuthError} `not_found` without a second factor, which they would stand for; `session_revoked`. */
export async function renewRecoveryCodes(context: FlowContext, { user, session }: LiveSession): Promise<readonly string[]> {
  const { codes, records } = newRecoveryCodes(context);
  const outgoing = noticeRows(context, 'second_factor_changed', user);
  if (!user.mfaEnabled) throw new AuthError('not_found', { detail: 'There is no second factor.' });
  // Only while it is the account of this session still: codes that were asked for before a reset must not outlive it.
  if (!(await context.store.factors.replaceRecoveryCodes({ userId: user.id, epoch: user.sessionEpoch, codes: records, outgoing })))
    throw new AuthError('session_revoked');
  context.postbox.wake();
  context.emit('factor.recovery_codes_replaced', { userId: user.id, sessionId: session.id });
  return codes;
}

/** Keeps the time of the last proof: to set up or to remove a factor proves nothing anew of those that the session had. */
async function changeFactor(
  context: FlowContext,
  { session, user }: LiveSession,
  { change, factors }: { readonly change: FactorChange; readonly factors: readonly string[] },
): Promise<SignedIn> {
  const outgoing = noticeRows(context, 'second_factor_changed', user);
  const signedIn = await openSession(
    context,
    { ...session, user, factors, provedAt: session.authenticatedAt, replaces: session.id },
    (input) => context.store.sessions.changeFactor({ ...input, replaces: session.id, change, outgoing }),
  );
  if (signedIn === null) throw new AuthError('session_revoked');
  context.postbox.wake();
  return signedIn;
}

function newRecoveryCodes({ random, clock }: FlowContext): {
  readonly codes: readonly string[];
  readonly records: readonly NewRecoveryCode[];
} {
  const codes = Array.from({ length: recoveryCodeCount }, () => newRecoveryCode(random));
  const records = codes.map((code) => ({
    id: formatId('rec', newIdBytes(random, clock.now())),
    // A code that was just made is one.
    codeDigest: recoveryCodeDigest(code) as Buffer,
  }));
  return { codes, records };
}
