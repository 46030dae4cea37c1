/** The bus of Redis by itself: hints arrive, outages are survived and told once, and nothing is kept, neither in Redis nor in a queue. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ConfigError } from 'countersign';
import { redis } from 'countersign/redis';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RedisServer, redisIsMissing } from '../support/redis-server.js';

type OpenBus = Awaited<ReturnType<ReturnType<typeof redis>['open']>>;

let server: RedisServer;
let open: OpenBus[];
let log: string[];

beforeEach(() => {
  open = [];
  log = [];
});

afterEach(async () => {
  server.goOn();
  await Promise.all(open.map((bus) => bus.close()));
  await server.kill();
});

const logger = {
  info: (facts: object, message: string) => void log.push(`info ${JSON.stringify(facts)} ${message}`),
  warn: (facts: object, message: string) => void log.push(`warn ${JSON.stringify(facts)} ${message}`),
  error: (facts: object, message: string) => void log.push(`error ${JSON.stringify(facts)} ${message}`),
};

interface Node {
  readonly bus: OpenBus;
  /** When each hint arrived. */
  readonly hints: number[];
}

async function enter(...[from, options]: Parameters<typeof redis>): Promise<Node> {
  const bus = await redis(from, options).open({ logger });
  open.push(bus);
  const hints: number[] = [];
  await bus.subscribe(() => hints.push(performance.now()));
  return { bus, hints };
}

/** Two that have heard each other come, and count from now. */
async function pair(...parameters: Parameters<typeof redis>): Promise<[Node, Node]> {
  const nodes: [Node, Node] = [await enter(...parameters), await enter(...parameters)];
  await pause(50);
  for (const { hints } of nodes) hints.length = 0;
  return nodes;
}

async function publishCalls(): Promise<number> {
  return Number(/cmdstat_publish:calls=(\d+)/.exec(await server.ask('INFO commandstats'))?.[1]);
}

describe.skipIf(redisIsMissing)('a bus of Redis that is well', () => {
  beforeEach(async () => {
    server = await RedisServer.start();
  });

  test('carries a hint to the others within milliseconds, and not back', async () => {
    const [one, other] = await pair(server.url);
    const taken: number[] = [];
    for (let round = 0; round < 100; round += 1) {
      const startedAt = performance.now();
      one.bus.publish();
      await expect.poll(() => other.hints.length, { interval: 1 }).toBe(round + 1);
      taken.push(other.hints.at(-1)! - startedAt);
    }
    expect(taken.toSorted((a, b) => a - b)[50]).toBeLessThan(20);
    expect(one.hints).toEqual([]);
  });

  test('makes few messages of a burst, and the last of them comes after the last call', async () => {
    const [one, other] = await pair(server.url);
    const before = await publishCalls();
    for (let index = 0; index < 1000; index += 1) one.bus.publish();
    const lastAt = performance.now();
    await pause(100);
    expect((await publishCalls()) - before).toBe(2);
    expect(other.hints.at(-1)).toBeGreaterThan(lastAt);
  });

  test('keeps nothing in Redis', async () => {
    const [one] = await pair(server.url);
    one.bus.publish();
    await pause(50);
    expect(await server.ask('DBSIZE')).toBe(':0\r\n+OK\r\n');
  });

  test('serves two installations that have a prefix each', async () => {
    const [one, other] = await pair(server.url, { prefix: 'blue' });
    const [stranger] = await pair(server.url, { prefix: 'green' });
    one.bus.publish();
    await expect.poll(() => other.hints.length).toBe(1);
    expect(stranger.hints).toEqual([]);
  });

  test('is made with the options of a client, and leaves that client as it is', async () => {
    const client = new Redis(server.url, { keyPrefix: 'app:', lazyConnect: true });
    const [one, other] = await pair(client);
    one.bus.publish();
    await expect.poll(() => other.hints.length).toBe(1);
    expect(client.status).toBe('wait');
    const [byUrl] = await pair(server.url);
    one.bus.publish();
    await expect.poll(() => byUrl.hints.length).toBe(1);
  });

  test('says nothing in the log', async () => {
    await pair(server.url);
    expect(log).toEqual([]);
  });

  test('needs no other permission than to publish, to subscribe and to be asked whether it lives', async () => {
    await server.ask('ACL SETUSER auth on >hunter2 resetchannels &countersign:* +publish +subscribe +ping');
    const [one, other] = await pair(server.url.replace('://', '://auth:hunter2@'));
    one.bus.publish();
    await expect.poll(() => other.hints.length).toBe(1);
    await pause(3500);
    expect(log).toEqual([]);
  });
});

/** A certificate for this machine, and its key. */
async function makeCertificate(folder: string): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-keyout',
    key,
    '-out',
    cert,
    ...subject,
  ]);
  return { cert, key };
}

test.skipIf(redisIsMissing)('TLS is spoken where the URL says rediss, and a certificate of strangers is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-tls-'));
  const { cert, key } = await makeCertificate(folder);
  const tlsPort = String((await RedisServer.absent()).port);
  server = await RedisServer.start('--tls-port', tlsPort, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no');
  const url = `rediss://localhost:${tlsPort}`;
  const [one, other] = await pair(new Redis(url, { tls: { ca: await readFile(cert) }, lazyConnect: true }));
  one.bus.publish();
  await expect.poll(() => other.hints.length).toBe(1);
  expect(log).toEqual([]);
  await enter(url);
  expect(log).toEqual([expect.stringContaining('{"reason":"DEPTH_ZERO_SELF_SIGNED_CERT"}')]);
  await rm(folder, { recursive: true });
});

describe.skipIf(redisIsMissing)('an outage of Redis', () => {
  beforeEach(async () => {
    server = await RedisServer.absent();
  });

  test('stops no start, is told once, and ends by itself with a hint, for some may have been lost', async () => {
    const { bus, hints } = await enter(server.url);
    await pause(1000);
    bus.publish();
    expect(log).toEqual(['warn {"reason":"ECONNREFUSED"} Redis cannot be reached; revocations travel at the pace of the store']);
    expect(hints).toEqual([]);
    await server.start();
    await expect.poll(() => hints.length, { timeout: 5000 }).toBe(1);
    // Said when both connections are there; each tries again at times of its own.
    await expect.poll(() => log.slice(1), { timeout: 10_000 }).toEqual(['info {} Redis is reached again']);
  });

  test('by a kill and a restart is survived, again and again', async () => {
    await server.start();
    const [one, other] = await pair(server.url);
    for (let round = 1; round <= 3; round += 1) {
      await server.kill();
      await expect.poll(() => log.length, { timeout: 10_000 }).toBe(4 * round - 2);
      one.bus.publish();
      await server.start();
      await expect.poll(() => log.length, { timeout: 10_000 }).toBe(4 * round);
    }
    await pause(100);
    other.hints.length = 0;
    one.bus.publish();
    await expect.poll(() => other.hints.length).toBe(1);
  });

  test('in which it hangs is found, piles nothing up, and is followed by a hint', async () => {
    await server.start();
    const [one, other] = await pair(server.url);
    server.hang();
    const startedAt = performance.now();
    for (let index = 0; index < 100_000; index += 1) one.bus.publish();
    expect(performance.now() - startedAt).toBeLessThan(500);
    await expect.poll(() => log.length, { timeout: 10_000 }).toBe(2);
    expect(new Set(log)).toEqual(
      new Set(['warn {"reason":"no answer"} Redis cannot be reached; revocations travel at the pace of the store']),
    );
    other.hints.length = 0;
    server.goOn();
    await expect.poll(() => other.hints.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await expect.poll(() => log.length, { timeout: 10_000 }).toBe(4);
    expect(await publishCalls()).toBeLessThan(20);
  }, 40_000);

  test('of one connection that is half open is found', async () => {
    await server.start();
    const line = await Line.to(server.port);
    const cut = await enter(`redis://127.0.0.1:${line.port}`);
    const other = await enter(server.url);
    line.swallow();
    await expect.poll(() => log, { timeout: 10_000 }).toEqual([expect.stringContaining('no answer')]);
    line.carry();
    await expect.poll(() => log.length, { timeout: 10_000 }).toBe(2);
    cut.hints.length = 0;
    other.bus.publish();
    await expect.poll(() => cut.hints.length).toBe(1);
    await line.close();
  }, 40_000);

  test.each([
    ['a wrong password', 'auth:hunter2', 'WRONGPASS'],
    ['no password', '', 'NOAUTH'],
    ['a user who may not publish', 'mute:sesame', 'NOPERM'],
  ])('by %s is told by one word, without what is in the URL', async (_, credentials, reason) => {
    await server.start();
    await server.ask('ACL SETUSER mute on >sesame allchannels +subscribe +ping');
    await server.ask('ACL SETUSER auth on >correct allchannels +@all');
    await server.ask('ACL SETUSER default off');
    await enter(server.url.replace('://', `://${credentials}@`));
    await pause(1000);
    expect(log).toEqual([`warn {"reason":"${reason}"} Redis cannot be reached; revocations travel at the pace of the store`]);
  });
});

describe('what is no Redis', () => {
  test.each(['', 'localhost:6379', 'http://user:hunter2@cache', 'redis://'])('is refused when it is written: %s', (url) => {
    expect(() => redis(url)).toThrow(ConfigError);
    expect(() => redis(url)).toThrow(/^bus: must be a URL such as "redis:\/\/localhost:6379"/);
    expect(() => redis(url)).not.toThrow(/hunter2/);
  });

  test('is refused when it is no client, or one of a whole cluster', () => {
    expect(() => redis({} as unknown as Redis)).toThrow('bus: must be a URL or a Redis of ioredis.');
    expect(() => redis({ isCluster: true, duplicate: () => null } as unknown as Redis)).toThrow('one node of the cluster');
  });

  test('is refused on opening when ioredis cannot make anything of it', async () => {
    await expect(redis('redis://user:100%@cache').open({ logger })).rejects.toThrow('bus: cannot be used');
  });
});

describe.skipIf(redisIsMissing)('a process', () => {
  const entry = fileURLToPath(new URL('../../dist/stores/redis/index.js', import.meta.url));
  const program = (then: string): string => `
    const { redis } = await import(${JSON.stringify(entry)});
    const logger = { info() {}, warn() {}, error() {} };
    const bus = await redis(process.env.URL).open({ logger });
    await bus.subscribe(() => {});
    bus.publish();
    ${then}`;

  /** Milliseconds until it ended by itself. */
  async function run(code: string, url: string, flags: readonly string[] = []): Promise<{ taken: number; errors: string }> {
    const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', code], {
      env: { URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const errors: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
    const ended = once(child, 'exit');
    const [closing] = (await once(child.stdout, 'data')) as [Buffer];
    expect(closing.toString()).toBe('closing\n');
    const startedAt = performance.now();
    await ended;
    return { taken: performance.now() - startedAt, errors: errors.join('') };
  }

  const close = "console.log('closing'); await bus.close(); await bus.close();";

  test.each(['well', 'down', 'hung', 'hung before it was there'])(
    'ends by itself once the bus is closed, while Redis is %s',
    async (state) => {
      server = await RedisServer.absent();
      if (state !== 'down') await server.start();
      if (state === 'hung before it was there') server.hang();
      const running = run(program(state === 'hung' ? `await new Promise((go) => setTimeout(go, 1500)); ${close}` : close), server.url);
      if (state === 'hung') {
        await pause(1000);
        server.hang();
      }
      const { taken, errors } = await running;
      expect(errors).toBe('');
      expect(taken).toBeLessThan(1000);
    },
    20_000,
  );

  test('is told what to install where ioredis is missing', async () => {
    server = await RedisServer.absent();
    const asModule = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
    const hide = asModule(`export function resolve(name, context, next) {
      if (name === "ioredis") throw Object.assign(new Error(), { code: "ERR_MODULE_NOT_FOUND" });
      return next(name, context);
    }`);
    const flags = [`--import=${asModule(`import { register } from "node:module"; register("${hide}");`)}`];
    const { errors } = await run(`console.log('closing'); ${program('')}`, server.url, flags);
    expect(errors).toContain('bus: needs the package ioredis, which is not installed: run `npm i ioredis`.');
  });
});

/** A line to a server that can stop carrying anything, in which case neither end learns of it. */
class Line {
  readonly port: number;
  readonly #sockets: Socket[] = [];
  readonly #server: ReturnType<typeof createServer>;
  #isCarrying = true;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async to(port: number): Promise<Line> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const line = new Line(server);
    server.on('connection', (near) => {
      const far = connect(port, '127.0.0.1');
      line.#carry(near, far);
      line.#carry(far, near);
    });
    return line;
  }

  swallow(): void {
    this.#isCarrying = false;
  }

  /** What was swallowed stays so. */
  carry(): void {
    this.#isCarrying = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.push(from);
    from.on('data', (bytes) => {
      if (this.#isCarrying) to.write(bytes);
    });
    from.on('close', () => {
      if (this.#isCarrying) to.destroy();
    });
    from.on('error', () => undefined);
  }
}
