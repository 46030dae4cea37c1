/** A Redis for one measurement, on a port of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './postgres-server.js';
import { Skipped } from './skipped.js';

/** Calls `use` with its URL and gives its result. @throws {Skipped} there is no Redis on this machine. */
export async function withRedis(use) {
  if (spawnSync('redis-server', ['--version']).status !== 0)
    throw new Skipped('no Redis on this machine (apt-get install -y redis-server)');
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  try {
    while (!(await answers(port))) await pause(20);
    return await use(`redis://127.0.0.1:${String(port)}`);
  } finally {
    child.kill();
    await ended;
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
