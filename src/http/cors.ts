/** Cross-origin resource sharing (Fetch standard): exact origins, with credentials; anything else gets no header at all. */
import { readHeader } from '../access/credentials.js';
import { explainRefusedOrigin, isTrustedOrigin } from '../policy/origins.js';
import { AuthError } from '../errors.js';
import type { RequestLike } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import { csrfHeader } from '../protocol/names.js';
import type { HeaderList } from './message.js';

const exposedHeaders = 'retry-after, ratelimit, ratelimit-policy, www-authenticate, x-request-id';
const allowedHeaders = `content-type, authorization, ${csrfHeader}`;

export const varyOnOrigin: HeaderList[number] = ['vary', 'Origin'];

/** For an answer to a page of another, trusted origin. */
export function corsHeaders(config: AuthConfig, headers: RequestLike['headers']): HeaderList {
  const origin = readHeader(headers, 'origin');
  if (origin === undefined || !isTrustedOrigin(origin, config)) return [];
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    ['access-control-expose-headers', exposedHeaders],
  ];
}

/** Anyone may read it, without credentials. */
export const publicCorsHeaders: HeaderList = [['access-control-allow-origin', '*']];

export function isPreflight(method: string, headers: RequestLike['headers']): boolean {
  return (
    method === 'OPTIONS' &&
    readHeader(headers, 'access-control-request-method') !== undefined &&
    readHeader(headers, 'origin') !== undefined
  );
}

/** Beside `corsHeaders`, which every answer gets. @throws {AuthError} `origin_not_allowed` for an origin that is not trusted. */
export function preflightHeaders(config: AuthConfig, headers: RequestLike['headers'], methods: readonly string[]): HeaderList {
  if (corsHeaders(config, headers).length === 0) {
    const stated = { origin: readHeader(headers, 'origin'), fetchSite: undefined };
    throw new AuthError('origin_not_allowed', config.development ? { detail: explainRefusedOrigin(stated, config) } : {});
  }
  return [
    ['access-control-allow-methods', methods.join(', ')],
    ['access-control-allow-headers', allowedHeaders],
    ['access-control-max-age', '600'],
  ];
}
