/** Headers in, principal out: the path of every request. Synchronous, no I/O. */
import { AuthError } from '../errors.js';
import type { Clock, Principal, RequestLike } from '../model/app-types.js';
import type { RevocationFeed } from '../revocation/revocation-feed.js';
import type { RevocationIndex } from '../revocation/revocation-index.js';
import type { PermissionsOf } from '../policy/roles.js';
import { isApiKey } from '../tokens/api-key.js';
import { verifyAccessToken, type VerificationRules } from '../tokens/access-token.js';
import type { VerifyingRing } from '../tokens/key-ring.js';
import { authorize, type CompiledRule } from './access-rule.js';
import type { ApiKeyVerifier } from './api-key-verifier.js';
import { findCookie, isSafeMethod, readBearer, readHeader } from './credentials.js';
import { PendingError } from './pending-error.js';
import { TokenCache } from './token-cache.js';
import { VerifiedToken } from './verified-token.js';

/** What an unsafe request must prove beside the cookie that it carries, against cross-site request forgery. */
export interface CookieGuard {
  /** Before the cookie is looked at. @throws {AuthError} `origin_not_allowed`. */
  judgeRequest(headers: RequestLike['headers']): void;
  /** When it is known whose session it is. @throws {AuthError} `csrf_failed`. */
  judgeSession(headers: RequestLike['headers'], token: VerifiedToken): void;
}

export interface AuthenticatorOptions {
  readonly rules: VerificationRules;
  /** Name of the cookie that holds the access token. */
  readonly cookie: string;
  readonly cookieGuard: CookieGuard;
  readonly permissionsOf: PermissionsOf;
  /** Must not run backwards. */
  readonly clock: Clock;
  readonly index: RevocationIndex;
  readonly feed: Pick<RevocationFeed, 'isFresh' | 'waitUntilFresh'>;
  readonly apiKeys: Pick<ApiKeyVerifier, 'find'>;
  /** What it depends on beside keys must be part of its version. */
  ring(): VerifyingRing;
}

/** About 2 kB each: two generations of this many take 40 MB at the most. */
const cacheCapacity = 10_000;

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #cache = new TokenCache<VerifiedToken>(cacheCapacity);
  #cachedUnder = '';

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * A bearer credential, access token or API key, even an invalid one, is judged alone; otherwise the cookie is, on an unsafe method together with origin and CSRF
   * token.
   * @throws {AuthError} 400 duplicate cookie, 401, 403, 503.
   */
  authenticate(request: RequestLike, rule: CompiledRule): Principal {
    const { headers } = request;
    const { cookieGuard, clock } = this.#options;
    const now = clock.now();
    const bearer = readBearer(readHeader(headers, 'authorization'));
    if (bearer !== undefined) {
      if (isApiKey(bearer)) return this.#admitKey(bearer, request, { rule, now });
      const token = this.#verify(bearer, now);
      return this.#admit(token, token.byBearer, { rule, now });
    }
    const isUnsafe = !isSafeMethod(request.method ?? 'GET');
    if (isUnsafe) cookieGuard.judgeRequest(headers);
    const cookie = findCookie(readHeader(headers, 'cookie'), this.#options.cookie);
    if (cookie === undefined || cookie === '') throw new AuthError('token_missing');
    const token = this.#verify(cookie, now);
    const principal = this.#admit(token, token.byCookie, { rule, now });
    if (isUnsafe) cookieGuard.judgeSession(headers, token);
    return principal;
  }

  #admitKey(key: string, request: RequestLike, { rule, now }: { rule: CompiledRule; now: number }): Principal {
    const { principal } = this.#options.apiKeys.find(key, { revocation: rule.revocation, now, request });
    authorize(principal, rule, 0);
    return principal;
  }

  #verify(token: string, now: number): VerifiedToken {
    const { index, rules, permissionsOf } = this.#options;
    const ring = this.#options.ring();
    if (ring.version !== this.#cachedUnder) {
      this.#cache.clear();
      this.#cachedUnder = ring.version;
    }
    const cached = this.#cache.get(token);
    if (cached !== undefined) {
      if (now < cached.expiresAt) return cached;
      this.#cache.delete(cached);
      throw new AuthError('token_expired');
    }
    const verified = new VerifiedToken(token, verifyAccessToken(token, ring, rules, now), { permissionsOf, index });
    this.#cache.set(verified);
    return verified;
  }

  /** What can change while a token is cached: revocation, freshness, and what this route demands. */
  #admit(token: VerifiedToken, principal: Principal, { rule, now }: { rule: CompiledRule; now: number }): Principal {
    const { index, feed } = this.#options;
    const revoked = index.isKeyCompromised(token.kid) ? 'token_expired' : index.check(token, token.fingerprints);
    if (revoked !== null) throw new AuthError(revoked);
    if (rule.revocation === 'strict' && !feed.isFresh(now)) throw new PendingError('revocation_unavailable', () => feed.waitUntilFresh());
    authorize(principal, rule, now / 1000 - token.authTime);
    return principal;
  }
}
