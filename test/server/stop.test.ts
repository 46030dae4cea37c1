/** How the stand-alone server ends: what runs is finished, and what goes wrong has a sentence. */
import { spawn, spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HalfSent, statusesIn, ServerHome } from './server-process.js';

const hasScript = String(spawnSync('script', ['--version']).stdout).includes('util-linux');

const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** One connection, and all that came back on it. */
class Talk {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  received = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.closed = once(this.socket, 'close');
    this.socket.on('data', (chunk) => (this.received += chunk.toString('latin1')));
  }

  write(bytes: string): void {
    this.socket.write(bytes);
  }

  async untilAnswered(count: number): Promise<void> {
    while (statusesIn(this.received).length < count) await once(this.socket, 'data');
  }
}

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

describe('a server that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s finishes the request that runs, accepts no connection, and ends with 0',
    async (signal) => {
      const server = await place.start();
      const running = new HalfSent(place.port);
      await pause(100);
      server.process.kill(signal);
      await server.untilPrinted('stopping');
      await pause(100);
      await expect(once(connect(place.port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
      expect(server.hasEnded).toBe(false);

      running.finish();
      await once(running.socket, 'close');
      expect(statusesIn(running.received)).toEqual([201]);
      expect(running.received.toLowerCase()).toContain('\r\nconnection: close\r\n');
      expect((await server.ended()).code).toBe(0);
    },
  );

  test('answers what comes on connections that were open, and says that it was the last', async () => {
    const server = await place.start();
    const fresh = new Talk(place.port);
    const used = new Talk(place.port);
    const begun = new Talk(place.port);
    used.write(request);
    await used.untilAnswered(1);
    begun.write(request.slice(0, 20));
    await pause(100);
    server.process.kill('SIGTERM');
    await server.untilPrinted('stopping');
    await pause(600);
    for (const talk of [fresh, used]) talk.write(request);
    await pause(900);
    begun.write(request.slice(20));
    await Promise.all([fresh, used, begun].map((talk) => talk.closed));
    expect([fresh, used, begun].map(({ received }) => statusesIn(received))).toEqual([[200], [200, 200], [200]]);
    for (const { received } of [fresh, used, begun]) expect(received.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect((await server.ended()).code).toBe(0);
  });

  test('tells load balancers first, and accepts for as long as they need, where that is set', async () => {
    const server = await place.start({ COUNTERSIGN_STOP_DELAY: '2s' });
    server.process.kill('SIGTERM');
    await server.untilPrinted('stopping');
    const startedAt = performance.now();
    await pause(1000);
    const ready = await fetch(`http://127.0.0.1:${place.port}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'unavailable', reasons: ['stopping'] }]);
    const live = await fetch(`http://127.0.0.1:${place.port}/health/live`);
    expect([live.status, live.headers.get('connection')]).toEqual([200, 'close']);
    expect((await server.ended()).code).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThan(1900);
  });

  test('ends soon when nothing runs, whatever connections are open', async () => {
    const server = await place.start();
    const silent = connect(place.port, '127.0.0.1');
    const idle = connect(place.port, '127.0.0.1');
    idle.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');
    const startedAt = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    silent.destroy();
    idle.destroy();
  });

  test('ends at once at the second signal', async () => {
    const server = await place.start();
    const running = new HalfSent(place.port);
    await pause(100);
    server.process.kill('SIGINT');
    await server.untilPrinted('stopping');
    await pause(400);
    server.process.kill('SIGINT');
    expect((await server.ended()).code).toBe(130);
    running.socket.destroy();
  });

  test('takes what a shell and npm both pass on for one signal', async () => {
    const server = await place.start();
    const running = new HalfSent(place.port);
    await pause(100);
    server.process.kill('SIGINT');
    await pause(20);
    server.process.kill('SIGINT');
    await pause(100);
    running.finish();
    expect((await server.ended()).code).toBe(0);
    expect(statusesIn(running.received)).toEqual([201]);
  });
});

test('SIGHUP stops no server of one process: what cannot be restarted in turn goes on, and the log says so', async () => {
  const server = await place.start();
  server.process.kill('SIGHUP');
  await server.untilPrinted('SIGHUP is without effect on one process');
  await pause(100);
  expect(server.hasEnded).toBe(false);
  expect((await fetch(`http://127.0.0.1:${place.port}/health/ready`)).status).toBe(200);
  expect(await server.stop()).toBe(0);
});

test.skipIf(!hasScript).each([1, 2])('a terminal that is closed stops the server in it in order: %i process(es)', async (workers) => {
  const env = { ...process.env, PORT: String(place.port), COUNTERSIGN_WORKERS: String(workers), COUNTERSIGN_DATA: place.folder };
  const terminal = spawn('script', ['-qec', `exec '${process.execPath}' bin/countersign.js serve`, '/dev/null'], { env });
  let shown = '';
  terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
  await expect.poll(() => shown, { timeout: 10_000 }).toContain(workers === 1 ? 'is ready at' : 'listening');
  const running = new HalfSent(place.port);
  await pause(100);
  terminal.kill('SIGKILL');
  // Longer than a server takes that ends for a fault.
  await pause(3000);
  expect(running.socket.closed).toBe(false);
  running.finish();
  await once(running.socket, 'close');
  expect(statusesIn(running.received)).toEqual([201]);
  const isGone = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${place.port}/health/live`).then(
      () => false,
      () => true,
    );
  await expect.poll(isGone, { timeout: 5000 }).toBe(true);
});

test('a server of `npm start` ends with the shell that npm put around it, and gives the port back', async () => {
  const { shell, answers } = await place.startUnderShell();
  shell.kill('SIGTERM');
  await expect.poll(answers, { timeout: 5_000 }).toBe(false);
});

describe('a fault that nobody caught', () => {
  const faults = { thrown: 'throw new Error("planted fault")', rejected: 'void Promise.reject(new Error("planted fault"))' };
  test.each(Object.entries(faults))('when it is %s, is logged, and the process ends with 1', async (_, fault) => {
    const plant = encodeURIComponent(`process.on("SIGUSR2", () => { ${fault} })`);
    const server = await place.start({ NODE_OPTIONS: `--import=data:text/javascript,${plant}` });
    server.process.kill('SIGUSR2');
    const { code, output } = await server.ended();
    expect(code).toBe(1);
    expect(output).toContain('a fault that nobody caught; the process ends');
    expect(output).toContain('planted fault');
    expect(output).toContain('stopped');
  });
});
