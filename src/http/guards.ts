/** Who may use a route. Origin, size and type were judged before; CSRF is judged wherever a cookie is the credential. */
import { findCookie, readHeader } from '../access/credentials.js';
import { requireCsrfToken } from '../access/csrf-guard.js';
import { AuthError } from '../errors.js';
import { requireFreshProof, requireLiveSession } from '../flows/live-session.js';
import { readRefreshToken, type PresentedToken } from '../flows/refresh.js';
import type { Principal } from '../model/app-types.js';
import type { LiveSession } from '../model/store.js';
import { adminRole } from '../policy/roles.js';
import { verifyRefreshToken } from '../tokens/refresh-token.js';
import type { Arrival, Guard } from './exchange.js';

/** Anybody: the route judges what it reads itself. */
export const anyone: Guard<null> = () => null;

const anyUser = {};

export const signedIn = ({ core, request }: Arrival): Principal => core.authenticator.authenticate(request, core.compile(anyUser));

/** Null for whoever is not signed in. */
export const signedInOrGuest: Guard<Principal | null> = (arrival) => {
  try {
    return signedIn(arrival);
  } catch (error) {
    if (error instanceof AuthError && error.status === 401) return null;
    throw error;
  }
};

export const admin: Guard<Principal> = (arrival) => {
  const principal = signedIn(arrival);
  if (!principal.roles.includes(adminRole)) throw new AuthError('insufficient_role');
  return principal;
};

/** Judged against the live row instead of the token. */
export const signedInLive: Guard<LiveSession> = (arrival) => requireLiveSession(arrival.core, signedIn(arrival));

/** The live row, a recent proof of identity, and the session's own refresh cookie. */
export const sensitive: Guard<LiveSession> = async (arrival) => {
  const live = await signedInLive(arrival);
  requireFreshProof(arrival.core, live, refreshCookie(arrival));
  return live;
};

/** As `sensitive`, for users who are administrators now, whatever the token says. */
export const adminWrite: Guard<LiveSession> = async (arrival) => {
  const live = await requireLiveSession(arrival.core, await admin(arrival));
  if (!live.user.roles.includes(adminRole)) throw new AuthError('insufficient_role');
  requireFreshProof(arrival.core, live, refreshCookie(arrival));
  return live;
};

export function refreshCookie({ core, request }: Arrival): string | undefined {
  const value = findCookie(readHeader(request.headers, 'cookie'), core.config.cookies.refresh.name);
  return value === '' ? undefined : value;
}

/**
 * The refresh token of a request, from the cookie or the body but not from both; with a cookie the CSRF token of its session is demanded.
 * Undefined when there is none.
 * @throws {AuthError} `invalid_request`, `refresh_token_invalid`, `csrf_failed`.
 */
export function presentedRefreshToken(
  arrival: Arrival,
  inBody: string | undefined,
): (PresentedToken & { readonly sessionId: string }) | undefined {
  const inCookie = refreshCookie(arrival);
  if (inBody !== undefined && inCookie !== undefined) {
    const message = 'must not be sent together with a refresh cookie';
    throw new AuthError('invalid_request', { fields: [{ path: 'refreshToken', code: 'ambiguous', message }] });
  }
  const token = inBody ?? inCookie;
  if (token === undefined) return undefined;
  const { sessionId } = readRefreshToken(arrival.core, token);
  if (inCookie !== undefined) requireCsrfToken(arrival.request.headers, sessionId, { secrets: arrival.core.secrets });
  return { token, bearer: inBody !== undefined, sessionId };
}

/** The session that this browser has already, to be ended by a new login; its cookie needs to be genuine, nothing more. */
export function sessionOfBrowser(arrival: Arrival): string | null {
  const cookie = refreshCookie(arrival);
  const verdict = cookie === undefined ? null : verifyRefreshToken(arrival.core.secrets, cookie);
  return verdict?.ok ? verdict.content.sessionId : null;
}
