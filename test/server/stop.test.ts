/** How the stand-alone server ends: what runs is finished, and what goes wrong has a sentence. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HalfSent, statusesIn, ServerHome } from './server-process.js';

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

describe('a server that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s finishes the request that runs, accepts no other, and ends with 0', async (signal) => {
    const server = await place.start();
    const running = new HalfSent(place.port);
    await pause(100);
    server.process.kill(signal);
    await server.untilPrinted('stopping');
    await pause(100);
    await expect(fetch(`http://127.0.0.1:${place.port}/health/live`)).rejects.toThrow();
    expect(server.hasEnded).toBe(false);

    running.finish();
    await once(running.socket, 'close');
    expect(statusesIn(running.received)).toEqual([201]);
    expect(running.received.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect((await server.ended()).code).toBe(0);
  });

  test('ends at once when nothing runs, whatever connections are open', async () => {
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

test('a server of `npm start` ends with the shell that npm put around it, and gives the port back', async () => {
  const env = {
    ...process.env,
    PORT: String(place.port),
    COUNTERSIGN_DATA: place.folder,
    npm_lifecycle_event: 'start',
    npm_package_name: 'countersign',
  };
  const shell = spawn('sh', ['-c', 'node bin/countersign.js serve; true'], { env, stdio: 'ignore' });
  const live = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${place.port}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(live, { timeout: 10_000 }).toBe(true);
  shell.kill('SIGTERM');
  await expect.poll(live, { timeout: 5_000 }).toBe(false);
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
