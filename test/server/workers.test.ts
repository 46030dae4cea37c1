/** Several processes that serve one port: how they start, what they know of each other, and how little is lost when one of them goes. */
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Line, type Signed } from './line.js';
import { anyAlive, HalfSent, ServerHome, statusesIn, type ServerProcess } from './server-process.js';

let place: ServerHome;
let lines: Line[];

beforeEach(async () => {
  place = await ServerHome.open();
  lines = [];
});

afterEach(async () => {
  for (const line of lines) line.close();
  await place.close();
});

const two = { COUNTERSIGN_WORKERS: '2' };

/** Resolves when both serve. */
async function startTwo(settings: NodeJS.Dict<string> = {}): Promise<ServerProcess> {
  const server = await place.start({ ...two, COUNTERSIGN_LOG_LEVEL: 'debug', ...settings });
  await server.untilPrinted('listening');
  return server;
}

async function lineTo(server: ServerProcess, worker: number): Promise<Line> {
  const line = await Line.toWorker(server, worker);
  lines.push(line);
  return line;
}

async function newUser(username: string): Promise<Signed> {
  const line = new Line(place.port);
  lines.push(line);
  await line.register(username);
  return line.login(username);
}

function times(output: string, text: string): number {
  return output.split(text).length - 1;
}

/** Code for each process of the server; `worker` is the number of the worker it runs in, 0 in the first process. */
function planted(code: string): NodeJS.Dict<string> {
  const whole = `const worker = Number(process.env.CLUSTER_WORKER_NUMBER ?? 0); ${code}`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(whole)}` };
}

describe('a start of two workers', () => {
  test('makes one secret and one database, and welcomes once', async () => {
    const server = await startTwo();
    expect([times(server.output, 'is ready at'), times(server.output, 'listening')]).toEqual([1, 1]);
    expect(await readdir(place.data)).toEqual(expect.arrayContaining(['countersign.db', 'secret']));
    const [one, other] = [await lineTo(server, 1), await lineTo(server, 2)];
    await one.register('ada');
    const signed = await one.login('ada');
    expect((await other.profile(signed)).json).toMatchObject({ user: { username: 'ada' } });
  });

  test('says once what is without effect', async () => {
    const server = await startTwo({ COUNTERSIGN_MAIL_FROM: 'auth@example.com' });
    expect(times(server.output, 'has no effect without COUNTERSIGN_SMTP_URL')).toBe(1);
  });

  test.each([
    ['a setting', { COUNTERSIGN_ALG: 'none' }, /^There is 1 problem:\n {2}COUNTERSIGN_ALG {2}must be one of: [^\n]*\n$/],
    [
      'the database',
      { COUNTERSIGN_STORE: 'sqlite:notes.txt' },
      /^There is 1 problem:\n {2}COUNTERSIGN_STORE {2}[^\n]* is not an SQLite database\.\n$/,
    ],
  ])('with %s wrong ends with 1 and one sentence', async (_, settings, sentence) => {
    await writeFile(join(place.folder, 'notes.txt'), 'notes\n');
    const { code, output } = await place.fail({ ...two, ...settings });
    expect(output).toMatch(sentence);
    expect(code).toBe(1);
  });

  test('on a port that is in use ends with 1 and one sentence', async () => {
    const other = createServer().listen(place.port, '127.0.0.1');
    await once(other, 'listening');
    const { code, output } = await place.fail(two);
    expect(output).toMatch(/^There is 1 problem:\n {2}PORT {2}\d+ is in use on 127\.0\.0\.1: [^\n]*\n$/);
    expect(code).toBe(1);
    other.close();
  });

  test('that dies before it serves ends with 1 and one sentence', async () => {
    const { code, output } = await place.fail({ ...two, ...planted('if (worker > 0) process.exit(7)') });
    expect([code, output]).toEqual([1, 'A worker ended before it served (exit code 7).\n']);
  });
});

test('a logout that one worker answers is known to the other in milliseconds, not only when that reads the store by itself', async () => {
  const server = await startTwo();
  const [one, other] = [await lineTo(server, 1), await lineTo(server, 2)];
  await one.register('ada');
  const taken: number[] = [];
  for (let round = 0; round < 60; round += 1) {
    const signed = await one.login('ada');
    expect((await other.profile(signed)).status).toBe(200);
    // Spread over the second in which the store is read.
    await pause((round * 37) % 200);
    expect((await one.call('POST', '/api/auth/logout', { json: { refreshToken: signed.refreshToken } })).status).toBe(200);
    const answeredAt = performance.now();
    let last = await other.profile(signed);
    while (last.status === 200) last = await other.profile(signed);
    taken.push(performance.now() - answeredAt);
    expect(last.code).toBe('session_revoked');
  }
  const sorted = taken.toSorted((a, b) => a - b);
  const [p50, p99] = [sorted[Math.floor(sorted.length / 2)]!, sorted[Math.ceil(sorted.length * 0.99) - 1]!];
  console.info(`known to the other worker after: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${taken.length} logouts`);
  expect(p50).toBeLessThan(100);
  expect(p99).toBeLessThan(1000);
}, 60_000);

/** Honest clients that keep their connections and never stop asking. */
class Load {
  readonly failures: string[] = [];
  answers = 0;
  readonly #clients: Promise<void>[];
  #isOn = true;

  constructor(port: number, sessions: readonly Signed[], pauses: readonly number[]) {
    this.#clients = sessions.map((signed, index) => this.#ask(new Line(port), signed, pauses[index % pauses.length]!));
  }

  async end(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#clients);
  }

  async #ask(line: Line, first: Signed, milliseconds: number): Promise<void> {
    let signed = first;
    for (let turn = 0; this.#isOn; turn += 1) {
      try {
        const isRefresh = turn % 10 === 9;
        const { status, code, json } = await (isRefresh ? line.refresh(signed) : line.profile(signed));
        if (status !== 200) this.failures.push(`${status} ${code}`);
        else if (isRefresh) signed = json as Signed;
        this.answers += 1;
      } catch (error) {
        this.failures.push(String(error));
      }
      await pause(milliseconds);
    }
    line.close();
  }
}

async function load(clients: number, pauses: readonly number[]): Promise<Load> {
  const sessions: Signed[] = [];
  for (let index = 0; index < clients; index += 1) sessions.push(await newUser(`person${index}`));
  return new Load(place.port, sessions, pauses);
}

/** Makes a worker forked while the file is there a second and a half late to say that it serves. */
const slowOnes = planted(`
  import fs from "node:fs";
  const send = process.send?.bind(process);
  if (worker > 0 && fs.existsSync("slow"))
    process.send = (message, ...rest) => (message.says === "ready" ? setTimeout(send, 1500, message, ...rest) : send(message, ...rest));
`);

describe('a rolling restart', () => {
  test('fails no request of clients that keep their connections, twice over', async () => {
    const server = await startTwo({ COUNTERSIGN_LOG_LEVEL: 'info' });
    const clients = await load(12, [0, 0, 5, 50, 300, 700]);
    await pause(500);
    const before = await server.workers();
    for (let round = 1; round <= 2; round += 1) {
      server.process.kill('SIGHUP');
      await expect.poll(() => times(server.output, 'all workers were restarted'), { timeout: 20_000 }).toBe(round);
    }
    await pause(500);
    await clients.end();
    const after = await server.workers();
    expect(after).toHaveLength(2);
    expect(after.some((pid) => before.includes(pid))).toBe(false);
    console.info(`${clients.answers} answers during two rolling restarts, ${clients.failures.length} failures`);
    expect(clients.failures).toEqual([]);
    expect(await server.stop()).toBe(0);
  }, 60_000);

  test('stays ready, and goes on to the next only when the new one serves', async () => {
    const server = await startTwo();
    const line = await lineTo(server, 1);
    server.process.kill('SIGHUP');
    await server.untilPrinted('restarting the workers');
    while (!server.output.includes('all workers were restarted')) {
      expect((await line.call('GET', '/health/ready')).status).toBe(200);
      expect((await server.workers()).length).toBeGreaterThanOrEqual(2);
    }
  });

  test('passes over no worker that was just taking the place of another: it has read the settings before', async () => {
    const server = await startTwo(slowOnes);
    const before = await server.workers();
    await writeFile(join(place.folder, 'slow'), '');
    process.kill(before[0]!, 'SIGKILL');
    const isForked = async (): Promise<boolean> => (await server.workers()).filter((pid) => !before.includes(pid)).length === 1;
    await expect.poll(isForked).toBe(true);
    await pause(1000);
    const old = await server.workers();
    server.process.kill('SIGHUP');
    await server.untilPrinted('all workers were restarted');
    const after = await server.workers();
    expect(after).toHaveLength(2);
    expect(after.filter((pid) => old.includes(pid))).toEqual([]);
  });

  test('that is asked for while the workers start follows when they have', async () => {
    await writeFile(join(place.folder, 'slow'), '');
    const server = await place.start({ ...two, COUNTERSIGN_LOG_LEVEL: 'debug', ...slowOnes });
    const first = await server.workers();
    server.process.kill('SIGHUP');
    await server.untilPrinted('all workers were restarted');
    expect(server.output.indexOf('listening')).toBeLessThan(server.output.indexOf('restarting the workers'));
    expect((await server.workers()).filter((pid) => first.includes(pid))).toEqual([]);
  });

  test('is not begun with settings that are wrong now, nor for those that need a start', async () => {
    await writeFile(join(place.folder, '.env'), 'COUNTERSIGN_COOKIE_PREFIX=one\n');
    const server = await startTwo();
    const before = await server.workers();
    await writeFile(join(place.folder, '.env'), 'COUNTERSIGN_COOKIE_PREFIX=hunter 2\n');
    server.process.kill('SIGHUP');
    await server.untilPrinted('not restarted: the settings are wrong now');
    expect(server.output).toContain('COUNTERSIGN_COOKIE_PREFIX');
    expect(server.output).not.toContain('hunter');
    await writeFile(join(place.folder, '.env'), 'HOST=::1\n');
    server.process.kill('SIGHUP');
    await server.untilPrinted('not restarted: PORT, HOST and COUNTERSIGN_WORKERS can be changed by a stop and a start only');
    expect(await server.workers()).toEqual(before);
  });

  test('is given up when a new worker cannot be started, and those that run go on', async () => {
    const server = await startTwo(planted('import fs from "node:fs"; if (worker > 0 && fs.existsSync("broken")) process.exit(7)'));
    const before = await server.workers();
    await writeFile(join(place.folder, 'broken'), '');
    server.process.kill('SIGHUP');
    await server.untilPrinted('the restart is given up: a new worker could not be started');
    expect(await server.workers()).toEqual(before);
    expect((await (await lineTo(server, 2)).call('GET', '/health/ready')).status).toBe(200);
  });
});

describe('a worker that is killed', () => {
  test('takes with it only requests that were under way on it, and is replaced', async () => {
    const server = await startTwo({ COUNTERSIGN_LOG_LEVEL: 'info' });
    const clients = await load(12, [0, 5, 20]);
    await pause(300);
    for (let round = 1; round <= 3; round += 1) {
      const [victim] = await server.workers();
      const { failures, answers } = clients;
      const [failed, answered] = [failures.length, answers];
      process.kill(victim!, 'SIGKILL');
      await expect.poll(() => times(server.output, 'a worker serves again'), { timeout: 10_000 }).toBe(round);
      await pause(300);
      // No client has more than one request under way.
      expect(clients.failures.length - failed).toBeLessThanOrEqual(12);
      expect(clients.failures.slice(failed).filter((failure) => !/ECONNRESET|socket hang up/.test(failure))).toEqual([]);
      expect(clients.answers - answered).toBeGreaterThan(100);
    }
    await clients.end();
    console.info(`${clients.answers} answers while three workers were killed, ${clients.failures.length} requests lost`);
    expect(server.output).toContain('a worker ended; another takes its place');
  }, 60_000);

  test('again and again is replaced after pauses that grow, while the other serves', async () => {
    const server = await startTwo(planted('if (worker === 2) setTimeout(() => process.kill(process.pid, "SIGKILL"), 3000)'));
    const line = await lineTo(server, 1);
    const until = performance.now() + 15_000;
    while (performance.now() < until) {
      expect((await line.call('GET', '/health/ready')).status).toBe(200);
      await pause(50);
    }
    const ends = times(server.output, 'a worker ended; another takes its place');
    expect(ends).toBeGreaterThanOrEqual(2);
    expect(ends).toBeLessThanOrEqual(5);
  }, 40_000);

  test('and cannot be replaced, with the other one, ends the server with 1', async () => {
    const server = await startTwo(planted('import fs from "node:fs"; if (worker > 0 && fs.existsSync("broken")) process.exit(7)'));
    await writeFile(join(place.folder, 'broken'), '');
    for (const pid of await server.workers()) process.kill(pid, 'SIGKILL');
    const { code, output } = await server.ended();
    expect(code).toBe(1);
    expect(output).toContain('no worker serves and none can be started; the process ends');
  });
});

describe('two workers that are told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s finish what runs on each, accept no connection, and end with 0', async (signal) => {
    const server = await startTwo();
    const running = [new HalfSent(place.port), new HalfSent(place.port), new HalfSent(place.port)];
    await pause(100);
    server.process.kill(signal);
    await server.untilPrinted('stopping');
    await pause(200);
    expect(server.hasEnded).toBe(false);
    for (const half of running) half.finish();
    await Promise.all(running.map(({ socket }) => once(socket, 'close')));
    expect(running.map(({ received }) => statusesIn(received)[0]).toSorted()).toEqual([201, 409, 409]);
    const { code, output } = await server.ended();
    expect(code).toBe(0);
    expect(times(output, 'stopping: running requests are finished first')).toBe(1);
  });

  test('all at once, as systemd does, accept for as long as load balancers need', async () => {
    const server = await startTwo({ COUNTERSIGN_STOP_DELAY: '3s' });
    const startedAt = performance.now();
    for (const pid of await server.workers()) process.kill(pid, 'SIGTERM');
    await pause(100);
    server.process.kill('SIGTERM');
    await server.untilPrinted('stopping');
    await pause(1500);
    const ready = await fetch(`http://127.0.0.1:${place.port}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'unavailable', reasons: ['stopping'] }]);
    const { code, output } = await server.ended();
    expect(code).toBe(0);
    expect(output).not.toContain('another takes its place');
    expect(performance.now() - startedAt).toBeGreaterThan(2900);
  });

  test('of which one alone is told, are two again, and the server was ready all the while', async () => {
    const server = await startTwo({ COUNTERSIGN_STOP_DELAY: '3s' });
    const [first, second] = await server.workers();
    const running = [new HalfSent(place.port), new HalfSent(place.port)];
    await pause(100);
    process.kill(first!, 'SIGTERM');
    await pause(1000);
    for (const half of running) half.finish();
    while (!server.output.includes('a worker serves again')) {
      expect((await fetch(`http://127.0.0.1:${place.port}/health/ready`)).status).toBe(200);
      await pause(50);
    }
    for (const { socket } of running) if (!socket.closed) socket.end();
    expect(running.map(({ received }) => statusesIn(received)[0]).toSorted()).toEqual([201, 409]);
    const workers = await server.workers();
    expect([workers.length, workers.includes(first!), workers.includes(second!)]).toEqual([2, false, true]);
  });

  test('while the second one starts, finish what runs on the first, and end with 0', async () => {
    await writeFile(join(place.folder, 'slow'), '');
    const server = await place.start({ ...two, ...slowOnes });
    const running = new HalfSent(place.port);
    await pause(100);
    expect(server.output).not.toContain('listening');
    server.process.kill('SIGTERM');
    await server.untilPrinted('stopping');
    await pause(300);
    running.finish();
    await once(running.socket, 'close');
    expect(statusesIn(running.received)).toEqual([201]);
    const { code, output } = await server.ended();
    expect(code, output).toBe(0);
    expect(output).not.toContain('could not be started');
  });

  test('twice, the second time end at once', async () => {
    const server = await startTwo();
    const running = new HalfSent(place.port);
    const workers = await server.workers();
    await pause(100);
    server.process.kill('SIGINT');
    await server.untilPrinted('stopping');
    await pause(400);
    server.process.kill('SIGINT');
    expect((await server.ended()).code).toBe(130);
    await expect.poll(() => anyAlive(workers)).toBe(false);
    running.socket.destroy();
  });

  test('by the end of their first process finish what runs, and end as well', async () => {
    const server = await startTwo();
    const workers = await server.workers();
    const running = new HalfSent(place.port);
    await pause(100);
    server.process.kill('SIGKILL');
    await pause(300);
    running.finish();
    await once(running.socket, 'close');
    expect(statusesIn(running.received)).toEqual([201]);
    await expect.poll(() => anyAlive(workers), { timeout: 5000 }).toBe(false);
  });

  test('by the end of the shell that `npm start` puts around them give the port back', async () => {
    const { shell, answers } = await place.startUnderShell(two);
    shell.kill('SIGTERM');
    await expect.poll(answers, { timeout: 8_000 }).toBe(false);
  });
});

describe('signing keys that are rotated while two workers serve', () => {
  test('refuse no token', async () => {
    await startTwo({ COUNTERSIGN_LOG_LEVEL: 'info' });
    const clients = await load(6, [0, 10]);
    for (let round = 0; round < 3; round += 1) {
      expect((await place.run(['keys', 'rotate'])).code).toBe(0);
      await pause(300);
    }
    await clients.end();
    expect(clients.failures).toEqual([]);
  });

  test('as compromised send everybody to refresh, and nobody to the login page', async () => {
    await startTwo({ COUNTERSIGN_LOG_LEVEL: 'info' });
    const sessions = [await newUser('ada'), await newUser('bob')];
    expect((await place.run(['keys', 'rotate', '--compromised'])).code).toBe(0);
    await pause(1500);
    for (const [index, signed] of sessions.entries()) {
      const line = new Line(place.port);
      lines.push(line);
      expect((await line.profile(signed)).code, `person ${index}`).toBe('token_expired');
      const renewed = (await line.refresh(signed)).json as Signed;
      for (let worker = 0; worker < 4; worker += 1) {
        const next = new Line(place.port);
        lines.push(next);
        expect((await next.profile(renewed)).status).toBe(200);
      }
    }
  });
});
