/** The closed set of refusals: every code a client can meet, its HTTP status and its title. Drives types, wire and documentation. */

export interface ErrorCodeEntry {
  readonly status: number;
  /** For people, the same for every occurrence; never holds input. */
  readonly title: string;
  /** This version never refuses with it; its meaning is settled, so that clients and applications can use it already. */
  readonly reserved?: true;
}

const table = {
  invalid_request: { status: 400, title: 'The request is not valid.' },
  one_time_token_invalid: { status: 400, title: 'This link or code is not valid.' },
  invalid_credentials: { status: 401, title: 'The user name or password is wrong.' },
  token_missing: { status: 401, title: 'You are not signed in.' },
  token_expired: { status: 401, title: 'The access token has expired.' },
  token_invalid: { status: 401, title: 'The access token is not valid.' },
  session_revoked: { status: 401, title: 'The session has ended.' },
  refresh_token_missing: { status: 401, title: 'There is no refresh token.' },
  refresh_token_expired: { status: 401, title: 'The session has expired.' },
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid.' },
  refresh_token_replayed: { status: 401, title: 'The refresh token was used before; the session has ended.' },
  step_up_required: { status: 401, title: 'Please prove again who you are.' },
  mfa_code_invalid: { status: 401, title: 'The code is wrong.' },
  csrf_failed: { status: 403, title: 'The CSRF token is missing or wrong.' },
  insufficient_role: { status: 403, title: 'You may not do this.' },
  insufficient_scope: { status: 403, title: 'The credential does not cover this.' },
  account_disabled: { status: 403, title: 'The account is disabled.' },
  email_not_verified: { status: 403, title: 'The e-mail address is not verified.', reserved: true },
  origin_not_allowed: { status: 403, title: 'Requests from this origin are not allowed.' },
  not_found: { status: 404, title: 'There is nothing here.' },
  method_not_allowed: { status: 405, title: 'This method is not allowed here.' },
  username_taken: { status: 409, title: 'This user name is taken.' },
  conflict: { status: 409, title: 'The request conflicts with the current state.' },
  refresh_superseded: { status: 409, title: 'A newer refresh token is already in use; repeat with it.' },
  one_time_token_used: { status: 410, title: 'This link or code was used before.' },
  one_time_token_expired: { status: 410, title: 'This link or code has expired.' },
  body_too_large: { status: 413, title: 'The request body is too large.' },
  unsupported_media_type: { status: 415, title: 'The request body must be application/json.' },
  too_many_attempts: { status: 429, title: 'Too many attempts; try again later.' },
  internal_error: { status: 500, title: 'Something went wrong on our side.' },
  overloaded: { status: 503, title: 'The server is busy; try again soon.' },
  revocation_unavailable: { status: 503, title: 'Revocations cannot be checked at the moment; try again soon.' },
  store_unavailable: { status: 503, title: 'The store cannot be reached at the moment; try again soon.' },
} as const;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeEntry>> = table;
