/**
 * The attacker writes requests that a proxy, a router and a guard read differently, bodies that a parser chokes on, and headers that pretend to
 * come from a proxy.
 *
 * Proves: ASVS 5.0 V4.1, V4.2 (message structure), V1.3, V2.4; H-01, H-02, H-06, H-08, H-09, H-10, H-12, I-20, X-10; CVE-2026-33494,
 * CVE-2026-2880, CVE-2026-0976, CVE-2026-40575, CVE-2025-71399, CVE-2025-71401.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { claimsOf } from '../support/forge.js';
import { send, sendBytes, statusesOf, type HttpAnswer } from '../support/http.js';
import { overEachCarrier, overEveryCarrier } from '../support/over-each-carrier.js';
import { ownOrigin, startApp } from '../support/start-app.js';

overEveryCarrier('a path in another spelling', (at) => {
  const spellings = (path: string): string[] => [
    `/${path}`,
    `//${path}`,
    path.replaceAll('/', '//'),
    `${path}/`,
    `${path}//`,
    `${path}/.`,
    `${path}/x/..`,
    path.replace('/', '/./'),
    `/x/..${path}`,
    `/public/..${path}`,
    path.toUpperCase(),
    path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    path.replaceAll('/', '%2f'),
    path.replaceAll('/', '%2F'),
    path.replaceAll('/', '%5c'),
    path.replaceAll('/', '\\'),
    `${path};x=1`,
    path.replace(/\/([^/]+)$/, ';/$1'),
    `${path}%00`,
    `${path}%20`,
    `${path}%0a`,
    `${path}%3f`,
    `${path}%23`,
    `${path}?`,
    `${path}??x`,
    `${path}#x`,
    `${path}.json`,
    `${path}%2e`,
    `${path}.`,
    `/%2e%2e${path}`,
    `/.%2e${path}`,
    `${path}..;/`,
    `http://localhost${path}`,
    `http://evil.example${path}`,
    `HTTP://x${path}`,
    `*${path}`,
    path.slice(1),
    `/%2e${path}`,
    path.replace(/.$/, (letter) => encodeURIComponent(String.fromCodePoint(letter.charCodeAt(0) + 0xfee0))),
  ];

  test('never reaches past a guard: whatever it finds, nobody who is not signed in gets a thing (H-08)', async () => {
    const { app } = at;
    const user = await app.createUser();
    for (const path of [
      '/api/users/me',
      '/api/auth/sessions',
      `/api/admin/users/${user.id}`,
      '/api/admin/users',
      '/hello',
      '/admin-area',
      '/area/inside',
    ]) {
      for (const target of spellings(path)) {
        const received = await sendBytes(app.port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 2000);
        const [status = 0] = statusesOf(received);
        expect([400, 401, 404, 405], `${target}\n${received.slice(0, 300)}`).toContain(status);
        expect(received).not.toContain(user.username);
        expect(received).not.toContain('"userId"');
      }
    }
  });

  test('is no route of ours: only the exact bytes are', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const target of [
      '/API/users/me',
      '/api/users/me/',
      '/api//users/me',
      '/api/users/me;x',
      '/api/users/%6de',
      '/api/users/me%2f',
      '/api/Users/me',
    ]) {
      expect((await page.get(target)).status, target).toBe(404);
    }
    expect((await page.get('/api/users/me?anything=1&anything=2')).status).toBe(200);
    expect((await page.call('DELETE', '/api/auth/sessions/')).status, 'not all sessions').toBe(404);
    expect((await page.call('DELETE', `/api/auth/sessions/${page.sessionId}/`)).status).toBe(404);
    expect((await page.get('/api/users/me')).status).toBe(200);
  });
});

overEveryCarrier('headers that a proxy would set', (at) => {
  test('choose neither path, method, origin, address nor scheme (H-09, H-10, X-10)', async () => {
    const { app } = at;
    const rewrites = {
      'x-original-url': '/api/auth/session',
      'x-rewrite-url': '/api/auth/session',
      'x-forwarded-uri': '/api/auth/session',
      'x-forwarded-prefix': '/api',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      'x-forwarded-for': '127.0.0.1',
      forwarded: 'for=127.0.0.1;host=evil.example;proto=http',
      'x-http-method-override': 'GET',
      'x-ssl-client-verify': 'SUCCESS',
      'x-real-ip': '127.0.0.1',
    };
    expect((await app.client().get('/api/users/me', { headers: rewrites })).outcome).toBe('401 token_missing');
    const user = await app.createUser();
    const login = await app
      .client()
      .post(
        '/api/auth/login',
        { identifier: user.username, password: user.password, delivery: 'memory' },
        { headers: { ...rewrites, host: 'evil.example' } },
      );
    expect(login.status).toBe(200);
    expect(claimsOf(login.json.accessToken as string)).toMatchObject({ iss: ownOrigin, aud: ownOrigin });
    expect(login.setCookies.join()).toMatch(/Secure/);
    expect(login.setCookies.join()).not.toMatch(/Domain|evil/);
    expect(login.header('strict-transport-security')).toBeDefined();
    expect((await app.client().get('/.well-known/countersign', { headers: { host: 'evil.example' } })).text).not.toContain('evil');
  });

  test('and Host itself: absent or twice is refused by HTTP, foreign or odd means nothing', async () => {
    const { app } = at;
    const raw = (headers: string, version = '1.1'): Promise<string> =>
      sendBytes(app.port, `GET /api/users/me HTTP/${version}\r\n${headers}Connection: close\r\n\r\n`, 2000);
    expect(statusesOf(await raw(''))).toEqual([400]);
    for (const host of ['evil.example', 'localhost:99999', '', 'a b', '[::1', '"x"', 'app.example.test@evil']) {
      expect([400, 401], host).toContain(statusesOf(await raw(`Host: ${host}\r\n`))[0]);
    }
    expect([400, 401]).toContain(statusesOf(await raw('Host: a\r\nHost: b\r\n'))[0]);
    expect(statusesOf(await raw('', '1.0')), 'HTTP/1.0 needs none').toEqual([401]);
  });

  test('and conditional or range headers on JSON are ignored (H-12)', async () => {
    const page = await at.app.signedIn();
    const answer = await page.get('/api/users/me', {
      headers: { range: 'bytes=0-3', 'if-none-match': '*', 'if-modified-since': new Date(4e12).toUTCString(), 'if-match': '"x"' },
    });
    expect([answer.status, answer.json.user.id]).toEqual([200, page.userId]);
  });
});

describe('the first request after the start', () => {
  test('with a foreign Host does not become the base of anything (CVE-2025-71401)', async () => {
    const app = await startApp();
    try {
      const first = await app.client({ origin: 'https://evil.example' }).get('/.well-known/countersign', {
        headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' },
      });
      expect(first.json).toMatchObject({ issuer: ownOrigin });
      const page = await app.signedIn();
      expect(claimsOf(page.currentAccessToken).iss).toBe(ownOrigin);
      expect(
        (
          await page.post('/hello', undefined, {
            headers: { origin: 'https://evil.example', 'sec-fetch-site': null, host: 'evil.example' },
          })
        ).outcome,
      ).toBe('403 origin_not_allowed');
    } finally {
      await app.stop();
    }
  });
});

overEveryCarrier('a body', (at) => {
  const login = (body: string | Uint8Array, headers: Record<string, string | null> = {}, chunked = false): Promise<HttpAnswer> =>
    at.app.client().post('/api/auth/login', undefined, { body, chunked, headers: { 'content-type': 'application/json', ...headers } });
  const ofSize = (size: number): string => {
    const frame = JSON.stringify({ identifier: 'anna', password: '' });
    return JSON.stringify({ identifier: 'anna', password: 'x'.repeat(size - frame.length) });
  };

  test('of 10 kB is read, one byte more is 413, announced or in chunks, and the connection closes (H-06)', async () => {
    for (const chunked of [false, true]) {
      expect((await login(ofSize(10_240), {}, chunked)).outcome).toBe('401 invalid_credentials');
      const tooLarge = await login(ofSize(10_241), {}, chunked);
      expect(tooLarge.outcome).toBe('413 body_too_large');
      expect(tooLarge.header('connection')).toBe('close');
    }
    expect((await login(ofSize(1_000_000))).status).toBe(413);
    expect((await login('{"identifier":"anna","password":"x"}', { 'content-length': '36' })).outcome).toBe('401 invalid_credentials');
  });

  test('that is announced as huge is refused without waiting for it', async () => {
    // Express's own parser waits for the rest before it passes its error on.
    if (at.app.carrier === 'Express behind express.json()') return;
    const started = performance.now();
    const received = await sendBytes(
      at.app.port,
      'POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999999999\r\n\r\n{',
      2500,
    );
    expect(statusesOf(received)).toEqual([413]);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('in chunks without an end is refused after 10 kB, and the connection is cut', async () => {
    if (at.app.carrier === 'Express behind express.json()') return;
    const chunk = `1000\r\n${'a'.repeat(4096)}\r\n`;
    const received = await sendBytes(
      at.app.port,
      `POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(40)}`,
      2500,
    );
    expect(statusesOf(received)).toEqual([413]);
  });

  test('that is refused for its size leaves nothing behind that could fail later, whether or not its sender stays', async () => {
    const announced = 'POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n';
    const chunked = `POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n${'a'.repeat(0x5000)}\r\n`;
    const senders = [announced, `${announced}${'a'.repeat(20_000)}`, chunked, `${chunked}0\r\n\r\n`];
    await Promise.all(senders.flatMap((message) => [20, 100, 400].map((patience) => sendBytes(at.app.port, message, patience))));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect((await login('{}')).outcome).toBe('400 invalid_request');
  });

  test("that breaks off half-way is nobody's fault here: no alarm in the log, nothing left waiting", async () => {
    const { app } = at;
    if (app.carrier === 'fetch handler') return;
    const before = app.log.length;
    const half = 'POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"identifier":';
    await Promise.all(Array.from({ length: 10 }, () => sendBytes(app.port, half, 30)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(app.log.slice(before).filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('of another type is 415: forms, XML, other encodings, compressed, other charsets (H-06, I-20)', async () => {
    const body = '{"identifier":"anna","password":"x"}';
    for (const type of [
      'text/plain',
      'text/json',
      'application/xml',
      'text/xml',
      'application/json5',
      'application/problem+json',
      'application/jsonx',
      'xapplication/json',
      'application/json, text/plain',
      'application/json;charset=utf-16',
      'application/json; charset=utf-8; charset=utf-7',
      'application/json; boundary=x',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '*/*',
      'application/*',
      'json',
      '',
    ]) {
      const { outcome } = await login(body, { 'content-type': type });
      // Behind a parser that knows UTF-16 the text has become another one before we see it.
      if (type.includes('utf-16')) expect(outcome).toMatch(/^(415 unsupported_media_type|400 invalid_request)$/);
      else expect(outcome, type).toBe('415 unsupported_media_type');
    }
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'APPLICATION/JSON;CHARSET="UTF-8"',
      'application/json ; charset=UTF-8',
    ]) {
      expect((await login(body, { 'content-type': type })).outcome, type).toBe('401 invalid_credentials');
    }
    const bomb = gzipSync(JSON.stringify({ identifier: 'anna', password: ' '.repeat(50_000) }));
    for (const encoding of ['gzip', 'deflate', 'br', 'x-unknown', 'gzip, gzip']) {
      const answer = await login(bomb, { 'content-encoding': encoding });
      expect([400, 413, 415], `${encoding} ${answer.outcome}`).toContain(answer.status);
    }
    expect(
      (
        await login('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', {
          'content-type': 'application/xml',
        })
      ).outcome,
    ).toBe('415 unsupported_media_type');
  });

  test('that is no JSON object, or a bomb of one, is 400 at once', async () => {
    const bombs = [
      '[',
      '{',
      '{"a":',
      '"',
      'null',
      'true',
      '1',
      '[]',
      '"x"',
      '{}{}',
      '{"a":1,}',
      "{'a':1}",
      '{a:1}',
      'NaN',
      '{"a":NaN}',
      '{"a":01}',
      '{"a":1e}',
      '\u0000',
      '{"a":"\u0000"}',
      '{"a":"\n"}',
      '\ufeff{}x',
      '['.repeat(10_000),
      '{"a":'.repeat(1900),
      `${'{"a":'.repeat(1500)}1${'}'.repeat(1500)}`,
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
      `{"a":${'9'.repeat(9000)}}`,
      '{"identifier":1e999,"password":-1e999}',
      `{"password":"x","identifier":{"toString":"x","valueOf":"y"}}`,
      `{"${'k'.repeat(9000)}":1}`,
      `{${Array.from({ length: 900 }, (_, index) => `"k${index}":1`).join()}}`,
      '/* */{}',
      '{"\\u0070assword":1}',
    ];
    for (const body of bombs) {
      const started = performance.now();
      const answer = await login(body);
      expect(answer.outcome, body.slice(0, 30)).toMatch(/^(400 invalid_request|413 body_too_large)$/);
      expect(performance.now() - started, body.slice(0, 30)).toBeLessThan(1000);
      expect(answer.text.length, 'and the answer stays small').toBeLessThan(120_000);
    }
    for (const bytes of [
      Buffer.from([0xff, 0xfe, 0x7b, 0x00]),
      Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]),
      Buffer.from('{"a":1}', 'utf16le'),
    ]) {
      expect((await login(bytes)).outcome).toBe('400 invalid_request');
    }
  });

  test('on a route that has none is empty, {} or refused', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const body of ['', '{}', ' {} ']) {
      const answer = await page.call('GET', '/api/users/me', { headers: { 'content-type': 'application/json' } });
      expect(answer.status).toBe(200);
      expect(
        (await page.call('PATCH', '/api/users/me', { body: body === '' ? '{}' : body, headers: { 'content-type': 'application/json' } }))
          .status,
      ).toBe(200);
      expect(
        (await page.refresh({ body, headers: { 'content-type': body === '' ? null : 'application/json' } })).status,
        JSON.stringify(body),
      ).toBe(200);
    }
    expect((await page.post('/api/auth/refresh', { x: 1 })).outcome).toBe('400 invalid_request');
  });
});

overEveryCarrier('a message that two parsers read differently', (at) => {
  const smuggled = 'GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n';
  const head = 'POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const messages: readonly (readonly [string, string])[] = [
    ['CL.TE', `${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['TE twice', `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${smuggled}`],
    ['TE in disguise', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['TE with a space before the colon', `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}${smuggled}`],
    ['length +2', `${head}Content-Length: +2\r\n\r\n{}${smuggled}`],
    ['length -1', `${head}Content-Length: -1\r\n\r\n{}${smuggled}`],
    ['length 0x2', `${head}Content-Length: 0x2\r\n\r\n{}${smuggled}`],
    ['length "2 2"', `${head}Content-Length: 2 2\r\n\r\n{}${smuggled}`],
    ['length 2,2', `${head}Content-Length: 2,2\r\n\r\n{}${smuggled}`],
    ['bare LF', `POST /api/auth/login HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}${smuggled}`],
    ['folded header', `${head}X-A: b\r\n c\r\nContent-Length: 2, \r\n\r\n{}${smuggled}`],
    ['chunk size overflow', `${head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}\r\n0\r\n\r\n${smuggled}`],
    ['chunk size with a sign', `${head}Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n${smuggled}`],
    ['chunk without its end', `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}X\r\n0\r\n\r\n${smuggled}`],
    ['unknown version', `POST /api/auth/login HTTP/9.9\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}${smuggled}`],
    ['no version', 'GET /api/users/me\r\n\r\n'],
    ['NUL in a header', `${head}X: a\u0000b\r\nContent-Length: 2\r\n\r\n{}${smuggled}`],
  ];

  test('is refused, and what hides behind it is never answered (H-01)', async () => {
    await Promise.all(
      messages.map(async ([name, message]) => {
        const received = await sendBytes(at.app.port, message, 400);
        const statuses = statusesOf(received);
        expect(statuses.length, `${name}\n${received.slice(0, 400)}`).toBeLessThanOrEqual(1);
        if (statuses[0] !== undefined) expect(statuses[0], name).toBeGreaterThanOrEqual(400);
        expect(received, name).not.toContain('"keys"');
      }),
    );
  });

  test('does not take a credential from a trailer, and answers 100-continue but no other expectation (H-01)', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    const trailer = `POST /api/auth/reauthenticate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer ${program.currentAccessToken}\r\n\r\n`;
    expect(statusesOf(await sendBytes(app.port, trailer, 1500))).toEqual([401]);
    const expectation = (value: string): Promise<string> =>
      sendBytes(
        app.port,
        `POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: ${value}\r\nConnection: close\r\n\r\n{}`,
        1500,
      );
    expect(statusesOf(await expectation('100-continue'))).toEqual([100, 400]);
    expect(statusesOf(await expectation('200-ok'))[0]).toBe(417);
  });

  test('pipelined requests are answered each for itself', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    const get = (headers: string): string => `GET /api/users/me HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
    const received = await sendBytes(
      app.port,
      get(`Authorization: Bearer ${program.currentAccessToken}\r\n`) + get('') + get('Connection: close\r\n'),
      1500,
    );
    expect(statusesOf(received)).toEqual([200, 401, 401]);
  });
});

overEachCarrier('a guard of the application', (at) => {
  test('judges the request, not its path: absolute-form targets and odd methods meet it too', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const raw = (line: string, headers = ''): Promise<string> =>
      sendBytes(app.port, `${line} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`, 1500);
    for (const line of ['GET http://localhost/hello', 'HEAD /hello', 'GET /hello/', 'GET /HELLO', 'PURGE /hello', 'OPTIONS /hello']) {
      const received = await raw(line);
      expect(received, line).not.toContain('"userId"');
      expect(statusesOf(received)[0] === 200 && !line.startsWith('OPTIONS') && !line.startsWith('HEAD'), line).toBe(false);
    }
    const unsafe = await send({
      port: app.port,
      method: 'PURGE',
      path: '/area/inside',
      headers: [
        ['cookie', page.jar.header ?? ''],
        ['origin', 'https://evil.example'],
      ],
    });
    expect([403, 404]).toContain(unsafe.status);
  });
});
