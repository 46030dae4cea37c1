/** What the stand-alone server writes down: lines of JSON in production, nothing of what a request carried, and nothing of the secret. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../dist/server/log.js';
import { send, type HttpAnswer } from '../support/http.js';
import { ServerHome } from './server-process.js';

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

const secret = newSecret();
const password = 'planted-password-1';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly event?: string;
  readonly path?: string;
  readonly status?: number;
}

function post(path: string, body: object, headers: readonly (readonly [string, string])[] = []): Promise<HttpAnswer> {
  const all = [['content-type', 'application/json'], ...headers] as const;
  return send({ port: place.port, method: 'POST', path, headers: all, body: JSON.stringify(body) });
}

test('in production every line is JSON; with every level on, none holds what a request or an answer carried', async () => {
  const server = await place.start({
    NODE_ENV: 'production',
    COUNTERSIGN_PUBLIC_URL: 'https://auth.example.com',
    COUNTERSIGN_SECRET: secret,
    COUNTERSIGN_LOG_LEVEL: 'debug',
    HOST: '127.0.0.1',
  });
  await post('/api/auth/register', { username: 'ada', email: 'planted-address@example.com', password });
  await post('/api/auth/login', { identifier: 'ada', password: 'planted-password-2' });
  const bearer = (await post('/api/auth/login', { identifier: 'ada', password, delivery: 'bearer' })).json as Record<string, string>;
  const cookies = (await post('/api/auth/login', { identifier: 'ada', password })).setCookies.map((line) => line.split(/[=;]/)[1]!);
  const { accessToken, refreshToken } = bearer as { accessToken: string; refreshToken: string };
  await send({ port: place.port, path: '/api/users/me?token=planted-query', headers: [['authorization', `Bearer ${accessToken}`]] });
  await send({ port: place.port, path: '/reset/planted-path', headers: [['x-header', 'planted-header']] });
  await post('/api/auth/refresh', { refreshToken });
  await post('/api/auth/refresh', { refreshToken: 'planted-token' });
  await post('/api/auth/refresh', { unknown: 'planted-body' });
  expect(await server.stop()).toBe(0);

  const lines = server.output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['listening', 'security event', 'answered', 'stopped']));
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'answered', method: 'GET', path: '/api/users/me', status: 200 }));
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'answered', path: '(unknown path)', status: 404 }));
  expect(lines).toContainEqual(expect.objectContaining({ event: 'login.failed' }));
  for (const planted of ['planted', secret, accessToken, refreshToken, ...cookies]) expect(server.output).not.toContain(planted);
});

test('a client that hangs up in the middle of its request is no fault of the server', async () => {
  const server = await place.start();
  const socket = connect(place.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{');
  await pause(100);
  socket.resetAndDestroy();
  await pause(200);
  expect(server.output).not.toContain('error');
});

test('what is secret by its name is not written, should anyone hand it over', () => {
  let written = '';
  const logger = createLogger({ level: 'info', readable: false, write: (line) => (written += line) });
  logger.info({ password: 'planted', headers: { cookie: 'planted' }, user: { refreshToken: 'planted' }, fine: 'seen' }, 'said');
  expect(written).toContain('seen');
  expect(written).not.toContain('planted');
});

test('in development a line is short, and a fault tells where it was', () => {
  let written = '';
  const logger = createLogger({ level: 'info', readable: true, write: (line) => (written += line) });
  logger.info({ event: 'user.created', userId: 'usr_1' }, 'security event');
  logger.debug({}, 'not written');
  logger.error({ err: new Error('broken') }, 'request failed');
  expect(written).toMatch(/^\d\d:\d\d:\d\d info {2}security event event=user\.created userId=usr_1\n/);
  expect(written).toMatch(/error request failed\nError: broken\n\s+at /);
  expect(written).not.toContain('not written');
});
