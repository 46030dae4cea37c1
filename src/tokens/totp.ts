/** Time-based one-time passwords (RFC 6238) as authenticator apps have them: SHA-1, six digits, 30 seconds. */
import { createHmac } from 'node:crypto';
import { encodeBase32 } from '../crypto/base32.js';
import { constantTimeEqual } from '../crypto/digest.js';

const stepSeconds = 30;
const digits = 6;
/** Steps before and after the current one: for clocks that differ, and for people who type slowly (RFC 6238 section 5.2). */
const drift = 1;
/** RFC 4226 section 4, R6. */
export const totpSecretBytes = 20;

export function stepAt(now: number): number {
  return Math.floor(now / 1000 / stepSeconds);
}

/** Of one time step (RFC 4226 section 5.3). */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const truncated = mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff;
  return String(truncated % 10 ** digits).padStart(digits, '0');
}

/**
 * The time step that the code is of, if that is later than `usedStep`; null when it is of none of those that count now. Spaces and hyphens in
 * the code do not matter, anything else but six digits does. That no two are let in by one step is for the store to decide.
 */
export function findStep(
  secret: Uint8Array,
  code: string,
  { now, usedStep }: { readonly now: number; readonly usedStep: number },
): number | null {
  const typed = code.replace(/[ -]/g, '');
  if (!/^[0-9]{6}$/.test(typed)) return null;
  const current = stepAt(now);
  let found: number | null = null;
  // All of them, so that the time it takes does not tell which one it was.
  for (let step = current + drift; step >= Math.max(0, current - drift); step -= 1)
    if (constantTimeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(typed)) && step > usedStep) found = step;
  return found;
}

/** What an authenticator app reads from a QR code (Key URI Format). */
export function totpUri(secret: Uint8Array, { issuer, account }: { readonly issuer: string; readonly account: string }): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  const terms = `secret=${encodeBase32(secret)}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=${digits}&period=${stepSeconds}`;
  return `otpauth://totp/${label}?${terms}`;
}
