/**
 * The attacker has no plan: he changes genuine tokens, cookies, headers and bodies at random, ten thousand times, always the same ones.
 *
 * Nothing answers 5xx and nothing lets in. For access tokens an independent implementation is the judge: whatever the library accepts, `jose`
 * accepts with the published keys. Proves: I8 of the invariants; ASVS 5.0 V9.1.1; GHSA-xmf8-cvqr-rfgj.
 */
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { claimsOf, encode, headerOf, signWithOurKey } from '../support/forge.js';
import { send, type HttpAnswer } from '../support/http.js';
import { withApp } from '../support/over-each-carrier.js';
import { verifyDirectly } from '../support/present.js';
import { SeededRandom } from '../support/seeded-random.js';
import { ownOrigin } from '../support/start-app.js';

const at = withApp();
const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const printable = ` !"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~${base64url}`;

/** One random change of a text. */
function mutate(random: SeededRandom, text: string, alphabet: string): string {
  const place = random.below(text.length + 1);
  const [head, tail] = [text.slice(0, place), text.slice(place)];
  switch (random.below(8)) {
    case 0:
      return head + random.text(alphabet, 1) + tail.slice(1);
    case 1:
      return head + tail.slice(1 + random.below(4));
    case 2:
      return head + random.text(alphabet, 1 + random.below(4)) + tail;
    case 3:
      return head;
    case 4:
      return head + tail.slice(0, random.below(40)) + tail;
    case 5:
      return head + (tail[1] ?? '') + (tail[0] ?? '') + tail.slice(2);
    case 6:
      return text.replace(/[a-z]/gi, (letter) =>
        random.below(200) === 0 ? (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()) : letter,
      );
    default:
      return random.pick([
        `${text} `,
        ` ${text}`,
        `${text}${text}`,
        `${text}.`,
        `.${text}`,
        text.replace('.', '..'),
        text.split('.').reverse().join('.'),
        encodeURIComponent(text),
        `${text}\u00a0`,
      ]);
  }
}

/** A token that our own key signs over changed claims or a changed header. */
function mutateSigned(random: SeededRandom, client: Client): string {
  const token = client.currentAccessToken;
  const claims: Record<string, unknown> = { ...claimsOf(token) };
  const values = [
    null,
    '',
    0,
    1,
    -1,
    1.5,
    true,
    [],
    {},
    '0',
    'admin',
    ['admin'],
    ownOrigin,
    `${ownOrigin}/`,
    client.app.now / 1000,
    client.app.now / 1000 - 901,
    client.app.now / 1000 + 3600,
    2 ** 53,
    undefined,
  ];
  const header =
    random.below(3) === 0
      ? { ...headerOf(token), [random.pick(['alg', 'typ', 'kid', 'crit', 'b64', 'jwk', 'cty'])]: random.pick(values) }
      : undefined;
  for (let changes = random.below(3); changes >= 0; changes -= 1)
    claims[random.pick([...Object.keys(claims), 'nbf', 'app', '__proto__'])] = random.pick(values);
  const text = random.below(10) === 0 ? mutate(random, JSON.stringify(claims), printable) : claims;
  return signWithOurKey(client.app, header, text);
}

test('of 5,000 changed access tokens whatever is accepted is accepted by jose, with the same claims', async () => {
  const { app } = at;
  const page = await app.signedIn({ roles: ['user'] });
  const jwks = createLocalJWKSet((await page.get('/.well-known/jwks.json')).json as JSONWebKeySet);
  const random = new SeededRandom(0xc0ffee);
  const tally = { ours: 0, refused: 0 };
  for (let count = 0; count < 5000; count += 1) {
    const token =
      count % 2 === 0 ? mutate(random, page.currentAccessToken, count % 4 === 0 ? base64url : printable) : mutateSigned(random, page);
    const outcome = verifyDirectly(app, { authorization: `Bearer ${token}` });
    expect(verifyDirectly(app, { cookie: `${app.cookie('access')}=${token}` }), 'the same in a cookie').toSatisfy(
      (inCookie: string) => inCookie === outcome || /[; \t]/.test(token) || token === '',
    );
    if (outcome !== '200') {
      expect(outcome, token).toMatch(/^401 (token_invalid|token_expired|session_revoked)$/);
      tally.refused += 1;
      continue;
    }
    tally.ours += 1;
    const judged = await jwtVerify(token, jwks, {
      issuer: ownOrigin,
      audience: ownOrigin,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(app.now),
      clockTolerance: 600,
      requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp', 'roles', 'azv', 'sep', 'auth_time'],
    });
    const principal = app.auth.getPrincipal({ headers: { authorization: `Bearer ${token}` } });
    expect({ userId: principal.userId, sessionId: principal.sessionId, roles: principal.roles }).toEqual({
      userId: judged.payload.sub,
      sessionId: judged.payload['sid'],
      roles: judged.payload['roles'],
    });
  }
  expect(tally.refused).toBeGreaterThan(4000);
  expect(tally.ours, 'some changes mean nothing, and those are what jose was asked about').toBeGreaterThan(100);
});

/** Sends them sixteen at a time. */
async function sendAll(
  count: number,
  one: (index: number) => Promise<HttpAnswer>,
  judge: (answer: HttpAnswer, index: number) => void,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) judge(await one(index), index);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

test('1,500 changed refresh tokens, in body and cookie: none is accepted, none ends a session, none is a 5xx', async () => {
  const { app } = at;
  const [program, page] = [await app.signedIn({ delivery: 'bearer' }), await app.signedIn()];
  const random = new SeededRandom(0xbeef);
  const tokens = Array.from({ length: 1500 }, (_, index) =>
    mutate(
      random,
      index % 2 === 0 ? program.currentRefreshToken : page.currentRefreshToken,
      index % 3 === 0 ? printable.replace(/[;"\\, ]/g, '') : base64url,
    ),
  ).filter((token) => token.trim() !== program.currentRefreshToken && token.trim() !== page.currentRefreshToken);
  const [own, anonymous, csrf] = [page.copy(), app.client({ origin: null }), page.csrf];
  await sendAll(
    tokens.length,
    (index) =>
      index % 2 === 0
        ? anonymous.post('/api/auth/refresh', { refreshToken: tokens[index] })
        : own.post('/api/auth/refresh', undefined, {
            headers: { cookie: `${app.cookie('refresh')}=${Buffer.from(tokens[index] ?? '').toString('latin1')}`, 'x-csrf-token': csrf },
          }),
    (answer, index) => expect(answer.outcome, tokens[index]).toMatch(/^401 refresh_token_(invalid|missing)$/),
  );
  expect((await program.refresh()).status).toBe(200);
  expect((await page.refresh()).status).toBe(200);
});

test('1,500 changed Cookie headers: nobody gets in as somebody else, none is a 5xx', async () => {
  const { app } = at;
  const [page, other] = [await app.signedIn(), await app.signedIn({ roles: ['user', 'admin'] })];
  const random = new SeededRandom(0x5eed);
  const genuine = page.jar.header ?? '';
  const headers = Array.from({ length: 1500 }, () => {
    let header = genuine;
    for (let changes = random.below(3); changes >= 0; changes -= 1) header = mutate(random, header, printable);
    return header.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 12_000);
  });
  await sendAll(
    headers.length,
    (index) => send({ port: app.port, path: index % 2 === 0 ? '/hello' : '/api/users/me', headers: [['cookie', headers[index] ?? '']] }),
    (answer, index) => {
      expect([200, 400, 401], headers[index]).toContain(answer.status);
      if (answer.status === 200) expect(answer.text).toContain(page.userId);
      expect(answer.text).not.toContain(other.userId);
    },
  );
});

test('1,000 changed header sets around a request without a credential: none gets in, none is a 5xx', async () => {
  const { app } = at;
  const random = new SeededRandom(0x1dea);
  const names = [
    'authorization',
    'origin',
    'sec-fetch-site',
    'x-csrf-token',
    'content-type',
    'content-encoding',
    'accept',
    'x-forwarded-for',
    'if-match',
    'range',
    'get',
    'has',
    '__proto__',
    'constructor',
    'cookie2',
    'te',
    'referer',
    'user-agent',
    'access-control-request-method',
  ];
  const values = [
    '',
    'null',
    'same-origin',
    ownOrigin,
    'Bearer x',
    'Bearer',
    'Basic YTpi',
    'application/json',
    '*',
    'gzip',
    '1',
    'bytes=0-',
    '__proto__',
    '\u00ff',
    '"',
    ',',
    ';',
    '[]',
    '{}',
    'x'.repeat(4000),
  ];
  await sendAll(
    1000,
    () => {
      const headers = Array.from({ length: 1 + random.below(6) }, () => {
        const value = random.pick(values);
        return [
          random.pick(names),
          random.below(2) === 0 ? value : mutate(random, value, printable).replace(/[^\t\x20-\x7e\x80-\xff]/g, ''),
        ] as const;
      });
      return send({
        port: app.port,
        method: random.pick(['GET', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']),
        path: random.pick([
          '/hello',
          '/api/users/me',
          '/api/auth/sessions',
          '/api/admin/users',
          '/api/auth/logout',
          '/api/auth/refresh',
          '/.well-known/jwks.json',
        ]),
        headers,
      });
    },
    (answer) => {
      expect(answer.status).toBeLessThan(500);
      expect(answer.text).not.toContain('userId');
      expect(answer.text).not.toContain('"items"');
    },
  );
});

test('1,000 changed bodies: no session is opened by any, none is a 5xx', async () => {
  const { app } = at;
  const user = await app.createUser();
  const random = new SeededRandom(0xb0d1);
  const genuine = [
    ['/api/auth/login', JSON.stringify({ identifier: user.username, password: `${user.password}!`, remember: true, delivery: 'bearer' })],
    ['/api/auth/register', JSON.stringify({ username: 'mutated', password: 'short', email: 'm@example.test', name: 'M' })],
    ['/api/auth/refresh', JSON.stringify({ refreshToken: `csr_${encode('x'.repeat(70))}` })],
    ['/api/auth/logout', JSON.stringify({ refreshToken: 'csr_' })],
  ] as const;
  const before = app.internals.core.config;
  await sendAll(
    1000,
    () => {
      const [path, body] = random.pick(genuine);
      // Before the password ends, so that no change can make it the right one.
      return app.client().post(path, undefined, {
        body: mutate(random, body, `${printable}\u0000\n\u00e9\u2028`),
        headers: { 'content-type': 'application/json' },
      });
    },
    (answer) => {
      expect(answer.status).toBeLessThan(500);
      expect(answer.text).not.toMatch(/accessToken|refreshToken":"csr_/);
      expect(answer.setCookies.filter((line) => !line.includes('Max-Age=0'))).toEqual([]);
    },
  );
  expect(app.internals.core.config).toBe(before);
  expect((await app.client().login(user)).status, 'and the real one still does').toBe(200);
});
