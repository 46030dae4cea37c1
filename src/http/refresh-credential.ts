/** Finds the refresh token of a request, and judges what only it can be judged by. */
import { findCookie, readHeader } from '../access/credentials.js';
import { requireCsrfToken } from '../access/csrf-guard.js';
import { AuthError } from '../errors.js';
import { readRefreshToken, type PresentedToken } from '../flows/refresh.js';
import { verifyRefreshToken } from '../tokens/refresh-token.js';
import type { Arrival } from './exchange.js';

export function refreshCookie({ core, request }: Arrival): string | undefined {
  const value = findCookie(readHeader(request.headers, 'cookie'), core.config.cookies.refresh.name);
  return value === '' ? undefined : value;
}

/**
 * The refresh token of a request, from the cookie or the body but not from both; with a cookie the CSRF token of its session is demanded.
 * Undefined when there is none.
 * @throws {AuthError} `invalid_request`, `refresh_token_invalid`, `csrf_failed`.
 */
export function presentedRefreshToken(arrival: Arrival, inBody: string | undefined): PresentedToken | undefined {
  const inCookie = refreshCookie(arrival);
  if (inBody !== undefined && inCookie !== undefined) {
    const message = 'must not be sent together with a refresh cookie';
    throw new AuthError('invalid_request', { fields: [{ path: 'refreshToken', code: 'ambiguous', message }] });
  }
  const token = inBody ?? inCookie;
  if (token === undefined) return undefined;
  const content = readRefreshToken(arrival.core, token);
  if (inCookie !== undefined) requireCsrfToken(arrival.request.headers, content.sessionId, { secrets: arrival.core.secrets });
  return { content, bearer: inBody !== undefined };
}

/** A bearer session's token belongs into a body, any other into a cookie. @throws {AuthError} `refresh_token_invalid`. */
export async function requireOwnPlace(core: Arrival['core'], { content, bearer }: PresentedToken): Promise<void> {
  const found = await core.store.sessions.find(content.sessionId);
  if (found && (found.session.delivery === 'bearer') !== bearer)
    throw new AuthError('refresh_token_invalid', { reason: 'token in the wrong place' });
}

/** The session that this browser has already, to be ended by a new login; its cookie needs to be genuine, nothing more. */
export function sessionOfBrowser(arrival: Arrival): string | null {
  const cookie = refreshCookie(arrival);
  const verdict = cookie === undefined ? null : verifyRefreshToken(arrival.core.secrets, cookie);
  return verdict?.ok ? verdict.content.sessionId : null;
}
