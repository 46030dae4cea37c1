/** Our refusals in the words of OAuth (RFC 6749 section 5.2), for the libraries that programs use. */
import type { AuthError } from '../errors.js';
import type { OAuthErrorCode } from '../protocol/documents.js';

/** `temporarily_unavailable` and `server_error` are of section 4.1.2.1: section 5.2 has no words for what is not the client's fault. */
export function oauthErrorOf({ code, status, fields }: AuthError): OAuthErrorCode {
  if (code === 'internal_error') return 'server_error';
  if (status === 503 || status === 429) return 'temporarily_unavailable';
  if (status === 401 || code === 'account_disabled') return 'invalid_client';
  if (code === 'insufficient_scope') return 'invalid_scope';
  // Missing, or given twice, is a malformed request; only a word that is not served is more than that.
  const invalid = fields?.filter((field) => field.code === 'invalid').map(({ path }) => path) ?? [];
  if (invalid.includes('grant_type')) return 'unsupported_grant_type';
  return invalid.includes('scope') ? 'invalid_scope' : 'invalid_request';
}
