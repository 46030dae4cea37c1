/**
 * Compact JWS of Wycheproof and of RFC 7515, presented to the verifier of access tokens. Its ring is told the header of the valid tokens of a
 * group; a valid one must pass the signature and fail at its claims only, an invalid one must never get that far.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AuthError } from '../../src/errors.js';
import { verifyAccessToken } from '../../src/tokens/access-token.js';
import type { KeyRing } from '../../src/tokens/key-ring.js';
import { importHmacKey, verifyingKey, type VerifyingKey } from '../../src/tokens/signing-key.js';
import { haveVectors, readVectors } from './read-vectors.js';

type Jwk = JsonWebKey & { readonly alg?: string; readonly use?: string; readonly key_ops?: readonly string[] };
interface JwsVectors {
  readonly testGroups: readonly {
    readonly comment: string;
    readonly private: Jwk;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly jws: unknown;
      readonly result: string;
      readonly flags: readonly string[];
    }[];
  }[];
}
interface RfcVectors {
  readonly cases: readonly {
    readonly id: string;
    readonly alg?: string;
    readonly jwk?: Jwk;
    readonly compact?: string;
    readonly json_general?: object;
    readonly json_flattened?: object;
  }[];
}

const ours = ['ES256', 'EdDSA', 'RS256', 'HS256'] as const;
const rules = { issuer: 'https://auth.example', audience: ['https://api.example'], ttlSeconds: 900, longestSeconds: 900 };

function importJwk(jwk: Jwk): VerifyingKey | null {
  const algorithm = ours.find((name) => name === jwk.alg);
  if (!algorithm) return null;
  if (algorithm === 'HS256') return importHmacKey(Buffer.from(jwk.k ?? '', 'base64url'));
  return verifyingKey(algorithm, createPublicKey({ key: jwk, format: 'jwk' }));
}

function ringOf(key: VerifyingKey, tokens: readonly string[]): KeyRing {
  const ring = { kid: 'test', state: 'signing' as const, key };
  return {
    version: 'test',
    signing: { kid: 'test', header: '', key: { ...key, sign: () => Buffer.alloc(0) } },
    byHeader: new Map(tokens.map((token) => [token.split('.')[0] ?? '', ring])),
    jwks: { keys: [] },
  };
}

/** Why the token was refused; a payload or claims problem means that the signature was accepted. */
function refusalOf(token: string, ring: KeyRing): string {
  try {
    verifyAccessToken(token, ring, rules, Date.now());
  } catch (error) {
    if (error instanceof AuthError) return error.reason ?? error.code;
    throw error;
  }
  return 'accepted';
}

const passedSignature = /^(?:payload is|claims)/;

/** Two vectors lost what made them invalid and equal a valid one; two are called valid although they hold characters outside base64url. */
function isValid(jws: string, result: string, validTokens: readonly string[]): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(jws) && (result === 'valid' || validTokens.includes(jws));
}

describe.skipIf(!haveVectors)('JWS of Wycheproof', () => {
  it('pass the signature when they are valid, and never otherwise', () => {
    let valid = 0;
    let invalid = 0;
    for (const group of readVectors<JwsVectors>('wycheproof/json_web_signature_test.json').testGroups) {
      const key = importJwk(group.private);
      if (!key) continue;
      const validTokens = group.tests.flatMap(({ jws, result }) => (result === 'valid' && typeof jws === 'string' ? [jws] : []));
      const ring = ringOf(key, validTokens);
      for (const { tcId, comment, jws, result } of group.tests) {
        const token = typeof jws === 'string' ? jws : JSON.stringify(jws);
        const refusal = refusalOf(token, ring);
        expect(refusal).not.toBe('accepted');
        const expected = isValid(token, result, validTokens);
        if (expected) valid++;
        else invalid++;
        expect(passedSignature.test(refusal), `${group.comment} ${String(tcId)} ${comment}: ${refusal}`).toBe(expected);
      }
    }
    expect(valid).toBeGreaterThan(15);
    expect(invalid).toBeGreaterThan(200);
  });
});

describe.skipIf(!haveVectors)('JWS of RFC 7515, appendix A', () => {
  it.each(haveVectors ? readVectors<RfcVectors>('rfc/rfc7515-appendix-a.json').cases.map((entry) => [entry.id, entry] as const) : [])(
    '%s',
    (id, entry) => {
      const key = entry.jwk ? importJwk({ ...entry.jwk, ...(entry.alg === undefined ? {} : { alg: entry.alg }) }) : null;
      const token = entry.compact ?? JSON.stringify(entry.json_general ?? entry.json_flattened);
      const ring = key ? ringOf(key, [token]) : ringOf(importHmacKey(Buffer.alloc(32, 1)), []);
      const refusal = refusalOf(token, ring);
      if (['RFC7515-A.1', 'RFC7515-A.2', 'RFC7515-A.3'].includes(id)) expect(refusal).toMatch(passedSignature);
      else expect(refusal).not.toMatch(passedSignature);
      expect(refusal).not.toBe('accepted');
    },
  );
});
