/**
 * The attacker sends an `Authorization` header that two readers understand differently, or a broken one together with somebody's cookies, so
 * that the server falls back to them.
 *
 * Proves: "a bearer credential, even an invalid one, is judged alone and never falls back to cookies"; ASVS 5.0 V9.1; J-42, X-18;
 * GHSA-xmf8-cvqr-rfgj (a malformed header threw).
 */
import { expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { send, sendBytes, statusesOf, type HeaderPairs, type HttpAnswer } from '../support/http.js';
import { overEachCarrier } from '../support/over-each-carrier.js';

overEachCarrier('Authorization', (at) => {
  const get = (headers: HeaderPairs, path = '/hello'): Promise<HttpAnswer> => send({ port: at.app.port, path, headers });
  const withCookies = (page: Client, authorization: string): HeaderPairs => [
    ['cookie', page.jar.header ?? ''],
    ['authorization', authorization],
  ];

  test('that is a bearer credential, however malformed, is 401 token_invalid, and the cookies beside it do not count', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const token = page.currentAccessToken;
    const malformed = [
      'Bearer',
      'bearer',
      'BEARER',
      'Bearer ',
      'Bearer  ',
      `Bearer  ${token}`,
      `Bearer ${token} x`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      `Bearer token=${token}`,
      'Bearer null',
      'Bearer undefined',
      'Bearer [object Object]',
      'Bearer %',
      'Bearer %zz%00',
      'Bearer ÿþý',
      `Bearer ${encodeURIComponent(`${token}=`)}`,
      `Bearer\t${token}`,
      `Bearer\t`,
      `Bearer,${token}`,
      `Bearer=${token}`,
      `Bearer:${token}`,
      `Bearer;${token}`,
      `Bearer/${token}`,
    ];
    for (const authorization of malformed) {
      for (const path of ['/hello', '/api/users/me', '/api/auth/sessions']) {
        expect((await get(withCookies(page, authorization), path)).outcome, `${authorization.slice(0, 20)} ${path}`).toBe(
          '401 token_invalid',
        );
      }
      const unsafe = await page.post('/hello', undefined, { headers: { authorization } });
      expect(unsafe.outcome, authorization.slice(0, 20)).toBe('401 token_invalid');
    }
  });

  test('of any scheme but Bearer is no credential of ours: the cookies are judged, with all their rules', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const others = [
      '',
      'Basic YTpi',
      'Digest username="a"',
      'Bearerx y',
      'BearerToken y',
      `DPoP ${page.currentAccessToken}`,
      'Negotiate',
      'token x',
    ];
    for (const authorization of others) {
      expect((await get(withCookies(page, authorization))).json, authorization).toMatchObject({ via: 'cookie', userId: page.userId });
      expect((await get([['authorization', authorization]])).outcome, authorization).toBe('401 token_missing');
      const forged = await page.post('/hello', undefined, { headers: { authorization, 'x-csrf-token': null } });
      expect(forged.outcome, authorization).toBe('403 csrf_failed');
    }
  });

  test('twice in one request has one answer, the same for every carrier that Node reads for: the first counts', async () => {
    const { app } = at;
    const [page, other] = [await app.signedIn(), await app.signedIn()];
    const twice = (first: string, second: string): Promise<HttpAnswer> =>
      get([
        ['authorization', first],
        ['authorization', second],
      ]);
    const answers = [
      await twice(`Bearer ${page.currentAccessToken}`, `Bearer ${other.currentAccessToken}`),
      await twice('Bearer nonsense', `Bearer ${page.currentAccessToken}`),
      await twice('Basic YTpi', `Bearer ${page.currentAccessToken}`),
    ];
    expect(answers[0]?.json).toMatchObject({ userId: page.userId });
    expect(answers.slice(1).map(({ outcome }) => outcome)).toEqual(['401 token_invalid', '401 token_missing']);
    const onOurs = await get(
      [
        ['authorization', 'Bearer nonsense'],
        ['authorization', `Bearer ${page.currentAccessToken}`],
      ],
      '/api/users/me',
    );
    expect(onOurs.outcome).toBe('401 token_invalid');
  });

  test("with a valid bearer token of one user beside the cookies of another is the bearer's request", async () => {
    const { app } = at;
    const [page, program] = [await app.signedIn(), await app.signedIn({ delivery: 'bearer' })];
    const answer = await get(withCookies(page, `bearer ${program.currentAccessToken}`));
    expect(answer.json).toMatchObject({ userId: program.userId, via: 'bearer' });
  });

  test('from a foreign page with the cookies of its visitor is judged alone (X-18)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', authorization: 'Bearer made-up' };
    expect((await page.post('/hello', undefined, { headers: foreign })).outcome).toBe('401 token_invalid');
    expect((await page.call('DELETE', '/api/users/me', { headers: foreign })).outcome).toBe('401 token_invalid');
    expect((await page.call('DELETE', '/api/auth/sessions', { headers: foreign })).outcome).toBe('401 token_invalid');
    const answer = await page.post('/api/auth/logout', undefined, { headers: foreign });
    expect(answer.outcome, 'logout and refresh read the cookie, so its rules hold').toBe('403 origin_not_allowed');
    expect((await page.refresh({ headers: foreign })).outcome).toBe('403 origin_not_allowed');
    expect((await page.post('/hello')).status).toBe(200);
  });

  test('folded over two lines or with control characters never reaches anybody', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const raw = (line: string): Promise<string> =>
      sendBytes(app.port, `GET /hello HTTP/1.1\r\nHost: localhost\r\n${line}\r\nConnection: close\r\n\r\n`);
    for (const line of [
      `Authorization : Bearer ${page.currentAccessToken}`,
      `Authorization: Bearer \u0000${page.currentAccessToken}`,
      `Authorization: Bearer ${page.currentAccessToken}\u0001`,
      `Authori\u0000zation: Bearer ${page.currentAccessToken}`,
    ]) {
      expect(statusesOf(await raw(line)), line.slice(0, 24)).toEqual([400]);
    }
    expect(statusesOf(await raw(`Authorization:\r\n Bearer ${page.currentAccessToken}`))[0]).not.toBe(500);
  });
});
