/** Public documents at the origin's root, for services that verify on their own. */
import type { Exchange } from '../exchange.js';
import { ok, type Answer } from '../message.js';

/** Public keys (RFC 7517). */
export function answerJwks({ core }: Exchange<null, object>): Answer {
  return ok(core.ring().jwks);
}

/** Issuer metadata, in the terms of RFC 8414 where it has them. */
export function answerMetadata({ core }: Exchange<null, object>): Answer {
  const { publicUrl, basePath, audience, tokens } = core.config;
  return ok({
    issuer: publicUrl.origin,
    jwks_uri: `${publicUrl.origin}/.well-known/jwks.json`,
    api_base: `${publicUrl.origin}${basePath}`,
    audience,
    access_token_signing_alg_values_supported: [tokens.algorithm],
  });
}
