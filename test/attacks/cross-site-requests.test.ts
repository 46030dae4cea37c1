/**
 * A page of the attacker makes the victim's browser send requests with the victim's cookies: forms, fetch, look-alike origins, an opaque
 * origin, methods in disguise, a token planted or brought from elsewhere.
 *
 * Proves: ASVS 5.0 V3.5.1 to V3.5.3 (requests from other origins, safe methods).
 */
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { send } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { ownOrigin, trustedOrigin, type TestApp } from '../support/start-app.js';

/** Every unsafe route that a browser's cookies could be used against, and what it would change. */
const unsafeRoutes = [
  ['POST', '/api/auth/register', { username: 'made-by-force', password: 'a long enough password' }],
  ['POST', '/api/auth/login', { identifier: 'attacker', password: 'correct horse battery staple' }],
  ['POST', '/api/auth/refresh', undefined],
  ['POST', '/api/auth/logout', undefined],
  ['POST', '/api/auth/reauthenticate', { password: 'correct horse battery staple' }],
  ['POST', '/api/auth/password', { currentPassword: 'correct horse battery staple', newPassword: 'set by the attacker' }],
  ['DELETE', '/api/auth/sessions', undefined],
  ['DELETE', '/api/auth/sessions/ses_x', undefined],
  ['PATCH', '/api/users/me', { name: 'Defaced' }],
  ['DELETE', '/api/users/me', undefined],
  ['PATCH', '/api/admin/users/usr_x', { disabled: true }],
  ['DELETE', '/api/admin/users/usr_x', undefined],
  ['PUT', '/api/admin/users/usr_x/roles', { roles: ['admin'] }],
  ['DELETE', '/api/admin/users/usr_x/sessions', undefined],
  ['POST', '/hello', undefined],
  ['POST', '/admin-area', undefined],
] as const;

function snapshot(app: TestApp): string {
  const database = new DatabaseSync(app.file);
  const tables = ['users', 'sessions', 'revocations', 'signing_keys', 'meta'];
  const rows = tables.map((table) => database.prepare(`SELECT * FROM ${table} ORDER BY 1`).all());
  database.close();
  return JSON.stringify(rows);
}

overEachCarrier('a page of another origin', (at) => {
  test("is refused on every unsafe route, the victim's CSRF token in hand or not, and nothing has changed (X-01, X-08)", async () => {
    const { app } = at;
    const victim = await app.signedIn({ roles: ['user', 'admin'] });
    await app.signedIn({ roles: ['admin'] });
    const before = snapshot(app);
    for (const [method, path, json] of unsafeRoutes) {
      for (const headers of [
        { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
        { origin: 'https://evil.example', 'sec-fetch-site': null },
        { origin: null, 'sec-fetch-site': 'cross-site' },
        { origin: 'null', 'sec-fetch-site': null },
        { origin: 'https://sister.example.test', 'sec-fetch-site': 'same-site' },
      ]) {
        const answer = await victim.call(method, path, { headers, ...(json === undefined ? {} : { json }) });
        expect(answer.outcome, `${method} ${path} ${JSON.stringify(headers)}`).toBe('403 origin_not_allowed');
        expect(answer.setCookies).toEqual([]);
        expect(answer.header('access-control-allow-origin')).toBeUndefined();
      }
    }
    expect(snapshot(app)).toBe(before);
    expect((await victim.post('/hello')).status).toBe(200);
  });

  test('that looks like ours is another (X-04)', async () => {
    const { app } = at;
    const victim = await app.signedIn();
    const lookAlikes = [
      'https://app.example.test.evil.example',
      'https://evilapp.example.test',
      'https://app.example.test:444',
      'https://app.example.test:443',
      'http://app.example.test',
      'https://user@app.example.test',
      'https://app.example.test@evil.example',
      'HTTPS://APP.EXAMPLE.TEST',
      'https://App.example.test',
      'https://app.example.test/',
      'https://app.example.test.',
      'https://аpp.example.test',
      'https://xn--pp-8cd.example.test',
      'https://app.example.test\\.evil.example',
      'https://app.example.test#',
      'https://app.example.test?x',
      'https://app.example.test https://evil.example',
      'https://evil.example, https://app.example.test',
      '//app.example.test',
      'app.example.test',
      'file://',
      'data:',
      'about:blank',
      'null',
      '',
      'undefined',
      'https://example.test',
      'https://web.example.test.evil.example',
      'https://[::1]',
      'https://localhost',
      'chrome-extension://app.example.test',
      'https://app_example.test',
      'https://app.example.testx',
    ].map((origin) => Buffer.from(origin).toString('latin1'));
    for (const origin of lookAlikes) {
      for (const fetchSite of [null, 'same-site', 'cross-site', 'none', 'Same-Origin', 'same-origin, same-origin', 'same-origin x']) {
        const answer = await victim.post('/hello', undefined, { headers: { origin, 'sec-fetch-site': fetchSite } });
        expect(answer.outcome, `${JSON.stringify(origin)} ${String(fetchSite)}`).toBe('403 origin_not_allowed');
      }
      expect(
        (await victim.get('/api/auth/session', { headers: { origin } })).header('access-control-allow-origin'),
        origin,
      ).toBeUndefined();
    }
  });

  test('cannot send a form: three content types that need no preflight are refused even from our own origin (X-01, X-17)', async () => {
    const { app } = at;
    const victim = await app.signedIn();
    const body = '{"currentPassword":"correct horse battery staple","newPassword":"set by the attacker"}';
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain; charset=utf-8',
      'text/plain;application/json',
      'text/html',
      'application/pdf',
      'application/x-shockwave-flash',
      null,
    ];
    for (const type of types) {
      const cross = await victim.post('/api/auth/password', undefined, {
        body,
        headers: { 'content-type': type, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      });
      expect(cross.outcome).toBe('403 origin_not_allowed');
      const own = await victim.post('/api/auth/password', undefined, { body, headers: { 'content-type': type } });
      expect(own.outcome, String(type)).toBe('415 unsupported_media_type');
    }
    expect((await app.client().login(victim.user!)).status, 'the password is as it was').toBe(200);
  });
});

describe('Origin and Sec-Fetch-Site', () => {
  const at = withApp();
  const origins = [null, ownOrigin, trustedOrigin, 'https://evil.example', 'null'] as const;
  const sites = [null, 'same-origin', 'same-site', 'cross-site', 'none'] as const;

  test.each(origins.flatMap((origin) => sites.map((site) => [origin, site] as const)))(
    '%s with %s is judged as the protocol says',
    async (origin, site) => {
      const page = await at.app.signedIn();
      const isTrusted = site === 'same-origin' || origin === ownOrigin || origin === trustedOrigin;
      const isUnsaid = origin === null && site === null;
      const headers = { origin, 'sec-fetch-site': site };
      const expected = isTrusted || isUnsaid ? '200' : '403 origin_not_allowed';
      expect((await page.post('/hello', undefined, { headers })).outcome).toBe(expected);
      expect((await page.call('PATCH', '/api/users/me', { json: {}, headers })).outcome).toBe(expected);
      const withoutToken = await page.post('/hello', undefined, { headers: { ...headers, 'x-csrf-token': null } });
      expect(withoutToken.outcome, 'rule 2 holds whatever rule 1 says').toBe(
        isTrusted || isUnsaid ? '403 csrf_failed' : '403 origin_not_allowed',
      );
    },
  );

  test('Host, X-Forwarded-Host and Referer say nothing about where a request comes from (X-05, X-06)', async () => {
    const page = await at.app.signedIn();
    for (const extra of [{ host: 'evil.example' }, { 'x-forwarded-host': 'evil.example' }, { forwarded: 'host=evil.example' }]) {
      const headers = { origin: 'https://evil.example', 'sec-fetch-site': null, referer: `${ownOrigin}/`, ...extra };
      expect((await page.post('/hello', undefined, { headers })).outcome).toBe('403 origin_not_allowed');
    }
    const stripped = { origin: null, 'sec-fetch-site': null, referer: null, 'x-csrf-token': null };
    expect((await page.post('/hello', undefined, { headers: stripped })).outcome, 'an old client needs the token').toBe('403 csrf_failed');
    expect((await page.refresh({ headers: stripped })).outcome).toBe('403 csrf_failed');
    expect((await page.post('/api/auth/logout', undefined, { headers: stripped })).outcome).toBe('403 csrf_failed');
  });

  test('twice in one request do not pass by the one that is ours', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const pair of [
      [ownOrigin, 'https://evil.example'],
      ['https://evil.example', ownOrigin],
    ]) {
      const answer = await send({
        port: app.port,
        method: 'POST',
        path: '/hello',
        headers: [
          ['cookie', page.jar.header ?? ''],
          ['x-csrf-token', page.csrf ?? ''],
          ['origin', pair[0]!],
          ['origin', pair[1]!],
          ['sec-fetch-site', 'cross-site'],
        ],
      });
      // What a browser cannot send; whatever is made of it, it is never trusted as both.
      expect([200, 403]).toContain(answer.status);
      if (pair[0] !== ownOrigin) expect(answer.outcome).toBe('403 origin_not_allowed');
    }
  });
});

overEachCarrier('the CSRF token', (at) => {
  test("must be that of this session: none, empty, another's, an ended one's, bent or doubled are refused (X-12)", async () => {
    const { app } = at;
    const [page, other] = [await app.signedIn(), await app.signedIn()];
    const old = page.copy();
    await page.login(page.user!);
    const own = page.csrf!;
    const wrong = [
      null,
      '',
      ' ',
      old.csrf,
      other.csrf,
      `${own}=`,
      `${own}A`,
      own.slice(0, -1),
      own.toLowerCase(),
      `${own}, ${own}`,
      'undefined',
      'null',
      page.sessionId,
      page.currentAccessToken.slice(-43),
      'A'.repeat(43),
      `"${own}"`,
      `[${own}]`,
    ];
    for (const token of wrong) {
      for (const [method, path] of [
        ['POST', '/hello'],
        ['POST', '/api/auth/refresh'],
        ['POST', '/api/auth/logout'],
        ['PATCH', '/api/users/me'],
      ] as const) {
        const answer = await page.call(method, path, { headers: { 'x-csrf-token': token }, ...(method === 'PATCH' ? { json: {} } : {}) });
        expect(answer.outcome, `${String(token)} ${path}`).toBe('403 csrf_failed');
      }
    }
    expect((await page.post('/hello', undefined, { headers: { 'x-csrf-token': ` ${own}\t` } })).status, 'HTTP itself trims').toBe(200);
  });

  test('counts in its header only: not in the address, the body, or another header (X-13)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const token = page.csrf!;
    for (const path of [`/api/auth/logout?x-csrf-token=${token}`, `/api/auth/logout?csrf=${token}&_csrf=${token}`]) {
      expect((await page.post(path, undefined, { headers: { 'x-csrf-token': null } })).outcome).toBe('403 csrf_failed');
    }
    for (const name of ['csrf-token', 'x-xsrf-token', 'x-csrftoken', 'x_csrf_token']) {
      expect((await page.post('/hello', undefined, { headers: { 'x-csrf-token': null, [name]: token } })).outcome, name).toBe(
        '403 csrf_failed',
      );
    }
    const inBody = await page.call('PATCH', '/api/users/me', {
      json: { _csrf: token, csrfToken: token },
      headers: { 'x-csrf-token': null },
    });
    expect(inBody.outcome).toBe('403 csrf_failed');
    page.jar.plant('XSRF-TOKEN', token);
    expect((await page.post('/hello', undefined, { headers: { 'x-csrf-token': null } })).outcome).toBe('403 csrf_failed');
  });

  test('in a planted state cookie fixes nothing, for the server never reads that cookie (X-12)', async () => {
    const { app } = at;
    const [page, attacker] = [await app.signedIn(), await app.signedIn()];
    page.jar.plant(app.cookie('state'), attacker.jar.get(app.cookie('state'))!.value);
    expect((await page.post('/hello', undefined, { headers: { 'x-csrf-token': attacker.csrf } })).outcome).toBe('403 csrf_failed');
  });
});

overEachCarrier('a request that should change nothing', (at) => {
  const paths = [
    '/api/auth/session',
    '/api/auth/sessions',
    '/api/users/me',
    '/api/admin/users',
    '/api/auth/logout',
    '/api/auth/refresh',
    '/api/auth/login',
    '/api/auth/register',
    '/api/auth/password',
    '/.well-known/jwks.json',
    '/.well-known/countersign',
    '/hello',
    '/public',
  ];

  test('changes nothing: GET, HEAD and OPTIONS on every route, with and without cookies, bodies and disguises (X-09, X-10, D-09)', async () => {
    const { app } = at;
    const page = await app.signedIn({ roles: ['user', 'admin'] });
    const more = [
      `/api/admin/users/${page.userId}`,
      `/api/auth/sessions/${page.sessionId}`,
      `/api/admin/users/${page.userId}/sessions`,
      `/api/admin/users/${page.userId}/roles`,
    ];
    await app.advance({ minutes: 1 });
    const before = snapshot(app);
    const disguises = {
      'x-http-method-override': 'DELETE',
      'x-http-method': 'DELETE',
      'x-method-override': 'DELETE',
      'x-method': 'DELETE',
    };
    for (const path of [...paths, ...more]) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        for (const cookies of [true, false]) {
          const answer = await page.call(method, `${path}?_method=DELETE&method=DELETE`, { cookies, headers: disguises });
          expect(answer.status, `${method} ${path}`).toBeLessThan(500);
          expect(answer.setCookies, `${method} ${path}`).toEqual([]);
        }
      }
    }
    const disguisedPost = await page.post('/api/auth/sessions?_method=DELETE', undefined, { headers: disguises });
    expect(disguisedPost.outcome).toBe('405 method_not_allowed');
    expect(snapshot(app)).toBe(before);
    expect((await page.get('/hello')).status).toBe(200);
  });
});

describe('a bearer client', () => {
  const at = withApp();
  test("needs neither origin nor token, and its credential cannot be used through a browser's cookies (X-05)", async () => {
    const program: Client = await at.app.signedIn({ delivery: 'bearer' });
    const bare = { origin: null, 'sec-fetch-site': null, 'x-csrf-token': null };
    expect((await program.post('/hello', undefined, { headers: bare })).status).toBe(200);
    expect((await program.call('PATCH', '/api/users/me', { json: { name: 'N' }, headers: bare })).status).toBe(200);
    expect((await program.refresh({ headers: bare })).status).toBe(200);
  });
});
