/** Public documents at the origin's root, for services that verify on their own. */
import { readHeader } from '../../access/credentials.js';
import type { KnownApiKey } from '../../access/api-key-verifier.js';
import { longestPosition } from '../../model/store.js';
import type { Exchange } from '../exchange.js';
import { ok, type Answer, type HttpRequest } from '../message.js';

/** Public keys (RFC 7517). */
export function answerJwks({ core }: Exchange<null, object>): Answer {
  return ok(core.ring().jwks);
}

/** Issuer metadata, in the terms of RFC 8414 where it has them. */
export function answerMetadata({ core }: Exchange<null, object>): Answer {
  const { publicUrl, basePath, audience, tokens, cookies } = core.config;
  return ok({
    issuer: publicUrl.origin,
    jwks_uri: `${publicUrl.origin}/.well-known/jwks.json`,
    token_endpoint: `${publicUrl.origin}${basePath}/auth/token`,
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    grant_types_supported: ['client_credentials'],
    api_base: `${publicUrl.origin}${basePath}`,
    audience,
    access_token_signing_alg_values_supported: [tokens.algorithm],
    cookies: { access: cookies.access.name, refresh: cookies.refresh.name },
  });
}

/** Revocations as server-sent events. */
export function answerRevocations({ streams, request, who }: Exchange<KnownApiKey, object>): Answer {
  return {
    status: 200,
    // Neither to be kept, nor compressed, nor collected by what stands between: each event counts when it comes.
    headers: [
      ['content-type', 'text/event-stream'],
      ['cache-control', 'no-store, no-transform'],
      ['x-accel-buffering', 'no'],
    ],
    stream: streams.open(who, positionOf(request)),
  };
}

/** Null for what cannot be a position: then everything is sent. */
function positionOf({ headers }: HttpRequest): string | null {
  const position = readHeader(headers, 'last-event-id') ?? '';
  return position.length <= longestPosition && /^[\x21-\x7e]+$/.test(position) ? position : null;
}
