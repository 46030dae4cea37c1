/** What the stand-alone server answers beside the routes of the library: health, strangers' methods, and what is hardly HTTP. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Readiness } from '../../dist/server/health.js';
import { send, sendBytes } from '../support/http.js';
import { problemIn, statusesIn, ServerHome } from './server-process.js';

let place: ServerHome;
let port: number;

beforeAll(async () => {
  place = await ServerHome.open();
  await place.start();
  port = place.port;
});

afterAll(() => place.close());

const ownHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': expect.stringContaining("default-src 'none'") as string,
  'referrer-policy': 'no-referrer',
  'x-request-id': expect.any(String) as string,
};

describe('health', () => {
  test.each(['/health/live', '/health/ready'])('%s says ok, with the headers of all answers', async (path) => {
    const answer = await send({ port, path });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ status: 'ok' });
    expect(answer.headers).toMatchObject(ownHeaders);
    expect((await send({ port, path, method: 'HEAD' })).text).toBe('');
    expect((await send({ port, path: `${path}?verbose` })).status).toBe(200);
  });

  test('is read, never written', async () => {
    const answer = await send({ port, path: '/health/live', method: 'POST', body: '{}' });
    expect(answer.outcome).toBe('405 method_not_allowed');
    expect(answer.header('allow')).toBe('GET, HEAD');
  });

  test('keeps the connection for the next request', async () => {
    const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
    expect(statusesIn(await sendBytes(port, request + request))).toEqual([200, 200]);
  });

  test('a store that does not answer within two seconds makes it unready, and so do revocations that are out of date', async () => {
    const never = new Promise<number>(() => undefined);
    const startedAt = performance.now();
    const stuck = await readinessOf({ now: () => never, isFresh: () => false }).answer(false);
    expect(stuck).toMatchObject({ status: 503, document: { status: 'unavailable', reasons: ['store_unreachable', 'revocations_stale'] } });
    expect(performance.now() - startedAt).toBeLessThan(2500);
    const broken = readinessOf({ now: () => Promise.reject(new Error('secret detail')), isFresh: () => true });
    expect((await broken.answer(true)).document).toEqual({ status: 'unavailable', reasons: ['stopping', 'store_unreachable'] });
  });

  test('asks the store once a second, however many want to know; what else it says is of the moment', async () => {
    let asked = 0;
    let isFresh = true;
    const readiness = readinessOf({ now: () => pause(50, (asked += 1)), isFresh: () => isFresh });
    const answers = await Promise.all(Array.from({ length: 100 }, () => readiness.answer(false)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    isFresh = false;
    expect((await readiness.answer(true)).document).toEqual({ status: 'unavailable', reasons: ['stopping', 'revocations_stale'] });
    expect(asked).toBe(1);
    await pause(1100);
    await Promise.all([readiness.answer(false), readiness.answer(false)]);
    expect(asked).toBe(2);
  });
});

function readinessOf({ now, isFresh }: { now: () => Promise<number>; isFresh: () => boolean }): Readiness {
  return new Readiness({ store: { now }, feed: { isFresh } } as unknown as ConstructorParameters<typeof Readiness>[0]);
}

describe('a request for what is not there', () => {
  test.each(['/', '/index.html', '/api', '/api/auth/nothing', '/health', '//health/live', '/health/live/'])(
    '%s is 404 as a problem document',
    async (path) => {
      const answer = await send({ port, path });
      expect(answer.outcome).toBe('404 not_found');
      expect(answer.headers).toMatchObject(ownHeaders);
    },
  );
});

describe('a method that is not ours', () => {
  test.each(['/', '/api/auth/login', '/api/users/me', '/health/live', '/nothing'])(
    'TRACE %s is 405 and gives nothing back',
    async (path) => {
      const answer = await send({ port, path, method: 'TRACE', headers: [['cookie', 'cs-access=planted']] });
      expect(answer.outcome).toBe('405 method_not_allowed');
      expect(answer.header('allow')).not.toContain('TRACE');
      expect(answer.text).not.toContain('planted');
    },
  );

  test.each(['PROPFIND', 'LOCK', 'PURGE', 'QUERY'])('%s is 405', async (method) => {
    expect((await send({ port, path: '/', method })).outcome).toBe('405 method_not_allowed');
  });

  test('one that nobody knows is 405 and ends the connection', async () => {
    const received = await sendBytes(port, 'FROBNICATE / HTTP/1.1\r\nHost: localhost\r\n\r\n', 2000);
    expect(problemIn(received)).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(received.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(received).toMatch(/^allow: GET, HEAD, POST/m);
  });

  test('CONNECT is 405: it is no proxy', async () => {
    const received = await sendBytes(port, 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', 2000);
    expect(problemIn(received)).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });
});

describe('what is hardly HTTP', () => {
  const login = 'POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  test.each([
    ['a line of nonsense', 'hello\r\n\r\n'],
    ['the beginning of TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two lengths', `${login}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['length and chunks', `${login}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk whose size is no number', `${login}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n  c\r\n\r\n'],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: localhost\nA: b\rc\n\n'],
  ])('%s is 400, as a problem document, and ends the connection', async (_, bytes) => {
    const received = await sendBytes(port, Buffer.from(bytes, 'latin1'), 2000);
    expect(statusesIn(received)).toEqual([400]);
    expect(problemIn(received)).toMatchObject({ status: 400, code: 'invalid_request' });
    for (const line of [
      'connection: close',
      'cache-control: no-store',
      'x-content-type-options: nosniff',
      'content-type: application/problem+json',
    ]) {
      expect(received.toLowerCase()).toContain(`\r\n${line}\r\n`);
    }
  });

  test('headers beyond 16 KiB are 431', async () => {
    const received = await sendBytes(port, `GET / HTTP/1.1\r\nHost: localhost\r\nA: ${'a'.repeat(17_000)}\r\n\r\n`, 2000);
    expect(statusesIn(received)).toEqual([431]);
    expect(problemIn(received)).toMatchObject({ status: 431 });
  });

  test('headers just below are none of its business', async () => {
    expect((await send({ port, path: '/health/live', headers: [['a', 'a'.repeat(15_000)]] })).status).toBe(200);
  });

  test('nonsense behind a good request is never taken for the answer to that request', async () => {
    const received = await sendBytes(port, 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\n', 1000);
    expect(statusesIn(received)).toEqual([200]);
  });

  test('clients that hang up in the middle do not disturb the others', async () => {
    for (const bytes of [
      '',
      'GET',
      'POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ]) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(bytes);
      await pause(20);
      socket.resetAndDestroy();
    }
    expect((await send({ port, path: '/health/ready' })).status).toBe(200);
  });
});
