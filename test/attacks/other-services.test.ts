/**
 * A service verifies by what it fetches: whoever can choose a token, a header or an answer on the way must gain nothing by it. Forged tokens,
 * confused algorithms and keys, made-up key ids, another issuer's documents (RFC 8725, ASVS 5.0 V9.1, V9.2).
 */
import { createHmac, createPublicKey, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigError, createVerifier } from 'countersign/verify';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeIssuer, feedPath } from '../support/fake-issuer.js';
import { encode } from '../support/forge.js';
import type { HttpAnswer } from '../support/http.js';
import { startServiceOf, type TestService } from '../support/start-service.js';

let issuer: FakeIssuer;
let service: TestService;

const startOne = (options: object = {}): Promise<TestService> =>
  startServiceOf({ issuer: issuer.url, serviceKey: issuer.serviceKey, ...options });

describe('a token', () => {
  beforeAll(async () => {
    issuer = await FakeIssuer.open();
    issuer.keys.push({ kty: 'oct', k: Buffer.from('a secret of thirty-two bytes, ok').toString('base64url'), kid: 'oct', alg: 'HS256' });
    service = await startOne();
  });

  afterAll(async () => {
    await service.stop();
    await issuer.close();
  });

  const outcome = async (token: string): Promise<string> => (await service.get('/hello', token)).outcome;

  test('as an honest issuer makes it is accepted, so that all others are refused for what is wrong with them', async () => {
    expect(await outcome(await issuer.token())).toBe('200');
    expect(await outcome(await issuer.token({ aud: ['https://other.example', 'https://reports.example.test'] }))).toBe('200');
  });

  test.each<readonly [string, Readonly<Record<string, unknown>>] | readonly [string, Readonly<Record<string, unknown>>, string]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['of the issuer with a slash', { iss: 'http://127.0.0.1/' }],
    ['without an issuer', { iss: undefined }],
    ['for another service', { aud: 'https://billing.example.test' }],
    ['for several others', { aud: ['https://billing.example.test', 'https://reports.example.test.evil.example'] }],
    ['for nobody', { aud: [] }],
    ['without an audience', { aud: undefined }],
    ['that has expired', { iat: Math.floor(Date.now() / 1000) - 900, exp: Math.floor(Date.now() / 1000) - 1 }, '401 token_expired'],
    ['without an expiry', { exp: undefined }],
    ['that begins in an hour', { nbf: Math.floor(Date.now() / 1000) + 3600 }, '401 token_expired'],
    ['from the future', { iat: Math.floor(Date.now() / 1000) + 3600, exp: Math.floor(Date.now() / 1000) + 4000 }, '401 token_expired'],
    ['that lives longer than any of the issuer', { exp: Math.floor(Date.now() / 1000) + 960 }, '401 token_expired'],
    ['without a session', { sid: undefined }],
    ['without an authorization version', { azv: undefined }],
    ['without a session epoch', { sep: undefined }],
    ['whose roles are a text', { roles: 'admin' }],
  ])('%s is refused', async (_name, claims, code = '401 token_invalid') => {
    expect(await outcome(await issuer.token(claims))).toBe(code);
  });

  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['of another type', { typ: 'JWT' }],
    ['of no type', { typ: undefined }],
    ['with a type in capitals', { typ: 'AT+JWT' }],
    ['that brings its own key', { jwk: { kty: 'EC' } }],
    ['that says where its key is', { jku: 'https://evil.example/jwks.json' }],
    ['with a certificate', { x5u: 'https://evil.example/x5u' }],
    ['with an unknown header', { x: 1 }],
  ])('%s is refused', async (_name, header) => {
    expect(await outcome(await issuer.token({}, header))).toBe('401 token_invalid');
  });

  test('without a signature, or with "none", is refused', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      const input = `${encode({ alg, typ: 'at+jwt', kid: 'k1' })}.${encode(issuer.claims)}`;
      expect(await outcome(`${input}.`), alg).toBe('401 token_invalid');
    }
    const [header, payload] = (await issuer.token()).split('.');
    expect(await outcome(`${header}.${payload}.`)).toBe('401 token_invalid');
  });

  test('with HS256 and the public key as secret, in whatever form, is refused', async () => {
    const jwk = issuer.keys[0] as JWK;
    const key = createPublicKey({ key: jwk as never, format: 'jwk' });
    const { kty, crv, x, y } = jwk;
    const secrets = [
      await exportSPKI((await importJWK(jwk, 'ES256', { extractable: true })) as never),
      key.export({ format: 'pem', type: 'spki' }),
      key.export({ format: 'pem', type: 'spki' }).toString().trim(),
      key.export({ format: 'der', type: 'spki' }),
      Buffer.from(x!, 'base64url'),
      JSON.stringify(jwk),
      JSON.stringify({ kty, crv, x, y }),
      '',
    ];
    for (const kid of ['k1', 'other', undefined]) {
      for (const secret of secrets) {
        const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${encode(issuer.claims)}`;
        const signature = createHmac('sha256', secret).update(input).digest('base64url');
        expect(await outcome(`${input}.${signature}`)).toBe('401 token_invalid');
      }
    }
  });

  test('of a common secret in the key set is refused: whoever can read the set could make it', async () => {
    const token = await new SignJWT(issuer.claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'oct' })
      .sign(Buffer.from('a secret of thirty-two bytes, ok'));
    expect(await outcome(token)).toBe('401 token_invalid');
  });

  test("of the right kid and somebody else's key is refused", async () => {
    const { privateKey } = await generateKeyPair('ES256');
    expect(await outcome(await issuer.token({}, {}, privateKey))).toBe('401 token_invalid');
    const other = await generateKeyPair('RS256');
    expect(await outcome(await issuer.token({}, { alg: 'RS256' }, other.privateKey))).toBe('401 token_invalid');
  });
});

describe('the key set', () => {
  beforeEach(async () => {
    issuer = await FakeIssuer.open();
  });

  afterEach(async () => {
    await service.stop();
    await issuer.close();
  });

  test('says which algorithm each key has: what does not fit its key, or is too weak, verifies nothing', async () => {
    const [rsa, weak, ed] = [
      await generateKeyPair('RS256', { extractable: true }),
      await weakRsa(),
      await generateKeyPair('EdDSA', { extractable: true }),
    ];
    const jwk = await exportJWK(rsa.publicKey);
    const [ec] = issuer.keys as JWK[];
    const pss = await generateKeyPair('PS256', { extractable: true });
    const [ed25519, pssJwk] = [await exportJWK(ed.publicKey), await exportJWK(pss.publicKey)];
    const keys = [
      { ...jwk, kid: 'as ec', alg: 'ES256' },
      { ...pssJwk, kid: 'pss', alg: 'PS256' },
      { ...jwk, kid: 'unnamed' },
      { ...jwk, kid: 'for encryption', alg: 'RS256', use: 'enc' },
      { ...jwk, kid: 'good', alg: 'RS256' },
      { ...weak.jwk, kid: 'weak', alg: 'RS256' },
      { ...ec, kid: 'as rsa', alg: 'RS256' },
      { ...ed25519, kid: 'ed', alg: 'EdDSA' },
      { kid: 7, alg: 'ES256' },
      { ...ec, kid: 'x'.repeat(200) },
      null as never,
      'key' as never,
    ];
    Object.assign(issuer, { keys });
    issuer.facts = { ...issuer.facts, keys: [] };
    service = await startOne();
    const outcome = async (alg: string, kid: string, key: typeof rsa.privateKey): Promise<string> =>
      (await service.get('/hello', await issuer.token({}, { alg, kid }, key))).outcome;
    expect(await outcome('RS256', 'good', rsa.privateKey)).toBe('200');
    expect(await outcome('EdDSA', 'ed', ed.privateKey)).toBe('200');
    expect(await outcome('PS256', 'good', pss.privateKey)).toBe('401 token_invalid');
    expect(await outcome('PS256', 'pss', pss.privateKey)).toBe('401 token_invalid');
    for (const kid of ['as ec', 'unnamed', 'for encryption', 'as rsa'])
      expect(await outcome('RS256', kid, rsa.privateKey), kid).toBe('401 token_invalid');
    expect((await service.get('/hello', weak.sign(issuer.claims))).outcome).toBe('401 token_invalid');
    expect(await outcome('ES256', 'as rsa', issuer.privateKey)).toBe('401 token_invalid');
  });

  test('is fetched once in ten seconds, however many key ids strangers make up, and nobody else waits for it', async () => {
    service = await startOne();
    const good = await issuer.token();
    const before = issuer.countOf('/.well-known/jwks.json');
    issuer.answers.set('/.well-known/jwks.json', (_request, response) =>
      setTimeout(() => response.end(JSON.stringify({ keys: issuer.keys })), 1500),
    );
    const madeUp = async (): Promise<string> => {
      const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: randomBytes(8).toString('base64url') });
      return (await service.get('/hello', `${header}.${good.split('.').slice(1).join('.')}`)).outcome;
    };
    const heap = process.memoryUsage().heapUsed;
    const outcomes = new Set<string>();
    const slowest = { milliseconds: 0 };
    const until = performance.now() + 3000;
    while (performance.now() < until) {
      const flood = Promise.all(Array.from({ length: 50 }, madeUp));
      const startedAt = performance.now();
      expect((await service.get('/hello', good)).outcome).toBe('200');
      slowest.milliseconds = Math.max(slowest.milliseconds, performance.now() - startedAt);
      for (const outcome of await flood) outcomes.add(outcome);
    }
    expect([...outcomes]).toEqual(['401 token_invalid']);
    expect(issuer.countOf('/.well-known/jwks.json') - before).toBe(1);
    expect(slowest.milliseconds, 'the slowest of those who had a known key').toBeLessThan(1000);
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(100 * 1024 * 1024);
  });

  test('that strangers make be fetched does not make a new key invalid: without the feed its tokens have to wait', async () => {
    service = await startServiceOf({ issuer: issuer.url, insecureWithoutRevocation: true });
    const before = issuer.countOf('/.well-known/jwks.json');
    const good = await issuer.token();
    const madeUp = (kid: string): Promise<HttpAnswer> =>
      service.get('/hello', `${encode({ alg: 'ES256', typ: 'at+jwt', kid })}.${good.split('.').slice(1).join('.')}`);
    expect((await madeUp('made-up')).outcome).toBe('401 token_invalid');
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    issuer.keys.push({ ...(await exportJWK(publicKey)), kid: 'k2', alg: 'ES256' });
    const token = await issuer.token({}, { kid: 'k2' }, privateKey);
    const early = await service.get('/hello', token);
    expect(early.outcome).toBe('429 too_many_attempts');
    expect((await madeUp('made-up')).outcome).toBe('401 token_invalid');
    const flood = await Promise.all(Array.from({ length: 200 }, (_, index) => madeUp(`flood-${index}`)));
    expect(new Set(flood.map(({ outcome }) => outcome))).toEqual(new Set(['429 too_many_attempts']));
    expect(issuer.countOf('/.well-known/jwks.json') - before).toBe(1);
    expect((await service.get('/hello', good)).outcome).toBe('200');
    await pause(Number(early.header('retry-after')) * 1000);
    expect((await service.get('/hello', token)).outcome).toBe('200');
  });

  test('that cannot be fetched leaves open whether a key is new', async () => {
    service = await startServiceOf({ issuer: issuer.url, insecureWithoutRevocation: true });
    issuer.answers.set('/.well-known/jwks.json', (_request, response) => response.writeHead(503).end());
    const token = await issuer.token({}, { kid: 'k2' });
    expect((await service.get('/hello', token)).outcome).toBe('429 too_many_attempts');
    expect((await service.get('/hello', await issuer.token())).outcome).toBe('200');
  });

  test('is fetched for a key that is new, once for all who bring it', async () => {
    service = await startOne();
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    issuer.keys.push({ ...(await exportJWK(publicKey)), kid: 'k2', alg: 'ES256' });
    const before = issuer.countOf('/.well-known/jwks.json');
    const token = await issuer.token({}, { kid: 'k2' }, privateKey);
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.get('/hello', token)));
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['200']));
    expect(issuer.countOf('/.well-known/jwks.json') - before).toBe(1);
  });

  test('that cannot be read any more changes nothing for the keys that are known', async () => {
    service = await startOne();
    for (const answer of ['{"keys":7}', '<html>', '{}', '[]', `{"keys":[${'{},'.repeat(100_000)}{}]}`]) {
      issuer.answers.set('/.well-known/jwks.json', (_request, response) => response.end(answer));
      await service.get('/hello', `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'new' })}.e30.AA`);
      expect((await service.get('/hello', await issuer.token())).outcome).toBe('200');
    }
  });
});

describe('at its start a service refuses', () => {
  beforeEach(async () => {
    issuer = await FakeIssuer.open();
  });

  afterEach(async () => {
    await issuer.close();
  });

  const failure = (options: object = {}): Promise<unknown> =>
    startOne(options).then(
      (started) => started.stop(),
      (error: unknown) => error,
    );

  test('documents of another issuer', async () => {
    for (const named of ['https://evil.example', `${issuer.url}/`, issuer.url.toUpperCase(), undefined, 7]) {
      issuer.metadata = { ...issuer.metadata, issuer: named };
      const error = await failure();
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toContain('give exactly the public URL');
    }
  });

  test('an issuer that signs with a common secret', async () => {
    issuer.metadata = { ...issuer.metadata, access_token_signing_alg_values_supported: ['HS256'] };
    issuer.keys = [];
    const error = await failure();
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(/signs with HS256.*ES256, EdDSA or RS256/);
  });

  test.each([
    [401, 'token_invalid'],
    [403, 'insufficient_scope'],
  ])('to run with a key that the feed refuses (%d), and says which scope to give', async (status, code) => {
    issuer.answers.set(feedPath, (_request, response) =>
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ code })),
    );
    const error = await failure();
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain(`(${status}): give an API key with the scope revocations:read`);
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(issuer.serviceKey);
  });

  test('plain http to another machine, and keys that are none', async () => {
    const wrong = { issuer: 'http://auth.example.com', audience: 'x', serviceKey: 'secret' } as const;
    await expect(createVerifier(wrong)).rejects.toMatchObject({ problems: [{ path: 'issuer' }, { path: 'serviceKey' }] });
    await expect(createVerifier({ ...wrong, issuer: 'https://auth.example.com/path' })).rejects.toThrow('must be an origin');
  });

  test('answers that are redirected, too large, no JSON or never there, after having tried for a while', { timeout: 60_000 }, async () => {
    const elsewhere = { count: 0 };
    const path = '/.well-known/countersign';
    const started = performance.now();
    const cases: readonly (readonly [RegExp, (issuer: FakeIssuer) => void])[] = [
      [
        /cannot be read: .*redirect/,
        (at) => at.answers.set(path, (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()),
      ],
      [/too large/, (at) => at.answers.set(path, (_request, response) => response.end('x'.repeat(1_000_000)))],
      [/JSON/, (at) => at.answers.set(path, (_request, response) => response.end('<html>'))],
      [/the answer is 502/, (at) => at.answers.set(path, (_request, response) => response.writeHead(502).end())],
      [/no answer within 5 s/, (at) => at.answers.set(path, () => undefined)],
      [/jwks\.json is no key set/, (at) => at.answers.set('/.well-known/jwks.json', (_request, response) => response.end('{}'))],
      [
        /revocations cannot be read: .*redirect/,
        (at) => at.answers.set(feedPath, (_request, response) => response.writeHead(307, { location: '/elsewhere' }).end()),
      ],
      [/revocations cannot be read: .*no event stream/, (at) => at.answers.set(feedPath, (_request, response) => response.end('{}'))],
      [
        /does not begin with the facts/,
        (at) =>
          at.answers.set(feedPath, (_request, response) =>
            response.writeHead(200, { 'content-type': 'text/event-stream' }).end('event: fresh\ndata: {"age":0}\n\n'),
          ),
      ],
      [/speaks for another issuer/, (at) => void (at.facts = { ...at.facts, issuer: 'https://evil.example' })],
    ];
    const outcomes = await Promise.all(
      cases.map(async ([message, prepare]) => {
        const at = await FakeIssuer.open();
        at.answers.set('/elsewhere', () => (elsewhere.count += 1));
        prepare(at);
        const error = await startServiceOf({ issuer: at.url, serviceKey: at.serviceKey }).catch((caught: unknown) => caught);
        await at.close();
        return { message, error };
      }),
    );
    for (const { message, error } of outcomes) expect((error as Error).message).toMatch(message);
    expect(elsewhere.count, 'nobody was followed, least of all with the key').toBe(0);
    expect(performance.now() - started).toBeGreaterThan(15_000);
    expect(performance.now() - started).toBeLessThan(30_000);
    await pause(100);
  });
});

/** 1024 bits, with a signature of its own making: the JOSE library would not make one. */
async function weakRsa(): Promise<{ jwk: JWK; sign(claims: object): string }> {
  const { generateKeyPairSync, sign } = await import('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  return {
    jwk: publicKey.export({ format: 'jwk' }),
    sign(claims) {
      const input = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'weak' })}.${encode(claims)}`;
      return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
    },
  };
}
