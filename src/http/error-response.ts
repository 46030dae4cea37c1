/** The one door for errors: problem details (RFC 9457) with a code of the table; what a client may not know goes to the log only. */
import { AuthError } from '../errors.js';
import type { Logger } from '../model/app-types.js';
import { StoreUnavailableError } from '../model/store.js';
import type { ProblemDocument } from '../protocol/documents.js';
import type { HeaderList, HttpResponse } from './message.js';
import { oauthErrorOf } from './oauth-error.js';

/** Faults become `store_unavailable` or `internal_error`; their cause is logged under the request id. */
export function toAuthError(error: unknown, requestId: string, logger: Logger): AuthError {
  if (error instanceof AuthError) {
    const { code, reason } = error;
    if (reason !== undefined) logger[error.status >= 500 ? 'warn' : 'info']({ requestId, code, reason }, 'request refused');
    return error;
  }
  if (error instanceof StoreUnavailableError) {
    logger.error({ requestId, err: error }, 'the store is unavailable');
    return new AuthError('store_unavailable', { cause: error });
  }
  logger.error({ requestId, err: error }, 'request failed');
  return new AuthError('internal_error', { cause: error });
}

/** `speaksOAuth`: for its clients, some of which read nothing but `application/json` (RFC 6749 section 5.2). */
export function errorResponse(error: AuthError, requestId: string, speaksOAuth = false): HttpResponse {
  const problem: ProblemDocument = {
    type: `urn:countersign:error:${error.code}`,
    title: error.message,
    status: error.status,
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.fields === undefined ? {} : { errors: error.fields }),
    requestId,
    ...(speaksOAuth ? { error: oauthErrorOf(error) } : {}),
  };
  return {
    status: error.status,
    headers: [['content-type', speaksOAuth ? 'application/json' : 'application/problem+json'], ...errorHeaders(error)],
    body: JSON.stringify(problem),
  };
}

function errorHeaders(error: AuthError): HeaderList {
  const headers: [string, string][] = [];
  const challenge = authenticateChallenge(error);
  if (challenge !== null) headers.push(['www-authenticate', challenge]);
  if (error.retryAfterSeconds !== undefined) headers.push(['retry-after', String(error.retryAfterSeconds)]);
  if (error.allow) headers.push(['allow', error.allow.join(', ')]);
  // What was not read of the body would be taken for the next request.
  if (error.code === 'body_too_large') headers.push(['connection', 'close']);
  return headers;
}

/** RFC 6750 section 3, RFC 9470 section 3. */
function authenticateChallenge({ code, status, maxAgeSeconds }: AuthError): string | null {
  if (code === 'token_missing') return 'Bearer';
  if (code === 'step_up_required') {
    const maxAge = maxAgeSeconds === undefined ? '' : `, max_age="${String(maxAgeSeconds)}"`;
    return `Bearer error="insufficient_user_authentication"${maxAge}`;
  }
  if (code === 'insufficient_role' || code === 'insufficient_scope') return 'Bearer error="insufficient_scope"';
  if (code === 'token_expired' || code === 'token_invalid' || code === 'session_revoked') return 'Bearer error="invalid_token"';
  return status === 401 ? 'Bearer' : null;
}
