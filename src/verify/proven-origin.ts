/** What protects a service against cross-site request forgery that cannot know a session's CSRF token: the request must prove its origin. */
import type { CookieGuard } from '../access/authenticator.js';
import { readHeader } from '../access/credentials.js';
import { AuthError } from '../errors.js';
import { judgeOrigin } from '../policy/origins.js';
import type { VerifierConfig } from './verifier-options.js';

/** Stricter than the issuer: where neither `Sec-Fetch-Site` nor `Origin` says where an unsafe request comes from, its cookie is not believed. */
export function provenOriginGuard({ issuer, trustedOrigins, development }: VerifierConfig): CookieGuard {
  const rules = { publicUrl: issuer, trustedOrigins, development: false };
  return {
    judgeRequest(headers) {
      const origin = readHeader(headers, 'origin');
      if (judgeOrigin({ origin, fetchSite: readHeader(headers, 'sec-fetch-site') }, rules) === 'trusted') return;
      throw new AuthError('origin_not_allowed', development ? { detail: explain(origin) } : {});
    },
    judgeSession: () => undefined,
  };
}

function explain(origin: string | undefined): string {
  return origin === undefined
    ? 'With a cookie, a request that changes something must say where it comes from (Origin); programs send Authorization instead.'
    : `Name ${origin} in trustedOrigins of createVerifier() if its pages may act for your users.`;
}
