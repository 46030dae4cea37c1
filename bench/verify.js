/** Verifying a request in process: header in, principal out, revocation and cookie extraction included. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHmac, createPublicKey, createSecretKey, verify as verifySignature } from 'node:crypto';
import { createAuth, developmentSecret } from 'countersign';
import { sqlite } from 'countersign/sqlite';
import { internalsOf } from '../dist/auth.js';
import { verifyAccessToken } from '../dist/tokens/access-token.js';
import { interleave, rowOf, short } from './measure.js';

const password = 'correct horse battery';

export const hotToken = {
  name: 'verify-hot',
  about: 'P1: verify a token that was seen before: header in, principal out',
  measure: async (options) => [await hot(options)],
};

export const coldToken = {
  name: 'verify-cold',
  about: 'P2: verify a token for the first time',
  measure: async (options) => [await cold('ES256', options), await cold('HS256', options)],
};

async function withAuth(algorithm, work) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  const auth = await createAuth({
    publicUrl: 'http://localhost:4000',
    secret: developmentSecret(folder),
    store: sqlite(join(folder, 'auth.db')),
    tokens: { algorithm },
  });
  try {
    await auth.users.create({ username: 'alice', password });
    const login = new Request('http://localhost:4000/api/auth/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ identifier: 'alice', password }),
    });
    const answer = await auth.fetch(login, { remoteAddress: null });
    const cookie = answer.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    return await work(auth, cookie);
  } finally {
    await auth.close();
    rmSync(folder, { recursive: true });
  }
}

function hot({ rounds, quick }) {
  return withAuth('ES256', async (auth, cookie) => {
    // As a server gets it: a new string for each request, with other cookies before ours.
    const bytes = Buffer.from(`_ga=GA1.1.1234567890; theme=dark; ${cookie}`, 'latin1');
    const token = /cs-access=([^;]+)/.exec(cookie)[1];
    const signature = token.slice(token.lastIndexOf('.') + 1);
    const known = new Map([[signature, { token, sessionId: 'known' }]]);
    const revoked = new Set(['another']);
    const limit = (count) => {
      let found = 0;
      for (let index = 0; index < count; index++) {
        const header = bytes.latin1Slice();
        const at = header.indexOf('cs-access=') + 10;
        const value = header.slice(at, header.indexOf(';', at));
        const entry = known.get(value.slice(value.lastIndexOf('.') + 1));
        if (entry?.token === value && !revoked.has(entry.sessionId)) found++;
      }
      if (found !== count) throw new Error('the limit lost a token');
    };
    const ours = (count) => {
      for (let index = 0; index < count; index++)
        auth.getPrincipal({ method: 'GET', headers: { host: 'localhost', cookie: bytes.latin1Slice() } });
    };
    const { verifiersOfSecret } = await import('./peers/verify.js');
    const peers = repeating(verifiersOfSecret(), (token) => {
      const peerBytes = Buffer.from(`_ga=GA1.1.1234567890; theme=dark; cs-access=${token}; cs-state=x`, 'latin1');
      return () => {
        const header = peerBytes.latin1Slice();
        const at = header.indexOf('cs-access=') + 10;
        return header.slice(at, header.indexOf(';', at));
      };
    });
    const rows = await measureRows({ 'Map and Set by hand': limit }, { Countersign: ours }, peers, {
      count: quick ? 2000 : 20_000,
      rounds,
    });
    const { median } = rows[1];
    const cached = rows.find(({ name }) => name === 'fast-jwt, cached').median / median;
    const goals = [
      { text: 'at most 1.0 µs', measured: `${short(median)} µs`, reached: median <= 1 },
      { text: 'at least 3 times faster than fast-jwt, cached', measured: `${cached.toFixed(1)} times`, reached: cached >= 3 },
    ];
    const notes = [
      'Revocation is looked up by Countersign and by hand; the peers know none. They verify HS256, Countersign ES256: a token that was seen before costs the same.',
    ];
    return { id: 'P1', title: 'A hot token: header in, principal out', unit: 'µs', better: 'lower', rows, goals, notes };
  });
}

function cold(algorithm, { rounds, quick }) {
  return withAuth(algorithm, async (auth, cookie) => {
    const { core } = internalsOf(auth);
    const token = /cs-access=([^;]+)/.exec(cookie)[1];
    const ring = core.ring();
    const input = Buffer.from(token.slice(0, token.lastIndexOf('.')));
    const signature = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');
    const now = Date.now();
    const primitive = algorithm === 'HS256' ? hmac() : ecdsa(auth.keys.jwks().keys[0], input, signature);
    const limit = (count) => {
      for (let index = 0; index < count; index++) primitive(input);
    };
    const ours = (count) => {
      for (let index = 0; index < count; index++) verifyAccessToken(token, ring, core.accessRules, now);
    };
    const count = (algorithm === 'HS256' ? 10_000 : 1_000) / (quick ? 10 : 1);
    const { verifiersOfKeyPair, verifiersOfSecret } = await import('./peers/verify.js');
    const { token: peerToken, verifiers } = algorithm === 'HS256' ? verifiersOfSecret() : verifiersOfKeyPair();
    const { 'fast-jwt, cached': _, ...cold } = verifiers;
    const peers = repeating({ token: peerToken, verifiers: cold }, (presented) => () => presented);
    const rows = await measureRows({ 'bare signature': limit }, { Countersign: ours }, peers, { count, rounds });
    const goals = [coldGoals[algorithm](...rows)];
    return { id: 'P2', title: `A cold token, ${algorithm}`, unit: 'µs', better: 'lower', rows, goals };
  });
}

const coldGoals = {
  ES256: (limit, ours) => {
    const ratio = ours.median / limit.median;
    return { text: 'at most 1.05 of the limit', measured: ratio.toFixed(2), reached: ratio <= 1.05 };
  },
  HS256: (_, ours) => ({ text: 'at most 5.5 µs', measured: `${short(ours.median)} µs`, reached: ours.median <= 5.5 }),
};

/** Another key will do: the work is the same. */
function hmac() {
  const key = createSecretKey(Buffer.alloc(32, 'k'));
  return (input) => createHmac('sha256', key).update(input).digest();
}

function ecdsa(jwk, input, signature) {
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  return () => verifySignature('sha256', input, key, signature);
}

/** Each as a function of a count. `present`: given the token, a function that gives it as a request would bring it. */
function repeating({ token, verifiers }, present) {
  const next = present(token);
  const repeated = Object.entries(verifiers).map(([name, verifyOne]) => [
    name,
    async (count) => {
      for (let index = 0; index < count; index++) {
        const verified = verifyOne(next());
        // Only those wait that promise: waiting would cost the others as much again.
        if (verified instanceof Promise) await verified;
      }
    },
  ]);
  return Object.fromEntries(repeated);
}

async function measureRows(limit, ours, peers, options) {
  const measured = await interleave({ ...limit, ...ours, ...peers }, options);
  const rows = (variants, role) =>
    Object.keys(variants).map((name) =>
      rowOf(
        name,
        role,
        measured[name].map((nanoseconds) => nanoseconds / 1000),
      ),
    );
  return [...rows(limit, 'limit'), ...rows(ours, 'ours'), ...rows(peers, 'peer')];
}
