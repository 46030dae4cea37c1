/** How long the stand-alone server waits for clients: slow ones are cut off, idle ones are not. All at once, since each takes its time. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { HalfSent, problemIn, statusesIn, ServerHome } from './server-process.js';

const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';

async function withServer(work: (place: ServerHome) => Promise<void>): Promise<void> {
  const place = await ServerHome.open();
  try {
    await place.start();
    await work(place);
  } finally {
    await place.close();
  }
}

describe.concurrent('a client or a server that takes its time', () => {
  test('a client that sends its headers a byte at a time is cut off with 408 after ten seconds', ({ expect }) =>
    withServer(async ({ port }) => {
      const socket = connect(port, '127.0.0.1');
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
      const drip = setInterval(() => socket.write('A'), 500);
      const startedAt = performance.now();
      await once(socket, 'close');
      clearInterval(drip);
      expect(problemIn(received)).toMatchObject({ status: 408 });
      expect(performance.now() - startedAt).toBeGreaterThan(9000);
      expect(performance.now() - startedAt).toBeLessThan(13_000);
    }));

  test('a client that keeps its connection for longer than headers may take can use it again', ({ expect }) =>
    withServer(async ({ port }) => {
      const socket = connect(port, '127.0.0.1');
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString('latin1')));
      socket.write(request);
      await pause(12_000);
      socket.write(request);
      await pause(300);
      expect(statusesIn(received)).toEqual([200, 200]);
      socket.destroy();
    }));

  test('a server that is told to stop waits ten seconds for a client that never finishes, and then ends with 0', async ({ expect }) => {
    const place = await ServerHome.open();
    const server = await place.start();
    const running = new HalfSent(place.port);
    await pause(100);
    const startedAt = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThan(9000);
    expect(performance.now() - startedAt).toBeLessThan(13_000);
    running.socket.destroy();
    await place.close();
  });
});
