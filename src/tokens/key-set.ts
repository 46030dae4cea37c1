/** Reads a published key set (RFC 7517) for whoever only verifies: one algorithm per key, and only those that need no common secret. */
import { createPublicKey } from 'node:crypto';
import { encodedHeader, type RingKey } from './key-ring.js';
import { verifyingKey } from './signing-key.js';

/** An issuer has two or three; more than this is nonsense. */
const mostKeys = 64;
const algorithms = ['ES256', 'EdDSA', 'RS256'] as const;

/** The keys that can be used, by the one header that tokens of each have. What is no such key is left out: it would verify nothing. */
export function readKeySet(keys: readonly unknown[]): ReadonlyMap<string, RingKey> {
  const byHeader = new Map<string, RingKey>();
  for (const jwk of keys.slice(0, mostKeys)) {
    const found = readKey(jwk);
    if (found !== null && !byHeader.has(found.header)) byHeader.set(found.header, found.key);
  }
  return byHeader;
}

/** The algorithm is the one that the issuer names for this key, never one that a token asks for. */
function readKey(jwk: unknown): { readonly header: string; readonly key: RingKey } | null {
  if (typeof jwk !== 'object' || jwk === null) return null;
  const { kid, alg, use, kty, crv, n, e, x, y } = jwk as Readonly<Record<string, unknown>>;
  const algorithm = algorithms.find((name) => name === alg);
  if (algorithm === undefined || typeof kid !== 'string' || !isKeyId(kid) || (use !== undefined && use !== 'sig')) return null;
  try {
    // The public members alone: a private key that was published by mistake is none of our business.
    const publicKey = createPublicKey({ key: { kty, crv, n, e, x, y } as Record<string, string>, format: 'jwk' });
    const header = encodedHeader({ algorithm, kid });
    return { header, key: { kid, state: 'verifying', key: verifyingKey(algorithm, publicKey) } };
  } catch {
    return null;
  }
}

function isKeyId(kid: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(kid);
}

/** Whether this is the header of a key that the issuer may have published meanwhile. */
export function isHeaderOfSomeKey(header: string): boolean {
  const text = Buffer.from(header, 'base64url').toString('utf8');
  return algorithms.some((algorithm) => {
    const [start, end] = [`{"alg":"${algorithm}","typ":"at+jwt","kid":"`, '"}'];
    const kid = text.slice(start.length, -end.length);
    return text.startsWith(start) && text.endsWith(end) && isKeyId(kid) && encodedHeader({ algorithm, kid }) === header;
  });
}
