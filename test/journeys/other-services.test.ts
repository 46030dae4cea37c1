/** A service that knows the issuer's URL only lets in whoever is signed in there, and nobody whose session has ended. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import type { HeaderPairs } from '../support/http.js';
import type { TestApp } from '../support/start-app.js';
import { frameworks, newServiceKey, startIssuer, startService, webPage, type TestService } from '../support/start-service.js';

let app: TestApp;

beforeAll(async () => {
  app = await startIssuer();
});

afterAll(async () => {
  await app.stop();
});

const bearer = (roles: readonly string[] = ['user']): Promise<Client> => app.signedIn({ roles, delivery: 'bearer' });

/** Asks again until the answer is another one; how long that took, in milliseconds. */
async function untilRefused(service: TestService, token: string, path = '/hello'): Promise<{ outcome: string; milliseconds: number }> {
  const startedAt = performance.now();
  for (;;) {
    const { outcome } = await service.get(path, token);
    const milliseconds = performance.now() - startedAt;
    if (outcome !== '200' || milliseconds > 5000) return { outcome, milliseconds };
  }
}

describe.each(frameworks)('a service on %s', (framework) => {
  let service: TestService;
  const at = { call: (method: string, path: string, headers: HeaderPairs) => service.call(method, path, headers) };

  beforeAll(async () => {
    service = await startService(app, { framework });
  });

  afterAll(async () => {
    await service.stop();
  });

  test('lets in whoever is signed in at the issuer, with his rights', async () => {
    const { accessToken, userId } = await bearer(['editor']);
    const answer = await service.get('/hello', accessToken!);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ userId, roles: ['editor'], via: 'bearer', permissions: ['article:read', 'article:write'] });
  });

  test('tells missing, invalid and expired tokens apart, as the issuer does', async () => {
    const { accessToken } = await bearer();
    expect((await service.get('/hello')).outcome).toBe('401 token_missing');
    const invalid = await service.get('/hello', `${accessToken!}x`);
    expect([invalid.outcome, invalid.header('www-authenticate'), invalid.header('cache-control')]).toEqual([
      '401 token_invalid',
      'Bearer error="invalid_token"',
      'no-store',
    ]);
    expect(invalid.problem).toMatchObject({ status: 401, code: 'token_invalid', requestId: expect.stringMatching(/^[\w-]{16}$/) });
    expect(invalid.header('x-request-id')).toBe(invalid.problem.requestId);
    expect(invalid.header('strict-transport-security')).toBeUndefined();
  });

  test('judges roles, permissions and the age of the proof', async () => {
    const [user, admin, editor] = [await bearer(), await bearer(['admin']), await bearer(['editor'])];
    const outcomes = async (path: string): Promise<string[]> =>
      Promise.all([user, admin, editor].map(async ({ accessToken }) => (await service.get(path, accessToken!)).outcome));
    expect(await outcomes('/admin-area')).toEqual(['403 insufficient_role', '200', '403 insufficient_role']);
    expect(await outcomes('/articles')).toEqual(['403 insufficient_role', '403 insufficient_role', '200']);
    expect(await outcomes('/recent')).toEqual(['200', '200', '200']);
  });

  test('takes the cookie, and hides the refresh cookie from its handlers', async () => {
    const page = await app.signedIn();
    const answer = await service.get('/hello', undefined, [['Cookie', page.jar.header!]]);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ userId: page.userId, via: 'cookie' });
    // A web-standard request cannot be changed.
    if (framework !== 'Hono' && framework !== 'fetch handler') expect(answer.text).not.toContain(page.currentRefreshToken);
    const twice = `${page.jar.header!}; cs-access=other`;
    expect((await service.get('/hello', undefined, [['Cookie', twice]])).outcome).toBe('400 invalid_request');
  });

  test.each<readonly [string, string, HeaderPairs]>([
    ['of its own origin', '200', [['Sec-Fetch-Site', 'same-origin']]],
    [
      'of a trusted page',
      '200',
      [
        ['Sec-Fetch-Site', 'cross-site'],
        ['Origin', webPage],
      ],
    ],
    ['that does not say where it comes from', '403 origin_not_allowed', []],
    [
      'of another site',
      '403 origin_not_allowed',
      [
        ['Sec-Fetch-Site', 'cross-site'],
        ['Origin', 'https://evil.example'],
      ],
    ],
    [
      'of a sub-domain',
      '403 origin_not_allowed',
      [
        ['Sec-Fetch-Site', 'same-site'],
        ['Origin', 'https://x.example.test'],
      ],
    ],
    ['of an opaque origin', '403 origin_not_allowed', [['Origin', 'null']]],
    ['of a page whose host begins like a trusted one', '403 origin_not_allowed', [['Origin', `${webPage}.evil.example`]]],
    ['that a link caused', '403 origin_not_allowed', [['Sec-Fetch-Site', 'none']]],
  ])('answers an unsafe request with a cookie %s with %s', async (_name, outcome, headers) => {
    const page = await app.signedIn();
    expect((await at.call('POST', '/hello', [['Cookie', page.jar.header!], ...headers])).outcome).toBe(outcome);
  });

  test("believes the issuer's own origin, and needs no origin beside a bearer token", async () => {
    const page = await app.signedIn();
    const { accessToken } = await bearer();
    expect(
      (
        await at.call('POST', '/hello', [
          ['Cookie', page.jar.header!],
          ['Origin', app.publicUrl],
        ])
      ).outcome,
    ).toBe('200');
    expect(
      (
        await at.call('POST', '/hello', [
          ['Authorization', `Bearer ${accessToken!}`],
          ['Origin', 'https://evil.example'],
        ])
      ).outcome,
    ).toBe('200');
    const both = [
      ['Authorization', 'Bearer x'],
      ['Cookie', page.jar.header!],
    ] as const;
    expect((await at.call('GET', '/hello', both)).outcome, 'a bearer credential is judged alone').toBe('401 token_invalid');
  });

  test('refuses whoever has logged out at the issuer, within a second', async () => {
    const client = await bearer();
    expect((await service.get('/hello', client.accessToken!)).outcome).toBe('200');
    const token = client.accessToken!;
    expect((await client.logout()).status).toBe(200);
    const refused = await untilRefused(service, token);
    expect(refused.outcome).toBe('401 session_revoked');
    expect(refused.milliseconds).toBeLessThan(1000);
  });

  test('answers what a handler throws as problem details', async () => {
    const { accessToken } = await bearer();
    expect((await service.get('/gone', accessToken!)).outcome).toBe('404 not_found');
    expect((await service.get('/gone')).outcome).toBe('401 token_missing');
    expect(service.log.find(({ facts }) => facts['reason'] === 'thrown by a handler')).toMatchObject({ level: 'info' });
  });

  test('logs no secret', () => {
    const log = JSON.stringify(service.log);
    expect(app.secrets.foundIn(log)).toEqual([]);
  });
});

describe('a service', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService(app);
  });

  afterAll(async () => {
    await service.stop();
  });

  test.each<readonly [string, string, (client: Client) => Promise<unknown>]>([
    ['logged out', '401 session_revoked', (client) => client.logout()],
    ['was disabled', '401 session_revoked', (client) => app.auth.users.setDisabled(client.userId, true)],
    ['was deleted', '401 session_revoked', (client) => app.auth.users.delete(client.userId)],
    ['got other roles', '401 token_expired', (client) => app.auth.users.setRoles(client.userId, ['editor'])],
    ['got other public facts', '401 token_expired', (client) => app.auth.users.refreshClaims(client.userId)],
    ['was signed out everywhere', '401 session_revoked', (client) => app.auth.sessions.endAll(client.userId)],
  ])('refuses the token of a user who %s', async (_name, outcome, end) => {
    const client = await bearer();
    const token = client.accessToken!;
    expect((await service.get('/hello', token)).outcome).toBe('200');
    await end(client);
    expect(await untilRefused(service, token)).toMatchObject({ outcome });
  });

  test('gives new rights with the next token', async () => {
    const client = await bearer();
    await app.auth.users.setRoles(client.userId, ['editor']);
    expect((await client.refresh()).status).toBe(200);
    expect((await service.get('/articles', client.accessToken!)).outcome).toBe('200');
  });

  test('knows of a logout in milliseconds', async () => {
    const times: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const client = await bearer();
      const token = client.accessToken!;
      await service.get('/hello', token);
      await client.logout();
      const { outcome, milliseconds } = await untilRefused(service, token);
      expect(outcome).toBe('401 session_revoked');
      times.push(milliseconds);
    }
    times.sort((a, b) => a - b);
    const [p50, p99] = [times[29]!, times[59]!];
    console.log(`from the answer to a logout until another service refuses: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
    expect(p99).toBeLessThan(1000);
  });

  test('accepts tokens of a new key at once, and those of the old one on', async () => {
    const before = await bearer();
    await app.auth.keys.rotate();
    await app.advance({ minutes: 7 });
    await app.internals.core.keys.refresh();
    const after = await bearer();
    const { signing } = app.internals.core.ring();
    expect(after.accessToken!.startsWith(signing.header)).toBe(true);
    expect(before.accessToken!.startsWith(signing.header)).toBe(false);
    expect((await service.get('/hello', after.accessToken!)).outcome).toBe('200');
    expect((await service.get('/hello', before.accessToken!)).outcome).toBe('200');
  });

  test('refuses tokens of a compromised key, and accepts those of the new one', async () => {
    const before = await bearer();
    expect((await service.get('/hello', before.accessToken!)).outcome).toBe('200');
    await app.auth.keys.rotate({ compromised: true });
    expect(await untilRefused(service, before.accessToken!)).toMatchObject({ outcome: '401 token_expired' });
    const after = await bearer();
    expect((await service.get('/hello', after.accessToken!)).outcome).toBe('200');
    expect((await service.get('/hello', before.accessToken!)).outcome).toBe('401 token_expired');
  });

  test('lets in programs with tokens that were made from an API key, but no API key itself', async () => {
    const { id } = await app.createUser({ roles: ['editor'] });
    const { secret, apiKey } = await app.auth.apiKeys.create({ userId: id, name: 'nightly', scopes: ['article:write'] });
    app.secrets.addApiKey(secret);
    const refused = await service.get('/articles', secret);
    expect(refused.outcome).toBe('401 token_invalid');
    expect(refused.problem.detail).toMatch(/opens the issuer alone/);
    const exchanged = await app.client({ origin: null }).post('/api/auth/token', undefined, {
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
    expect(exchanged.status).toBe(200);
    const token = exchanged.json.access_token as string;
    const answer = await service.get('/articles', token);
    expect([answer.outcome, answer.json]).toMatchObject(['200', { userId: id, via: 'api_key', roles: [], permissions: ['article:write'] }]);
    expect((await service.get('/hello', token)).outcome).toBe('403 insufficient_scope');
    await app.auth.apiKeys.revoke(apiKey.id);
    expect(await untilRefused(service, token, '/articles')).toMatchObject({ outcome: '401 session_revoked' });
  });

  test('says how it stands', async () => {
    expect(service.verifier.status()).toMatchObject({ fresh: true, entries: expect.any(Number) });
    expect(service.verifier.status().ageMilliseconds).toBeLessThan(3000);
    const another = await startService(app);
    await another.stop();
    another.verifier.close();
    expect(await another.verifier.authenticate({ headers: {} }).catch((error: unknown) => (error as { code: string }).code)).toBe(
      'token_missing',
    );
  });

  test('refuses options that make no sense, all at once', async () => {
    const key = await newServiceKey(app);
    const wrong = {
      issuer: 'http://auth.example',
      audience: '',
      serviceKey: `${key}x`,
      maxStaleness: '1s',
      color: 'red',
      cookies: { prefix: 'ä' },
    };
    await expect(startService(app, wrong as object)).rejects.toMatchObject({
      name: 'ConfigError',
      problems: ['color', 'issuer', 'audience', 'cookies.prefix', 'serviceKey', 'maxStaleness'].map((path) =>
        expect.objectContaining({ path }),
      ),
    });
    await expect(startService(app, { serviceKey: await newServiceKey(app), insecureWithoutRevocation: false } as object)).rejects.toThrow(
      'insecureWithoutRevocation: is no option',
    );
  });
});
