/** A token that was verified, in the form the hot path needs: claims parsed once, one frozen principal for each way it can arrive. */
import { AuthError } from '../errors.js';
import type { Principal } from '../model/app-types.js';
import { namedPermissions, type PermissionsOf } from '../policy/roles.js';
import type { RevocableToken, RevocationIndex, TokenFingerprints } from '../revocation/revocation-index.js';
import type { AccessClaims, VerifiedAccessToken } from '../tokens/access-token.js';
import { flat, type CachedToken } from './token-cache.js';

export interface PrepareContext {
  readonly permissionsOf: PermissionsOf;
  readonly index: Pick<RevocationIndex, 'fingerprintsOf'>;
}

export class VerifiedToken implements CachedToken, RevocableToken {
  readonly token: string;
  readonly kid: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly epoch: number;
  readonly authzVersion: number;
  /** Milliseconds. */
  readonly expiresAt: number;
  /** Seconds. */
  readonly authTime: number;
  readonly fingerprints: TokenFingerprints;
  /** The session's CSRF token, once it was needed. */
  csrfToken: Buffer | undefined;
  readonly #claims: AccessClaims;
  readonly #permissions: ReadonlySet<string>;
  #byCookie: Principal | undefined;
  #byBearer: Principal | undefined;

  constructor(token: string, { claims, kid }: VerifiedAccessToken, { permissionsOf, index }: PrepareContext) {
    this.token = flat(token);
    this.kid = kid;
    this.sessionId = claims.sid;
    this.userId = claims.sub;
    this.epoch = claims.sep;
    this.authzVersion = claims.azv;
    this.expiresAt = claims.exp * 1000;
    this.authTime = claims.auth_time;
    this.fingerprints = index.fingerprintsOf(claims.sid, claims.sub);
    this.csrfToken = undefined;
    this.#claims = claims;
    this.#permissions = claims.scope === undefined ? permissionsOf(claims.roles) : namedPermissions(claims.scope.split(' '));
  }

  /** @throws {AuthError} `token_invalid` for a token made from an API key: it belongs into a header. */
  get byCookie(): Principal {
    if (this.#claims.scope !== undefined) throw new AuthError('token_invalid', { reason: 'token of an API key in a cookie' });
    this.#byCookie ??= new TokenPrincipal(this.#claims, this.#permissions, 'cookie');
    return this.#byCookie;
  }

  get byBearer(): Principal {
    this.#byBearer ??= new TokenPrincipal(this.#claims, this.#permissions, this.#claims.scope === undefined ? 'bearer' : 'api_key');
    return this.#byBearer;
  }
}

const noClaims = Object.freeze({});
const noRoles: readonly string[] = Object.freeze([]);

/** What a principal is made of. */
type PrincipalFacts = Pick<AccessClaims, 'sub' | 'sid' | 'roles' | 'app' | 'amr' | 'auth_time' | 'exp'>;

export class TokenPrincipal implements Principal {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
  readonly claims: object;
  readonly via: Principal['via'];
  readonly factors: readonly string[];
  readonly #authTime: number;
  readonly #exp: number;

  constructor(claims: PrincipalFacts, permissions: ReadonlySet<string>, via: Principal['via']) {
    this.userId = claims.sub;
    this.sessionId = claims.sid;
    this.roles = via === 'api_key' ? noRoles : Object.freeze(claims.roles);
    this.permissions = permissions;
    this.claims = claims.app === undefined ? noClaims : deepFreeze(claims.app);
    this.via = via;
    this.factors = Object.freeze(claims.amr);
    this.#authTime = claims.auth_time;
    this.#exp = claims.exp;
    Object.freeze(this);
  }

  // Made anew at each reading: a Date cannot be frozen, and principals are shared between requests.
  get authenticatedAt(): Date {
    return new Date(this.#authTime * 1000);
  }

  get expiresAt(): Date {
    return new Date(this.#exp * 1000);
  }

  toJSON(): object {
    const { authenticatedAt, expiresAt } = this;
    return Object.assign({}, this, { permissions: [...this.permissions], authenticatedAt, expiresAt });
  }
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  return Object.freeze(value);
}
