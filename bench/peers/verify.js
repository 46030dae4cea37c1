/** Other libraries that verify a token, each as its documentation shows it. A verifier is called with a token; those of `jose` and `hono/jwt` promise. */
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import { verify as honoVerify } from 'hono/jwt';
import { jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';

const demands = { issuer: 'http://localhost:4000', audience: 'http://localhost:4000' };
/** What an access token of ours says. */
const claims = {
  sub: 'usr_AZrT1Zx0cAC1tq5o3vXGdw',
  sid: 'ses_AZrT1Zx0cAC1tq5o3vXGdw',
  jti: 'AZrT1Zx0cAC1tq5o',
  roles: ['user'],
  azv: 0,
  sep: 0,
  amr: ['pwd'],
  auth_time: Math.floor(Date.now() / 1000),
};

/** @returns {{ token: string, verifiers: Record<string, (token: string) => unknown> }} for HS256 */
export function verifiersOfSecret() {
  const text = randomBytes(32).toString('base64url');
  const key = createSecretKey(Buffer.from(text));
  const token = jsonwebtoken.sign(claims, key, { ...demands, algorithm: 'HS256', expiresIn: '1h' });
  const fast = { key: text, allowedIss: demands.issuer, allowedAud: demands.audience, algorithms: ['HS256'] };
  return {
    token,
    verifiers: {
      'jsonwebtoken, string secret (the tutorials)': (presented) =>
        jsonwebtoken.verify(presented, text, { ...demands, algorithms: ['HS256'] }),
      'jsonwebtoken, KeyObject': (presented) => jsonwebtoken.verify(presented, key, { ...demands, algorithms: ['HS256'] }),
      jose: (presented) => jwtVerify(presented, key, { ...demands, algorithms: ['HS256'] }),
      'hono/jwt': (presented) => honoVerify(presented, text, 'HS256'),
      'fast-jwt': createVerifier(fast),
      'fast-jwt, cached': createVerifier({ ...fast, cache: true }),
    },
  };
}

/** The same for ES256. */
export function verifiersOfKeyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const token = jsonwebtoken.sign(claims, createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })), {
    ...demands,
    algorithm: 'ES256',
    expiresIn: '1h',
  });
  const key = createPublicKey(pem);
  const fast = { key: pem, allowedIss: demands.issuer, allowedAud: demands.audience, algorithms: ['ES256'] };
  return {
    token,
    verifiers: {
      'jsonwebtoken, KeyObject': (presented) => jsonwebtoken.verify(presented, key, { ...demands, algorithms: ['ES256'] }),
      jose: (presented) => jwtVerify(presented, key, { ...demands, algorithms: ['ES256'] }),
      'fast-jwt': createVerifier(fast),
    },
  };
}
