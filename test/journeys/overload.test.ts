/** More passwords come than can be hashed: who comes too late is asked to come again, nobody else notices, and nothing of it remains. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { HttpAnswer } from '../support/http.js';
import { startApp, type TestApp, type TestUser } from '../support/start-app.js';

let app: TestApp;
let keepFull: boolean;
let crowd: Promise<void>[];
afterEach(async () => {
  keepFull = false;
  await Promise.all(crowd);
  await app.stop();
});

/** More than may wait and be hashed together; who is refused comes again at once. */
const size = 250;

async function start(): Promise<TestUser> {
  app = await startApp({ limits: { login: '20/15m', api: 'insecure-off' } });
  crowd = [];
  return app.createUser();
}

function fillTheQueue(): void {
  keepFull = true;
  const come = async (): Promise<void> => {
    while (keepFull) await app.internals.core.passwords.verify(null, 'x').catch(() => pause(1));
  };
  crowd = Array.from({ length: size }, come);
}

function logIn({ username, password }: TestUser): Promise<HttpAnswer> {
  const client = app.client();
  return client.post(`${client.path}/auth/login`, { username, password });
}

test('a login for which there is no room is answered with 503 and Retry-After, and sets no cookie', async () => {
  const user = await start();
  fillTheQueue();
  const answers = await Promise.all(Array.from({ length: 15 }, () => logIn(user)));
  const refused = answers.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(0);
  for (const answer of refused) expect([answer.code, answer.header('retry-after'), answer.setCookies]).toEqual(['overloaded', '2', []]);
  for (const { status } of answers) expect([200, 503]).toContain(status);
});

test('it is no failed attempt: as soon as there is room, the user gets in and has all his attempts', async () => {
  const user = await start();
  fillTheQueue();
  for (let time = 0; time < 30; time += 1) expect([200, 503]).toContain((await logIn(user)).status);
  keepFull = false;
  await Promise.all(crowd);
  const answer = await logIn(user);
  expect([answer.status, answer.header('ratelimit')]).toEqual([200, '"login";r=19;t=900']);
});

test('who is signed in is answered as ever', async () => {
  const user = await start();
  const client = app.client();
  await client.login(user);
  fillTheQueue();
  expect((await client.get(`${client.path}/auth/session`)).status).toBe(200);
  expect((await client.refresh()).status).toBe(200);
});
