/** When an API key is good, and until when. */
import { constantTimeEqual } from '../crypto/digest.js';
import type { ApiKeyAndUser, ApiKeyRecord } from '../model/api-key.js';
import type { UserRecord } from '../model/store.js';
import type { ErrorCode } from '../protocol/error-codes.js';

export type ApiKeyVerdict =
  | {
      readonly ok: true;
      readonly owner: UserRecord;
      /** By the store's clock; null: for ever. */
      readonly until: number | null;
    }
  | { readonly ok: false; readonly code: ErrorCode };

/** What becomes of a secret that is presented for this key; the order is the promise: whoever has no secret of it learns nothing about it. */
export function judgeApiKey({ key, user, now }: ApiKeyAndUser, secretDigest: Uint8Array): ApiKeyVerdict {
  const secret = secretOf(key, secretDigest);
  if (secret === null) return { ok: false, code: 'token_invalid' };
  if (key.revokedAt !== null || user === null) return { ok: false, code: 'session_revoked' };
  if (secret.until !== null && now >= secret.until) return { ok: false, code: 'token_expired' };
  if (user.disabledAt !== null) return { ok: false, code: 'account_disabled' };
  return { ok: true, owner: user, until: secret.until };
}

/** Until when the presented one of the key's two secrets is good; null when it is neither. */
function secretOf(key: ApiKeyRecord, digest: Uint8Array): { readonly until: number | null } | null {
  if (constantTimeEqual(key.secretDigest, digest)) return { until: key.expiresAt };
  if (key.previousDigest !== null && constantTimeEqual(key.previousDigest, digest)) return { until: key.previousUntil };
  return null;
}

/** Whether it can still be used or rotated, by anybody who has its secret and while its owner may. */
export function isApiKeyGood({ revokedAt, expiresAt }: ApiKeyRecord, now: number): boolean {
  return revokedAt === null && (expiresAt === null || now < expiresAt);
}
