/** Signing keys: one algorithm per key, prepared once as `KeyObject`, used synchronously (RFC 7518, RFC 8037). */
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPair, sign, verify, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { constantTimeEqual, hmacSha256 } from '../crypto/digest.js';
import type { Random } from '../crypto/random.js';
import type { SigningAlgorithm } from '../model/store.js';

/** Verifies with one algorithm; there is no way to ask for another. */
export interface VerifyingKey {
  readonly algorithm: SigningAlgorithm;
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

export interface SigningKey extends VerifyingKey {
  sign(data: Uint8Array): Buffer;
}

/** A key pair as it is kept: the private part to be sealed, the public part to be published (null for HS256). */
export interface KeyMaterial {
  readonly privateBytes: Buffer;
  readonly publicJwk: Readonly<Record<string, unknown>> | null;
}

export async function generateKeyMaterial(algorithm: SigningAlgorithm, random: Random): Promise<KeyMaterial> {
  if (algorithm === 'HS256') return { privateBytes: random(32), publicJwk: null };
  const { privateKey, publicKey } = await generatePair(algorithm);
  return { privateBytes: privateKey.export({ format: 'der', type: 'pkcs8' }), publicJwk: publicKey.export({ format: 'jwk' }) };
}

// Asynchronous: an RSA pair takes a tenth of a second, which would hold up every request.
const generate = promisify(generateKeyPair);

function generatePair(algorithm: Exclude<SigningAlgorithm, 'HS256'>): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  switch (algorithm) {
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generate('ed25519');
    case 'RS256':
      return generate('rsa', { modulusLength: 2048 });
  }
}

/** @throws when the bytes are no private key of that algorithm. */
export function importSigningKey(algorithm: SigningAlgorithm, privateBytes: Buffer): SigningKey {
  if (algorithm === 'HS256') return importHmacKey(privateBytes);
  const key = createPrivateKey({ key: privateBytes, format: 'der', type: 'pkcs8' });
  const verifying = verifyingKey(algorithm, createPublicKey(key));
  return { ...verifying, sign: signer(algorithm, key) };
}

function signer(algorithm: Exclude<SigningAlgorithm, 'HS256'>, key: KeyObject): (data: Uint8Array) => Buffer {
  switch (algorithm) {
    case 'ES256': {
      const input = { key, dsaEncoding: 'ieee-p1363' as const };
      return (data) => sign('sha256', data, input);
    }
    case 'EdDSA':
      return (data) => sign(null, data, key);
    case 'RS256':
      return (data) => sign('sha256', data, key);
  }
}

/** @throws {TypeError} when the key is of another type, curve or size than the algorithm demands. */
export function verifyingKey(algorithm: Exclude<SigningAlgorithm, 'HS256'>, key: KeyObject): VerifyingKey {
  requireKeyType(algorithm, key);
  switch (algorithm) {
    case 'ES256': {
      const input = { key, dsaEncoding: 'ieee-p1363' as const };
      // The length check refuses a DER encoding before OpenSSL sees it.
      return { algorithm, verify: (data, signature) => signature.byteLength === 64 && verify('sha256', data, input, signature) };
    }
    case 'EdDSA':
      return { algorithm, verify: (data, signature) => signature.byteLength === 64 && verify(null, data, key, signature) };
    case 'RS256':
      return { algorithm, verify: (data, signature) => verify('sha256', data, key, signature) };
  }
}

function requireKeyType(algorithm: Exclude<SigningAlgorithm, 'HS256'>, key: KeyObject): void {
  const details = key.asymmetricKeyDetails ?? {};
  const fits = {
    ES256: key.asymmetricKeyType === 'ec' && details.namedCurve === 'prime256v1',
    EdDSA: key.asymmetricKeyType === 'ed25519',
    RS256: key.asymmetricKeyType === 'rsa' && (details.modulusLength ?? 0) >= 2048 && (details.publicExponent ?? 0n) >= 65537n,
  }[algorithm];
  if (!fits) throw new TypeError(`This key cannot be used with ${algorithm}.`);
}

function hmacKey(key: KeyObject): SigningKey {
  if ((key.symmetricKeySize ?? 0) < 32) throw new TypeError('A key for HS256 has at least 32 bytes (RFC 7518 section 3.2).');
  const mac = (data: Uint8Array): Buffer => hmacSha256(key, data);
  return { algorithm: 'HS256', sign: mac, verify: (data, signature) => constantTimeEqual(mac(data), signature) };
}

/** For the secret of HS256 as raw bytes. @throws {TypeError} below 32 bytes. */
export function importHmacKey(bytes: Uint8Array): SigningKey {
  return hmacKey(createSecretKey(bytes));
}
