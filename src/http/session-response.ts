/** Hands tokens to a client, each where the session's delivery puts it. The only file that writes auth cookies. */
import { findCookie, readHeader } from '../access/credentials.js';
import type { SignedIn } from '../flows/issue-tokens.js';
import type { AuthConfig } from '../model/config.js';
import type { SignedInDocument } from '../protocol/documents.js';
import { clearCookie, setCookie } from './cookies.js';
import { sessionDocument, userDocument } from './documents.js';
import type { Arrival } from './exchange.js';
import { ok, type Answer, type HeaderList } from './message.js';

export function signedInAnswer(config: AuthConfig, signedIn: SignedIn, now: number): Answer {
  const { delivery } = signedIn.session;
  const document: SignedInDocument = {
    user: userDocument(signedIn.user),
    session: sessionDocument(signedIn.session, signedIn.session.id),
    ...(delivery === 'bearer' ? { refreshToken: signedIn.refreshToken } : { csrfToken: signedIn.csrfToken }),
    ...(delivery === 'cookie' ? {} : { accessToken: signedIn.accessToken, tokenType: 'Bearer' }),
    expiresIn: signedIn.expiresInSeconds,
  };
  return ok(document, signedInCookies(config, signedIn, now));
}

/** Of a login. In memory mode an access cookie of before would go on beside the token. */
export function loggedInAnswer({ core, request }: Arrival, signedIn: SignedIn): Answer {
  const { cookies } = core.config;
  const answer = signedInAnswer(core.config, signedIn, core.clock.now());
  const leftOver =
    signedIn.session.delivery === 'memory' && findCookie(readHeader(request.headers, 'cookie'), cookies.access.name) !== undefined;
  return leftOver ? { ...answer, headers: [...(answer.headers ?? []), clearCookie(cookies.access)] } : answer;
}

/** The session's cookies; none in bearer mode. */
export function signedInCookies({ cookies }: AuthConfig, signedIn: SignedIn, now: number): HeaderList {
  const { session, sessionSeconds, csrfToken } = signedIn;
  if (session.delivery === 'bearer') return [];
  const maxAge = session.remember ? sessionSeconds : null;
  const state = { v: 1, exp: Math.floor(now / 1000) + sessionSeconds, csrf: csrfToken };
  return [
    ...(session.delivery === 'cookie' ? [setCookie(cookies.access, signedIn.accessToken, maxAge)] : []),
    setCookie(cookies.refresh, signedIn.refreshToken, maxAge),
    setCookie(cookies.state, Buffer.from(JSON.stringify(state)).toString('base64url'), maxAge),
  ];
}

/** For an accepted logout or the end of an account: no refusal ever clears a cookie. */
export function clearedCookies({ cookies }: AuthConfig): HeaderList {
  return [clearCookie(cookies.access), clearCookie(cookies.refresh), clearCookie(cookies.state)];
}
