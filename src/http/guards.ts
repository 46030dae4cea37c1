/** Who may use a route. Origin, size and type were judged before; CSRF is judged wherever a cookie is the credential. */
import { anyUser } from '../access/access-rule.js';
import { AuthError } from '../errors.js';
import { requireFreshProof, requireLiveSession } from '../flows/live-session.js';
import type { Principal } from '../model/app-types.js';
import { adminRole, type LiveSession } from '../model/store.js';
import type { Arrival, Guard } from './exchange.js';
import { refreshCookie } from './refresh-credential.js';

/** Anybody: the route judges what it reads itself. */
export const anyone: Guard<null> = () => null;

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
