/** Two processes' worth of applications on one database, with Redis between them: what Redis adds, and that nothing else depends on it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { masterSecret, newSecret } from 'countersign';
import { redis } from 'countersign/redis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { RedisServer, redisIsMissing } from '../support/redis-server.js';
import { startApp, type TestApp } from '../support/start-app.js';

let folder: string;
let server: RedisServer;
let apps: TestApp[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  server = await RedisServer.absent();
  apps = [];
});

afterEach(async () => {
  server.goOn();
  await Promise.all(apps.map((app) => app.stop()));
  await server.kill();
  await rm(folder, { recursive: true });
});

async function startNodes(): Promise<[TestApp, TestApp]> {
  const secret = masterSecret(newSecret());
  const start = async (): Promise<TestApp> => {
    const app = await startApp({ file: join(folder, 'auth.db'), secret, bus: redis(server.url) });
    apps.push(app);
    return app;
  };
  return [await start(), await start()];
}

const isKnown = async (node: TestApp, { currentAccessToken }: Client): Promise<boolean> => {
  const { outcome } = await node.client().presentAccessToken(currentAccessToken);
  expect(['200', '401 session_revoked']).toContain(outcome);
  return outcome !== '200';
};

/** Logs out on the one; milliseconds of the logout itself, and until the other refuses. */
async function logoutOn(one: TestApp, other: TestApp): Promise<{ readonly answer: number; readonly refusal: number }> {
  const client = await one.signedIn();
  expect(await isKnown(other, client)).toBe(false);
  const token = client.copy();
  const startedAt = performance.now();
  expect((await client.logout()).status).toBe(200);
  const answeredAt = performance.now();
  while (!(await isKnown(other, token))) await pause(1);
  return { answer: answeredAt - startedAt, refusal: performance.now() - answeredAt };
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe.skipIf(redisIsMissing)('a logout on one node', () => {
  test('is known on the other long before that reads the store by itself', async () => {
    await server.start();
    const [one, other] = await startNodes();
    const refusals: number[] = [];
    for (let round = 0; round < 40; round += 1) refusals.push((await logoutOn(one, other)).refusal);
    expect(middle(refusals)).toBeLessThan(100);
    expect(Math.max(...refusals)).toBeLessThan(2000);
  });

  test.each(['absent', 'slow', 'killed', 'hung', 'restarted empty'])(
    'is answered as fast, and known within the second, with Redis %s',
    async (state) => {
      if (state !== 'absent') await server.start();
      const [one, other] = await startNodes();
      if (state === 'hung') server.hang();
      if (state === 'slow') await server.ask('CLIENT PAUSE 2500');
      if (state === 'killed' || state === 'restarted empty') await server.kill();
      if (state === 'restarted empty') await server.start();
      for (let round = 0; round < 3; round += 1) {
        const { answer, refusal } = await logoutOn(one, other);
        expect(answer).toBeLessThan(500);
        expect(refusal).toBeLessThan(2000);
      }
    },
  );

  test('stays known, whatever becomes of Redis', async () => {
    await server.start();
    const [one, other] = await startNodes();
    const client = await one.signedIn();
    const token = client.copy();
    await client.logout();
    await expect.poll(() => isKnown(other, token)).toBe(true);
    const always = async (): Promise<void> => {
      for (let round = 0; round < 5; round += 1) {
        expect([await isKnown(one, token), await isKnown(other, token)]).toEqual([true, true]);
        await pause(20);
      }
    };
    await server.kill();
    await always();
    await server.start();
    await always();
    server.hang();
    await always();
    server.goOn();
    await server.ask('FLUSHALL');
    await always();
  });
});
