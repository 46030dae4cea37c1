/** Asks the issuer who it is, and checks that its tokens can be verified here at all. */
import { ConfigError } from '../errors.js';
import { cookieName } from '../protocol/names.js';
import { fetchDocument } from './fetch-document.js';
import type { VerifierConfig } from './verifier-options.js';

export interface CookieNames {
  readonly access: string;
  readonly refresh: string;
}

const metadataPath = '/.well-known/countersign';

/** @throws {ConfigError} when it is another issuer, or signs with a common secret. Rejects with an `Error` when it cannot be read. */
export async function discover({ issuer, cookiePrefix }: VerifierConfig, closed: AbortSignal): Promise<CookieNames> {
  const url = issuer.origin + metadataPath;
  const { document } = await fetchDocument(url, closed);
  const { issuer: named, access_token_signing_alg_values_supported: algorithms, cookies } = document;
  if (named !== issuer.origin) {
    const other = typeof named === 'string' ? `"${named}"` : 'no issuer';
    throw problem('issuer', `${url} names ${other}: give exactly the public URL of the server that issues the tokens.`);
  }
  if (Array.isArray(algorithms) && algorithms.every((algorithm) => algorithm === 'HS256')) {
    const remedy = 'set tokens.algorithm (COUNTERSIGN_ALG) of the issuer to ES256, EdDSA or RS256.';
    throw problem('issuer', `signs with HS256, a secret that only it may know, so that nobody else can verify its tokens: ${remedy}`);
  }
  const security = issuer.secure ? '__Host-' : '';
  return {
    access: nameOf(cookies, 'access', cookiePrefix) ?? cookieName('access', cookiePrefix ?? 'cs', security),
    refresh: nameOf(cookies, 'refresh', cookiePrefix) ?? cookieName('refresh', cookiePrefix ?? 'cs', security),
  };
}

/** As the issuer says, unless the options of this service say otherwise. */
function nameOf(cookies: unknown, kind: 'access' | 'refresh', prefix: string | null): string | null {
  const name: unknown = (cookies as Readonly<Record<string, unknown>> | undefined)?.[kind];
  return prefix === null && typeof name === 'string' && /^[\w-]{1,64}$/.test(name) ? name : null;
}

function problem(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message }]);
}
