/** Where requests meet their limits, and whom they are counted for: a session or API key, a known device, or else an address. */
import { addressKey, clientAddress } from '../access/client-address.js';
import { readBasic, readBearer, readHeader } from '../access/credentials.js';
import { AuthError } from '../errors.js';
import type { AccessRule } from '../model/app-types.js';
import type { RequestLimitName } from '../model/limits.js';
import type { UserRecord } from '../model/store.js';
import { parseEmail, parseUsername } from '../policy/identifiers.js';
import { isApiKey } from '../tokens/api-key.js';
import type { Arrival } from './exchange.js';
import { sessionOfBrowser } from './refresh-credential.js';

/** Counts a request for its session or key where its credential is valid, so that many behind one address do not count for each other. */
export function limitRequest(arrival: Arrival): void {
  if (arrival.core.config.limits.api !== null) take(arrival, 'api', sessionOfRequest(arrival) ?? addressOf(arrival));
}

/** Refreshing has a budget of its own: a page that asks too much does not lose its session for it. */
export function limitRefresh(arrival: Arrival, sessionId: string): void {
  take(arrival, 'refresh', sessionId);
}

/** Opening the feed of revocations has one too: a service that cannot read it refuses everybody. */
export function limitFeed(arrival: Arrival, keyId: string): void {
  take(arrival, 'feed', keyId);
}

function take(arrival: Arrival, name: RequestLimitName, of: string): void {
  const taken = arrival.core.requests.take(name, of);
  if (taken === null) return;
  arrival.limits.push(taken.state);
  if (taken.refused) throw new AuthError('too_many_attempts', { reason: `${name} limit`, retryAfterSeconds: taken.state.resetSeconds });
}

/** Does the work, unless too many attempts failed that are counted for the same address, device or session. */
export function limitAttempts<Result>(arrival: Arrival, countedFor: string, work: () => Promise<Result>): Promise<Result> {
  return arrival.core.attempts.run(countedFor, work, (state) => void arrival.limits.push(state));
}

/**
 * The same for codes of an authenticator app, which count for their account: with new tickets nobody gets more of them. Nobody is counted who has
 * neither the password nor a session.
 */
export function limitCodes<Result>(
  arrival: Arrival,
  { userId, method }: { readonly userId: string; readonly method: 'totp' | 'recovery' },
  work: () => Promise<Result>,
): Promise<Result> {
  if (method === 'recovery') return work();
  return arrival.core.codes.run(`factor ${userId}`, work, (state) => void arrival.limits.push(state));
}

/**
 * Whom an attempt to sign in counts for. A device that this user has signed in on before, which a genuine refresh token of his proves, has a
 * budget of its own: no stranger behind the same address can use it up.
 */
export async function attemptKey(arrival: Arrival, identifier: string): Promise<string> {
  const sessionId = sessionOfBrowser(arrival);
  const known = sessionId === null ? null : await arrival.core.store.sessions.find(sessionId);
  return known?.user && isCalled(known.user, identifier) ? `device ${known.session.id}` : addressOf(arrival);
}

function isCalled({ username, email }: UserRecord, identifier: string): boolean {
  const usernameKey = parseUsername(identifier)?.key;
  const emailKey = parseEmail(identifier)?.key;
  return (
    (username !== null && usernameKey !== undefined && parseUsername(username)?.key === usernameKey) ||
    (email !== null && emailKey !== undefined && parseEmail(email)?.key === emailKey)
  );
}

/** One more mail is asked for from this address. @throws {AuthError} `too_many_attempts` */
export function limitMails(arrival: Arrival): Promise<void> {
  return arrival.core.mails.takeFrom(addressOf(arrival), (state) => void arrival.limits.push(state));
}

export function addressOf({ core, request }: Arrival): string {
  return addressKey(clientAddress(request, core.config.trustedProxies));
}

/** For counting alone: while revocations are not up to date, everybody behind one address would count as one. */
const whoever: AccessRule = Object.freeze({ revocation: 'available' });

/**
 * Synchronous; the token is in the verifier's cache afterwards. A key that is not known counts for its address once, and is looked up after that:
 * who is over his limit makes nobody look for what he made up.
 */
function sessionOfRequest({ core, request }: Arrival): string | null {
  try {
    const authorization = readHeader(request.headers, 'authorization');
    const key = readBearer(authorization) ?? readBasic(authorization)?.secret;
    if (key !== undefined && isApiKey(key)) return core.apiKeys.idOfKnown(key);
    return core.authenticator.authenticate({ headers: request.headers }, core.compile(whoever)).sessionId;
  } catch {
    return null;
  }
}
