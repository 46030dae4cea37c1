/** Who is looking at a page, for server-side rendering: looks, and where it must, refreshes on the browser's behalf. */
import { anyUser } from '../access/access-rule.js';
import { findCookie, isSafeMethod, readBearer, readHeader } from '../access/credentials.js';
import type { Core } from '../core.js';
import { AuthError } from '../errors.js';
import { readRefreshToken, refresh } from '../flows/refresh.js';
import type { AppTypes, Principal, RequestLike } from '../model/app-types.js';
import type { ErrorCode } from '../protocol/error-codes.js';
import { verifyRefreshToken } from '../tokens/refresh-token.js';
import { signedInCookies } from './session-response.js';
import { originalCookieHeader } from './take-refresh-cookie.js';

/**
 * `refreshable`: there is a session whose access token is missing or over. `unknown`: it cannot be known now (503): neither greet nor send to
 * the login page.
 */
export type Inspection<App extends AppTypes = AppTypes> =
  | { readonly status: 'authenticated'; readonly principal: Principal<App> }
  | { readonly status: 'refreshable' | 'guest' | 'unknown'; readonly code: ErrorCode };

export function inspectRequest(core: Core, request: RequestLike): Inspection {
  try {
    // Looking changes nothing, whatever the method of the request.
    return { status: 'authenticated', principal: core.authenticator.authenticate({ headers: request.headers }, core.compile(anyUser)) };
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    if (error.status >= 500) return { status: 'unknown', code: error.code };
    const cookie = error.status === 401 ? refreshCookieOf(core, request) : undefined;
    const isGenuine = cookie !== undefined && verifyRefreshToken(core.secrets, cookie).ok;
    return { status: isGenuine ? 'refreshable' : 'guest', code: error.code };
  }
}

/** Undefined beside a bearer credential, which is judged alone, and when it is there twice: looking refuses nothing. */
function refreshCookieOf(core: Core, { headers }: RequestLike): string | undefined {
  if (readBearer(readHeader(headers, 'authorization')) !== undefined) return undefined;
  try {
    return findCookie(originalCookieHeader(headers) ?? readHeader(headers, 'cookie'), core.config.cookies.refresh.name);
  } catch {
    return undefined;
  }
}

export interface ContinuedSession {
  readonly principal: Principal | null;
  readonly headers: Headers;
}

/** @throws {AuthError} when it cannot be known who is looking: 503, and 409 where the browser holds a newer cookie already. */
export async function continueSession(core: Core, request: RequestLike): Promise<ContinuedSession> {
  if (!core.feed.isFresh()) await core.feed.waitUntilFresh();
  const inspection = inspectRequest(core, request);
  if (inspection.status === 'unknown') throw new AuthError(inspection.code);
  if (inspection.status === 'authenticated') return { principal: inspection.principal, headers: new Headers() };
  const token = refreshCookieOf(core, request);
  // A rotation is the browser's own page being loaded, never something that another site's form caused.
  const mayRotate = inspection.status === 'refreshable' && isSafeMethod(request.method ?? 'GET');
  return mayRotate && token !== undefined ? rotateFor(core, token) : { principal: null, headers: new Headers() };
}

async function rotateFor(core: Core, token: string): Promise<ContinuedSession> {
  const headers = new Headers();
  try {
    const signedIn = await refresh(core, { content: readRefreshToken(core, token), bearer: false });
    for (const [name, value] of signedInCookies(core.config, signedIn, core.clock.now())) headers.append(name, value);
    const cookie = `${core.config.cookies.access.name}=${signedIn.accessToken}`;
    return { principal: core.authenticator.authenticate({ headers: { cookie } }, core.compile(anyUser)), headers };
  } catch (error) {
    const isOver = error instanceof AuthError && (error.status === 401 || error.status === 403);
    if (isOver) return { principal: null, headers };
    throw error;
  }
}
