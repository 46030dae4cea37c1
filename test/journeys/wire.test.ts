/** What every answer has: shape and code of errors, headers, CORS, methods. */
import { describe, expect, test } from 'vitest';
import { send, sendBytes, statusesOf, type HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { ownOrigin, trustedOrigin } from '../support/start-app.js';

const everyAnswer = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000',
};

function expectHeaders(answer: HttpAnswer): void {
  expect(answer.headers).toMatchObject(everyAnswer);
  expect(answer.header('x-request-id')).toMatch(/^[\w-]{16}$/);
  expect(answer.header('vary')).toContain('Origin');
  expect(answer.header('cache-control')).toBe('no-store');
  expect(answer.header('cross-origin-resource-policy')).toBe('same-origin');
}

function expectProblem(answer: HttpAnswer, outcome: string): void {
  expect(answer.outcome).toBe(outcome);
  expectHeaders(answer);
  expect(answer.header('content-type')).toBe('application/problem+json');
  const { problem } = answer;
  expect(problem).toMatchObject({
    type: `urn:countersign:error:${problem.code}`,
    status: answer.status,
    requestId: answer.header('x-request-id'),
  });
  expect(problem.title).toMatch(/^[A-Z].+\.$/);
  expect(Object.keys(problem).filter((key) => !['type', 'title', 'status', 'code', 'detail', 'errors', 'requestId'].includes(key))).toEqual(
    [],
  );
  expect(answer.setCookies, 'no refusal sets or clears a cookie').toEqual([]);
  expect(answer.text).not.toMatch(/node_modules|at .*\.js|SQLITE|\/tmp\//);
}

overEachCarrier('a refusal', (at) => {
  test('of a missing, malformed or expired access token is told apart, and challenges as RFC 6750 has it', async () => {
    const { app } = at;
    const guest = await app.client().get('/api/users/me');
    expectProblem(guest, '401 token_missing');
    expect(guest.header('www-authenticate')).toBe('Bearer');

    const malformed = await app.client().get('/api/users/me', { headers: { authorization: 'Bearer not.a.token' } });
    expectProblem(malformed, '401 token_invalid');
    expect(malformed.header('www-authenticate')).toBe('Bearer error="invalid_token"');

    const page = await app.signedIn();
    const ended = await app.signedIn();
    const endedToken = ended.currentAccessToken;
    await ended.logout();
    const revoked = await page.presentAccessToken(endedToken);
    expectProblem(revoked, '401 session_revoked');
    expect(revoked.header('www-authenticate')).toBe('Bearer error="invalid_token"');

    await app.advance({ minutes: 15 });
    const expired = await page.get('/hello');
    expectProblem(expired, '401 token_expired');
    expect(expired.header('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  test('of a known user who may not is 403, and says nothing of who may', async () => {
    const page = await at.app.signedIn();
    for (const path of ['/admin-area', '/api/admin/users', '/api/admin/users/usr_x']) {
      const answer = await page.get(path);
      expectProblem(answer, '403 insufficient_role');
      expect(answer.header('www-authenticate')).toBe('Bearer error="insufficient_scope"');
      expect(answer.text).not.toContain('"admin"');
    }
  });

  test('of a refresh has its own code each', async () => {
    const { app } = at;
    expectProblem(await app.client().refresh(), '401 refresh_token_missing');
    const made = await app.client({ origin: null }).post('/api/auth/refresh', { refreshToken: 'csr_made-up' });
    expectProblem(made, '401 refresh_token_invalid');
    expect(made.header('www-authenticate')).toBe('Bearer');
    const page = await app.signedIn();
    expectProblem(await page.refresh({ headers: { 'x-csrf-token': null } }), '403 csrf_failed');
    expectProblem(
      await page.refresh({ headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } }),
      '403 origin_not_allowed',
    );
    await app.auth.users.setDisabled(page.userId, true);
    expectProblem(await page.refresh(), '403 account_disabled');
  });

  test('of a body names what is wrong with it and never repeats a value', async () => {
    const { app } = at;
    const client = app.client();
    const login = (body: string, type: string | null = 'application/json', more: Record<string, string> = {}): Promise<HttpAnswer> =>
      client.post('/api/auth/login', undefined, { body, headers: { 'content-type': type, ...more } });

    expectProblem(await login('{"identifier":"anna"'), '400 invalid_request');
    expectProblem(await login('[]'), '400 invalid_request');
    expectProblem(await login('{}', 'text/plain'), '415 unsupported_media_type');
    expectProblem(await login('{"a":1}', null), '415 unsupported_media_type');
    expectProblem(await login('identifier=anna', 'application/x-www-form-urlencoded'), '415 unsupported_media_type');

    const both = await login('{"username":"anna","email":"a@b.example","password":"hunter2 hunter2","role":"admin"}');
    expectProblem(both, '400 invalid_request');
    expect(both.text).not.toContain('hunter2');
    expect(both.problem.errors).toContainEqual({ path: 'role', code: 'unrecognized', message: 'is not known here' });

    const typed = await login('{"identifier":["anna"],"password":12345678}');
    expect(typed.problem.errors).toEqual([
      { path: 'identifier', code: 'invalid_type', message: 'must be a string' },
      { path: 'password', code: 'invalid_type', message: 'must be a string' },
    ]);
  });

  test('of a wrong password and of an unknown user is one and the same', async () => {
    const { app } = at;
    const user = await app.createUser();
    const wrong = await app.client().login(user, { password: 'not the password' });
    const unknown = await app.client().login({ username: 'nobody-at-all', password: 'not the password' });
    expectProblem(wrong, '401 invalid_credentials');
    const plain = ({ problem: { requestId: _, ...rest } }: HttpAnswer): object => rest;
    expect(plain(unknown)).toEqual(plain(wrong));
    expect(app.events.slice(-2).map(({ type, reason }) => [type, reason])).toEqual([
      ['login.failed', 'wrong password'],
      ['login.failed', 'unknown user'],
    ]);
  });

  test('of an unknown path or method is 404 or 405 with the methods that are allowed', async () => {
    const { app } = at;
    const client = app.client();
    const wrongMethod = await client.get('/api/auth/login');
    expectProblem(wrongMethod, '405 method_not_allowed');
    expect(wrongMethod.header('allow')).toBe('POST, OPTIONS');
    const put = await client.call('PUT', '/api/auth/session');
    expectProblem(put, '405 method_not_allowed');
    expect(put.header('allow')).toBe('HEAD, GET, OPTIONS');
    const options = await client.call('OPTIONS', '/api/users/me');
    expect([options.status, options.header('allow'), options.text]).toEqual([204, 'HEAD, GET, PATCH, DELETE, OPTIONS', '']);
  });
});

overEachCarrier('every answer', (at) => {
  test('has the headers of the protocol', async () => {
    const { app } = at;
    const page = app.client();
    const user = await app.createUser();
    expectHeaders(await page.login(user));
    expectHeaders(await page.get('/api/auth/session'));
    expectHeaders(await page.get('/api/users/me'));
    expectHeaders(await page.refresh());
    expectHeaders(await page.post('/api/auth/logout'));
    expectHeaders(await page.get('/hello'));
    expect((await page.get('/api/users/me')).headers).not.toHaveProperty('x-powered-by', 'Countersign');
  });

  test('to HEAD is the one to GET without its body (H-18)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const path of ['/api/users/me', '/api/auth/session', '/.well-known/jwks.json', '/api/auth/sessions']) {
      const [get, head] = [await page.get(path), await page.call('HEAD', path)];
      expect([head.status, head.text], path).toEqual([get.status, '']);
      expect(head.header('content-type')).toBe(get.header('content-type'));
      expect(head.header('content-length')).toBe(String(Buffer.byteLength(get.text)));
    }
    const refused = await app.client().call('HEAD', '/api/users/me');
    expect([refused.status, refused.text]).toEqual([401, '']);
    expect((await page.call('HEAD', '/api/auth/login')).status).toBe(405);
  });

  test('of the public documents may be kept by anybody and read by any page, without credentials', async () => {
    const { app } = at;
    for (const path of ['/.well-known/jwks.json', '/.well-known/countersign']) {
      const answer = await app
        .client({ origin: 'https://stranger.example' })
        .get(path, { headers: { origin: 'https://stranger.example' } });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        ...everyAnswer,
        'cache-control': 'public, max-age=300',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
      });
      expect(answer.header('access-control-allow-credentials')).toBeUndefined();
      expect(answer.setCookies).toEqual([]);
    }
    const jwks = (await app.client().get('/.well-known/jwks.json')).json as { keys: Record<string, unknown>[] };
    for (const key of jwks.keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect((await app.client().get('/.well-known/countersign')).json).toMatchObject({
      issuer: ownOrigin,
      jwks_uri: `${ownOrigin}/.well-known/jwks.json`,
    });
  });
});

overEachCarrier('cross-origin', (at) => {
  test('a page of a trusted origin is answered with credentials and reads what it needs; its requests pass', async () => {
    const { app } = at;
    const page = app.client({ origin: trustedOrigin });
    const login = await page.login(await app.createUser());
    expect(login.headers).toMatchObject({
      'access-control-allow-origin': trustedOrigin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'retry-after, ratelimit, ratelimit-policy, www-authenticate, x-request-id',
    });
    page.jar.remove(app.cookie('state'));
    expect((await page.refresh()).status, 'with the CSRF token of the answer').toBe(200);
    const missing = await app.client().get('/api/users/me', { headers: { origin: trustedOrigin } });
    expect(missing.header('access-control-allow-origin'), 'a refusal can be read as well').toBe(trustedOrigin);
  });

  test('its preflight is answered for what the route can do', async () => {
    const { app } = at;
    const preflight = await app.client().call('OPTIONS', '/api/users/me', {
      headers: {
        origin: trustedOrigin,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'content-type,x-csrf-token',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': trustedOrigin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PATCH, DELETE',
      'access-control-allow-headers': 'content-type, authorization, x-csrf-token',
      'access-control-max-age': '600',
    });
    expect(preflight.header('vary')).toContain('Origin');
  });

  test('a page of any other origin is told nothing, and its preflight is refused', async () => {
    const { app } = at;
    for (const origin of ['https://evil.example', 'null', `${ownOrigin}.evil.example`, 'https://app.example.tes']) {
      const read = await app.client().get('/api/auth/session', { headers: { origin } });
      expect(read.header('access-control-allow-origin'), origin).toBeUndefined();
      expect(read.header('vary')).toContain('Origin');
      const preflight = await app
        .client()
        .call('OPTIONS', '/api/auth/login', { headers: { origin, 'access-control-request-method': 'POST' } });
      expectProblem(preflight, '403 origin_not_allowed');
      expect(preflight.header('access-control-allow-origin')).toBeUndefined();
      expect(preflight.text, 'in production no hint').not.toContain('trustedOrigins');
    }
  });
});

describe('behind routes(), for paths of the application', () => {
  const at = withApp();

  test('preflights and answers to trusted pages carry the same headers; others are left to the application', async () => {
    const { app } = at;
    const preflight = (origin: string): Promise<HttpAnswer> =>
      app.client().call('OPTIONS', '/hello', { headers: { origin, 'access-control-request-method': 'POST' } });
    const answer = await preflight(trustedOrigin);
    expect([answer.status, answer.header('access-control-allow-origin')]).toEqual([204, trustedOrigin]);
    expect((await preflight('https://evil.example')).header('access-control-allow-origin')).toBeUndefined();
    const read = await app.client().get('/public', { headers: { origin: trustedOrigin } });
    expect(read.header('access-control-allow-origin')).toBe(trustedOrigin);
    expect(read.header('vary')).toContain('Origin');
    expect((await app.client().get('/public')).header('vary')).toContain('Origin');
  });

  test('a guard that refuses answers a trusted page so that it can read why', async () => {
    const answer = await at.app.client().get('/hello', { headers: { origin: trustedOrigin } });
    expect(answer.outcome).toBe('401 token_missing');
    expect(answer.header('access-control-allow-origin')).toBe(trustedOrigin);
  });
});

overEachCarrier('methods that nobody should use', (at) => {
  test('TRACE, TRACK, CONNECT and unknown ones are refused and echo nothing (H-02, B8)', async () => {
    const { app } = at;
    for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'M-SEARCH']) {
      const answer = await send({ port: app.port, method, path: '/api/auth/session', headers: [['x-echo', 'look-for-me']] });
      expect(answer.status, method).toBe(405);
      expect(answer.text).not.toContain('look-for-me');
    }
    for (const method of ['TRACK', 'FOO', 'get', 'Post']) {
      const received = await sendBytes(app.port, `${method} /api/auth/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(statusesOf(received), method).toEqual([400]);
    }
    expect(await sendBytes(app.port, `CONNECT /api/auth/session HTTP/1.1\r\nHost: localhost\r\n\r\n`)).toBe('');
  });
});
