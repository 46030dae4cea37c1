/** Issues what the holder of a live session gets: access token, refresh token, CSRF token. */
import type { HeldSession, RotatedSession, UserRecord } from '../model/store.js';
import { sessionExpiresAt } from '../policy/session-life.js';
import { issueAccessToken } from '../tokens/access-token.js';
import { issueCsrfToken } from '../tokens/csrf-token.js';
import type { FlowContext } from './context.js';

/** The one good ending of login, refresh, step-up and password change; the session's delivery decides what of it travels where. */
export interface SignedIn {
  readonly user: UserRecord;
  readonly session: HeldSession;
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
  readonly csrfToken: string;
  /** Until when the refresh token is good, in seconds from now. */
  readonly sessionSeconds: number;
}

/** The application's part of an access token; asked for before anything is written that a failure of it would waste. */
export type AppClaims = Awaited<ReturnType<FlowContext['claimsOf']>>;

export function issueTokens(context: FlowContext, { user, session, now }: RotatedSession, refreshToken: string, app: AppClaims): SignedIn {
  const expiresAt = sessionExpiresAt(session);
  const access = issueAccessToken(
    {
      sub: user.id,
      sid: session.id,
      roles: user.roles,
      azv: user.authzVersion,
      sep: session.epoch,
      amr: session.factors,
      auth_time: Math.floor(session.authenticatedAt / 1000),
      ...(app === undefined ? {} : { app }),
    },
    {
      ring: context.ring(),
      rules: context.accessRules,
      random: context.random,
      now: context.clock.now(),
      // The store's clock may differ from ours: what counts is how long the session still has.
      sessionExpiresAt: context.clock.now() + (expiresAt - now),
    },
  );
  return {
    user,
    session,
    accessToken: access.token,
    expiresInSeconds: access.expiresInSeconds,
    refreshToken,
    csrfToken: issueCsrfToken(context.secrets, session.id),
    sessionSeconds: Math.max(1, Math.floor((expiresAt - now) / 1000)),
  };
}
