/** Headers in, principal out: the path of every request. Synchronous, no I/O. */
import type { SecretRing } from '../crypto/master-secret.js';
import { AuthError } from '../errors.js';
import type { Clock, Principal, RequestLike } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import type { RevocationFeed } from '../revocation/revocation-feed.js';
import type { RevocationIndex } from '../revocation/revocation-index.js';
import { createPermissionsOf, type PermissionsOf } from '../policy/roles.js';
import { verifyAccessToken, type AccessTokenRules } from '../tokens/access-token.js';
import type { KeyRing } from '../tokens/key-ring.js';
import { authorize, type CompiledRule } from './access-rule.js';
import { findCookie, isSafeMethod, readBearer, readHeader } from './credentials.js';
import { requireCsrfToken, requireTrustedOrigin } from './csrf-guard.js';
import { TokenCache } from './token-cache.js';
import { VerifiedToken } from './verified-token.js';

export interface AuthenticatorOptions {
  readonly config: AuthConfig;
  readonly rules: AccessTokenRules;
  readonly secrets: SecretRing;
  /** Must not run backwards. */
  readonly clock: Clock;
  readonly index: RevocationIndex;
  readonly feed: Pick<RevocationFeed, 'isFresh'>;
  ring(): KeyRing;
}

/** About 2 kB each: two generations of this many take 40 MB at the most. */
const cacheCapacity = 10_000;

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #cache = new TokenCache<VerifiedToken>(cacheCapacity);
  readonly #permissionsOf: PermissionsOf;
  #cachedUnder = '';

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#permissionsOf = createPermissionsOf(options.config.roles);
  }

  /**
   * A bearer credential, even an invalid one, is judged alone; otherwise the cookie is, on an unsafe method together with origin and CSRF
   * token.
   * @throws {AuthError} 400 duplicate cookie, 401, 403, 503.
   */
  authenticate(request: RequestLike, rule: CompiledRule): Principal {
    const { headers } = request;
    const now = this.#options.clock.now();
    const bearer = readBearer(readHeader(headers, 'authorization'));
    if (bearer !== undefined) {
      const token = this.#verify(bearer, now);
      return this.#admit(token, token.byBearer, { rule, now });
    }
    const isUnsafe = !isSafeMethod(request.method ?? 'GET');
    if (isUnsafe) requireTrustedOrigin(headers, this.#options.config);
    const cookie = findCookie(readHeader(headers, 'cookie'), this.#options.config.cookies.access.name);
    if (cookie === undefined || cookie === '') throw new AuthError('token_missing');
    const token = this.#verify(cookie, now);
    const principal = this.#admit(token, token.byCookie, { rule, now });
    if (isUnsafe) requireCsrfToken(headers, token.sessionId, { secrets: this.#options.secrets, known: token });
    return principal;
  }

  #verify(token: string, now: number): VerifiedToken {
    const { index, rules } = this.#options;
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
    const verified = new VerifiedToken(token, verifyAccessToken(token, ring, rules, now), { permissionsOf: this.#permissionsOf, index });
    this.#cache.set(verified);
    return verified;
  }

  /** What can change while a token is cached: revocation, freshness, and what this route demands. */
  #admit(token: VerifiedToken, principal: Principal, { rule, now }: { rule: CompiledRule; now: number }): Principal {
    const { index, feed } = this.#options;
    const revoked = index.isKeyCompromised(token.kid) ? 'token_expired' : index.check(token, token.fingerprints);
    if (revoked !== null) throw new AuthError(revoked);
    if (rule.revocation === 'strict' && !feed.isFresh(now)) throw new AuthError('revocation_unavailable');
    authorize(principal, rule, now / 1000 - token.authTime);
    return principal;
  }
}
