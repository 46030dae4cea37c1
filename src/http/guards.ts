/** Who may use a route. Origin, size and type were judged before; CSRF is judged wherever a cookie is the credential. */
import { anyUser } from '../access/access-rule.js';
import type { KnownApiKey } from '../access/api-key-verifier.js';
import { readBasic, readBearer, readHeader } from '../access/credentials.js';
import { AuthError } from '../errors.js';
import { requireFreshProof, requireLiveSession } from '../flows/live-session.js';
import type { Principal } from '../model/app-types.js';
import { adminRole, type LiveSession } from '../model/store.js';
import type { Mailbox } from '../mail/mailbox.js';
import { isLoopback } from '../policy/resolve-origins.js';
import { revocationsScope } from '../policy/scopes.js';
import { parseApiKey } from '../tokens/api-key.js';
import type { Arrival, Guard } from './exchange.js';
import { limitFeed, limitRequest } from './limits.js';
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

/**
 * Whoever develops, at this machine: only while there is a mailbox, which production never has; not from another machine, not through a proxy, and
 * not under a name that another site has had resolved to this machine.
 */
export const developer: Guard<Mailbox> = ({ core, request }) => {
  const { address, headers } = request;
  const isHere = address !== null && /^(?:127\.|::1$|::ffff:127\.)/.test(address);
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'].some(
    (name) => readHeader(headers, name) !== undefined,
  );
  const host = (readHeader(headers, 'host') ?? '').replace(/:\d+$/, '');
  if (core.mailbox === null || !core.config.development || !isHere || isForwarded || !isLoopback(host)) throw new AuthError('not_found');
  return core.mailbox;
};

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

/** The holder of an API key, as OAuth clients present themselves: `Bearer`, or `Basic` with the key's id as name (RFC 6749 section 2.3.1). */
export const client: Guard<KnownApiKey> = ({ core, request }) => {
  const authorization = readHeader(request.headers, 'authorization');
  const basic = readBasic(authorization);
  const key = readBearer(authorization) ?? basic?.secret;
  if (key === undefined) throw new AuthError('token_missing');
  if (basic !== undefined && parseApiKey(basic.secret)?.id !== basic.name)
    throw new AuthError('token_invalid', { reason: 'no key of this id' });
  return core.apiKeys.verify(key, { revocation: core.config.revocation.mode, request });
};

/**
 * Another service, which verifies on its own: a program that was given this scope. Not a user's: no permission of anybody stands for it. Limited
 * by the key once that is known, so that nobody else behind its address uses the limit up.
 */
export const readsRevocations: Guard<KnownApiKey> = async (arrival) => {
  try {
    const known = await verifyScope(arrival, revocationsScope);
    limitFeed(arrival, known.sessionId);
    return known;
  } catch (error) {
    if (arrival.limits.length === 0) limitRequest(arrival);
    throw error;
  }
};

async function verifyScope({ core, request }: Arrival, scope: string): Promise<KnownApiKey> {
  const bearer = readBearer(readHeader(request.headers, 'authorization'));
  if (bearer === undefined) throw new AuthError('token_missing');
  const known = await core.apiKeys.verify(bearer, { revocation: core.config.revocation.mode, request });
  if (!known.scopes.includes(scope)) throw new AuthError('insufficient_scope');
  return known;
}
