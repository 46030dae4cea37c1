/** Two nodes behind HAProxy and behind nginx, as the examples configure them: any node serves any request, and nodes are restarted one by one. */
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ServerHome, type ServerProcess } from '../server/server-process.js';
import { freePort } from '../support/free-port.js';
import { Experience, HonestClient } from '../support/honest-client.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { findProxy, Proxy, type ProxyKind } from './proxy.js';

const secret = newSecret();

/** HAProxy's nodes are on PostgreSQL where there is one; nginx's share a file. */
const hasDatabase = hasPostgres();

let database: PostgresServer | null = null;
let store: NodeJS.Dict<string>;
let home: ServerHome;
let port: number;
let nodePorts: [number, number];
let nodes: ServerProcess[];
let proxy: Proxy;
/** Only of use to a proxy that asks whether a node is ready. */
let stopDelay: string;

async function startNode(index: 0 | 1, settings: NodeJS.Dict<string> = {}): Promise<void> {
  const node = await home.start({
    ...store,
    PORT: String(nodePorts[index]),
    COUNTERSIGN_PUBLIC_URL: `http://localhost:${port}`,
    COUNTERSIGN_SECRET: secret,
    COUNTERSIGN_ACCESS_TTL: '3s',
    COUNTERSIGN_LOG_LEVEL: 'debug',
    COUNTERSIGN_TRUSTED_PROXIES: '1',
    // All clients have one address.
    COUNTERSIGN_LOGIN_LIMIT: 'insecure-off',
    COUNTERSIGN_API_LIMIT: 'insecure-off',
    COUNTERSIGN_STOP_DELAY: stopDelay,
    ...settings,
  });
  nodes.splice(index, 1, node);
}

/** How many requests a node has answered, of one path. */
function answeredBy(node: ServerProcess, path: string): number {
  return node.output.split('\n').filter((line) => line.includes(`path=${path} `)).length;
}

beforeAll(async () => {
  if (hasDatabase) database = await PostgresServer.start();
});

afterAll(() => database?.remove());

describe.each(['haproxy', 'nginx'] as const)('two nodes behind %s', (kind: ProxyKind) => {
  const isMissing = findProxy(kind) === null;

  test.skipIf(isMissing)('it finds nothing wrong with its file', async () => {
    const checked = new Proxy(kind, { port: 8080, nodes: [4001, 4002] });
    expect(checked.check()).toBe('');
    await checked.close();
  });

  describe.skipIf(isMissing)('as the example configures it', () => {
    beforeEach(async () => {
      home = await ServerHome.open();
      port = await freePort();
      nodePorts = [await freePort(), await freePort()];
      nodes = [];
      store = kind === 'haproxy' && database !== null ? { COUNTERSIGN_STORE: await database.createDatabase() } : {};
      stopDelay = kind === 'haproxy' ? '3s' : '';
      for (const index of [0, 1] as const) await startNode(index);
      proxy = new Proxy(kind, { port, nodes: nodePorts });
    });

    afterEach(async () => {
      await proxy.close();
      await home.close();
    });

    test('whoever logged in on one node is known to the other, and when he has logged out, to neither', async () => {
      await proxy.start();
      const experience = new Experience();
      const client = new HonestClient('ada', { port: () => port, experience });
      await client.register();
      await client.login();
      for (let round = 0; round < 4; round += 1) {
        await client.read();
        client.close();
      }
      const answered = nodes.map((node) => answeredBy(node, '/api/users/me'));
      expect(Math.min(...answered)).toBeGreaterThan(0);

      const { accessToken } = client;
      await client.logout();
      const headers = { authorization: `Bearer ${accessToken}` };
      await expect
        .poll(async () => {
          const replies = [];
          for (let round = 0; round < 4; round += 1) replies.push(await client.send({ method: 'GET', path: '/api/users/me' }, headers));
          return replies.map(({ code }) => code);
        })
        .toEqual(Array(4).fill('session_revoked'));
      client.close();
      expect(experience).toMatchObject({ repeated: [], falseLogouts: [], surprises: [] });
    });

    test('attempts are counted by where they come from, on both nodes together, whatever a client says of that', async () => {
      for (const index of [0, 1] as const) {
        await nodes[index]?.kill();
        await startNode(index, { COUNTERSIGN_LOGIN_LIMIT: '3/15m' });
      }
      await proxy.start();
      const guess = (from: string, headers: Record<string, string> = {}): Promise<number | undefined> => {
        const body = JSON.stringify({ identifier: 'ada', password: 'a guess' });
        return new Promise((resolve, reject) => {
          const options = { host: '127.0.0.1', port, localAddress: from, method: 'POST', path: '/api/auth/login', agent: false };
          const sent = request({ ...options, headers: { 'content-type': 'application/json', ...headers } }, (answer) => {
            answer.resume().once('end', () => resolve(answer.statusCode));
          });
          sent.once('error', reject).end(body);
        });
      };
      for (let count = 0; count < 3; count += 1) expect(await guess('127.0.0.2')).toBe(401);
      expect(await guess('127.0.0.2')).toBe(429);
      expect(await guess('127.0.0.2', { 'x-forwarded-for': '127.0.0.9' })).toBe(429);
      expect(await guess('127.0.0.3')).toBe(401);
    });

    test('while nodes are restarted one after the other, no request fails', { timeout: 120_000 }, async () => {
      await proxy.start();
      const experience = new Experience();
      let isOver = false;
      const clients = Array.from({ length: 16 }, (_, index) => new HonestClient(`user${index}`, { port: () => port, experience }));
      const live = async (client: HonestClient): Promise<void> => {
        await client.register();
        await client.login();
        for (let round = 1; !isOver; round += 1) {
          await client.read();
          if (round % 20 === 0) await client.refresh();
          if (round % 97 === 0) {
            await client.logout();
            await client.login();
          }
          await pause(round % 5);
        }
      };
      const living = Promise.all(clients.map(live));
      await pause(1000);
      for (const index of [0, 1, 0] as const) {
        expect(await nodes[index]?.stop()).toBe(0);
        await startNode(index);
        // Until the proxy has noticed.
        await pause(1500);
      }
      isOver = true;
      await living;
      for (const client of clients) client.close();
      expect(experience).toMatchObject({ repeated: [], falseLogouts: [], surprises: [] });
      expect(experience.answered).toBeGreaterThan(1000);
    });
  });
});
