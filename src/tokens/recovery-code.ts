/** Recovery codes: what lets a user in whose authenticator app is lost. 120 random bits, so that a plain digest is all that has to be kept. */
import { encodeBase32 } from '../crypto/base32.js';
import { sha256 } from '../crypto/digest.js';
import type { Random } from '../crypto/random.js';

const codeBytes = 15;

/** How many a user is given at a time. */
export const recoveryCodeCount = 10;

/** Six groups of four: `ABCD-EFGH-…`. */
export function newRecoveryCode(random: Random): string {
  return (encodeBase32(random(codeBytes)).match(/.{4}/g) ?? []).join('-');
}

/** Of a code as it was typed, in whichever case and with or without hyphens and spaces; null for what cannot be one. */
export function recoveryCodeDigest(code: string): Buffer | null {
  const typed = code.replace(/[ -]/g, '').toUpperCase();
  return /^[A-Z2-7]{24}$/.test(typed) ? sha256(Buffer.from(`recovery\n${typed}`)) : null;
}
