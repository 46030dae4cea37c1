/** Our four algorithms against Wycheproof: ECDSA in P1363 form ("psychic" signatures, range and encoding), Ed25519, HMAC-SHA-256, RSA (PKCS #1 v1.5 forgeries). */
import { createPublicKey, type JsonWebKeyInput } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { importHmacKey, verifyingKey } from '../../src/tokens/signing-key.js';
import { haveVectors, readVectors } from './read-vectors.js';

interface SignatureVectors {
  readonly testGroups: readonly {
    readonly publicKeyPem: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

interface MacVectors {
  readonly testGroups: readonly {
    readonly keySize: number;
    readonly tagSize: number;
    readonly tests: readonly {
      readonly tcId: number;
      readonly key: string;
      readonly msg: string;
      readonly tag: string;
      readonly result: string;
    }[];
  }[];
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe.skipIf(!haveVectors)('signatures of Wycheproof', () => {
  it.each([
    ['ES256', 'ecdsa_secp256r1_sha256_p1363_test', 262],
    ['EdDSA', 'ed25519_test', 151],
    ['RS256', 'rsa_signature_2048_sha256_test', 259],
  ] as const)('%s accepts what is valid and nothing else', (algorithm, file, expected) => {
    let judged = 0;
    for (const group of readVectors<SignatureVectors>(`wycheproof/${file}.json`).testGroups) {
      const publicKey = createPublicKey(group.publicKeyPem);
      if ((publicKey.asymmetricKeyDetails?.publicExponent ?? 65537n) < 65537n) {
        expect(() => verifyingKey(algorithm, publicKey)).toThrow(TypeError);
        judged += group.tests.length;
        continue;
      }
      const key = verifyingKey(algorithm, publicKey);
      for (const { tcId, comment, msg, sig, result } of group.tests) {
        const accepted = key.verify(hex(msg), hex(sig));
        // "acceptable": a legacy encoding that a verifier may refuse.
        if (result !== 'acceptable') expect(accepted, `${file} ${String(tcId)} ${comment}`).toBe(result === 'valid');
        judged++;
      }
    }
    expect(judged).toBe(expected);
  });

  it('HS256 accepts whole tags only, and keys of at least 32 bytes only', () => {
    for (const group of readVectors<MacVectors>('wycheproof/hmac_sha256_test.json').testGroups) {
      for (const { tcId, key, msg, tag, result } of group.tests) {
        if (group.keySize < 256) {
          expect(() => importHmacKey(hex(key))).toThrow(TypeError);
          continue;
        }
        const accepted = importHmacKey(hex(key)).verify(hex(msg), hex(tag));
        expect(accepted, String(tcId)).toBe(result === 'valid' && group.tagSize === 256);
      }
    }
  });
});

describe('keys of the wrong kind', () => {
  const jwk = (key: JsonWebKeyInput['key']): ReturnType<typeof createPublicKey> => createPublicKey({ key, format: 'jwk' });
  const p384 = { kty: 'EC', crv: 'P-384', x: 'C1PL42i6kmNkM61aupEAgLJ4gF1ZRzcV7lqo1TG0mL4', y: '' };

  it('are refused for an algorithm that they do not belong to', () => {
    const ed25519 = jwk({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' });
    expect(() => verifyingKey('ES256', ed25519)).toThrow(TypeError);
    expect(() => verifyingKey('RS256', ed25519)).toThrow(TypeError);
    expect(() => jwk(p384)).toThrow();
  });
});
