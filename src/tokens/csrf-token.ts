/** The CSRF token: an HMAC of the session id under a key of its own. Nothing is stored. */
import { constantTimeEqual, hmacSha256 } from '../crypto/digest.js';
import type { SecretRing } from '../crypto/master-secret.js';

export function issueCsrfToken(ring: SecretRing, sessionId: string): string {
  return hmacSha256(ring[0].csrf, sessionId).toString('base64url');
}

/** True when any secret of the ring made it for this session. */
export function verifyCsrfToken(ring: SecretRing, sessionId: string, presented: string | undefined): boolean {
  if (presented?.length !== 43) return false;
  const bytes = Buffer.from(presented);
  return ring.some((keys) => constantTimeEqual(Buffer.from(hmacSha256(keys.csrf, sessionId).toString('base64url')), bytes));
}
