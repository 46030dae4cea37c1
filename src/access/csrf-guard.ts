/** The two rules against cross-site request forgery, for requests whose credential is a cookie. */
import { constantTimeEqual } from '../crypto/digest.js';
import type { SecretRing } from '../crypto/master-secret.js';
import { AuthError } from '../errors.js';
import type { RequestLike } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import { explainRefusedOrigin, judgeOrigin } from '../policy/origins.js';
import { csrfHeader } from '../protocol/names.js';
import { issueCsrfToken, verifyCsrfToken } from '../tokens/csrf-token.js';
import { readHeader } from './credentials.js';
import type { CookieGuard } from './authenticator.js';

/** Rule 1. @throws {AuthError} `origin_not_allowed`. */
export function requireTrustedOrigin(headers: RequestLike['headers'], config: AuthConfig): void {
  const stated = { origin: readHeader(headers, 'origin'), fetchSite: readHeader(headers, 'sec-fetch-site') };
  if (judgeOrigin(stated, config) !== 'refused') return;
  throw new AuthError('origin_not_allowed', config.development ? { detail: explainRefusedOrigin(stated, config) } : {});
}

/** Rule 2. `known` keeps the session's token between requests. @throws {AuthError} `csrf_failed`. */
export function requireCsrfToken(
  headers: RequestLike['headers'],
  sessionId: string,
  { secrets, known }: { secrets: SecretRing; known?: { csrfToken: Buffer | undefined } },
): void {
  const presented = readHeader(headers, csrfHeader);
  if (presented !== undefined) {
    const expected = known?.csrfToken ?? Buffer.from(issueCsrfToken(secrets, sessionId));
    if (known) known.csrfToken = expected;
    if (constantTimeEqual(Buffer.from(presented), expected) || verifyCsrfToken(secrets, sessionId, presented)) return;
  }
  throw new AuthError('csrf_failed', { reason: presented === undefined ? 'no token' : 'token of another session' });
}

/** Both rules, for requests to the issuer itself. */
export function issuerCookieGuard(config: AuthConfig, secrets: SecretRing): CookieGuard {
  return {
    judgeRequest: (headers) => requireTrustedOrigin(headers, config),
    judgeSession: (headers, token) => requireCsrfToken(headers, token.sessionId, { secrets, known: token }),
  };
}
