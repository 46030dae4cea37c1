/** Two servers with two workers each on one database, Redis between the servers: all four processes learn at once what one of them revokes. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Line } from '../server/line.js';
import { ServerHome, type ServerProcess } from '../server/server-process.js';
import { RedisServer, redisIsMissing } from '../support/redis-server.js';

let place: ServerHome;
let redis: RedisServer;
let lines: Line[];

beforeEach(async () => {
  lines = [];
  place = await ServerHome.open();
  redis = await RedisServer.absent();
});

afterEach(async () => {
  for (const line of lines) line.close();
  await place.close();
  await redis.kill();
});

async function startServer(port: number): Promise<ServerProcess> {
  const server = await place.start({
    PORT: String(port),
    COUNTERSIGN_PUBLIC_URL: 'http://localhost:4000',
    COUNTERSIGN_WORKERS: '2',
    COUNTERSIGN_REDIS: redis.url,
    COUNTERSIGN_LOG_LEVEL: 'debug',
  });
  await server.untilPrinted('listening');
  for (const worker of [1, 2]) lines.push(await Line.toWorker(server, worker));
  return server;
}

test.skipIf(redisIsMissing)(
  'a logout is known to every worker of both servers in milliseconds, and within the second when Redis is gone',
  async () => {
    await redis.start();
    const servers = [await startServer(place.port), await startServer((await RedisServer.absent()).port)];
    const [first, ...others] = lines;
    await first!.register('ada');

    const logout = async (): Promise<number[]> => {
      const signed = await first!.login('ada');
      for (const line of others) expect((await line.profile(signed)).status).toBe(200);
      await first!.call('POST', '/api/auth/logout', { json: { refreshToken: signed.refreshToken } });
      const answeredAt = performance.now();
      const untilKnown = async (line: Line): Promise<number> => {
        while ((await line.profile(signed)).status === 200) await pause(1);
        return performance.now() - answeredAt;
      };
      return Promise.all(others.map(untilKnown));
    };

    const taken: number[][] = [];
    for (let round = 0; round < 15; round += 1) taken.push(await logout());
    const middles = [0, 1, 2].map((line) => taken.map((times) => times[line]!).toSorted((a, b) => a - b)[7]!);
    console.info(`known after, in the middle: ${middles.map((time) => `${time.toFixed(1)} ms`).join(', ')}`);
    for (const middle of middles) expect(middle).toBeLessThan(100);

    await redis.kill();
    for (const time of await logout()) expect(time).toBeLessThan(2000);
    for (const server of servers) {
      expect(server.output).toContain('Redis cannot be reached');
      expect(await server.stop()).toBe(0);
    }
  },
  60_000,
);
