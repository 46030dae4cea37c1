/** A token that was verified, in the form the hot path needs: claims parsed once, one frozen principal for each way it can arrive. */
import type { Principal } from '../model/app-types.js';
import { permissionsOf } from '../policy/roles.js';
import type { RevocableToken, RevocationIndex, TokenFingerprints } from '../revocation/revocation-index.js';
import type { VerifiedAccessToken } from '../tokens/access-token.js';
import { flat, type CachedToken } from './token-cache.js';

export interface VerifiedToken extends CachedToken, RevocableToken {
  readonly kid: string;
  readonly expiresAt: number;
  /** Seconds. */
  readonly authTime: number;
  readonly fingerprints: TokenFingerprints;
  readonly byCookie: Principal;
  readonly byBearer: Principal;
  /** The session's CSRF token, once it was needed. */
  csrfToken: Buffer | undefined;
}

export interface PrepareContext {
  readonly roles: ReadonlyMap<string, readonly string[]>;
  readonly index: RevocationIndex;
}

export function prepareToken(token: string, { claims, kid }: VerifiedAccessToken, { roles, index }: PrepareContext): VerifiedToken {
  const facts = {
    userId: claims.sub,
    sessionId: claims.sid,
    roles: Object.freeze([...claims.roles]),
    permissions: permissionsOf(claims.roles, roles),
    claims: deepFreeze({ ...claims.app }),
    factors: Object.freeze([...claims.amr]),
    // Made anew at each reading: a Date cannot be frozen, and principals are shared between requests.
    get authenticatedAt() {
      return new Date(claims.auth_time * 1000);
    },
    get expiresAt() {
      return new Date(claims.exp * 1000);
    },
  };
  return {
    token: flat(token),
    kid,
    sessionId: claims.sid,
    userId: claims.sub,
    epoch: claims.sep,
    authzVersion: claims.azv,
    expiresAt: claims.exp * 1000,
    authTime: claims.auth_time,
    fingerprints: index.fingerprintsOf(claims.sid, claims.sub),
    byCookie: principal(facts, 'cookie'),
    byBearer: principal(facts, 'bearer'),
    csrfToken: undefined,
  };
}

function principal(facts: Omit<Principal, 'via'>, via: Principal['via']): Principal {
  const value = { via };
  Object.defineProperties(value, Object.getOwnPropertyDescriptors(facts));
  return Object.freeze(value) as Principal;
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  return Object.freeze(value);
}
