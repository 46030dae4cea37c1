/**
 * A port that nobody listens on, for what must know its own address before it is started. Below those that systems give to connections by themselves
 * (from 32768), so that none takes it before the listener comes, or while one restarts.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(16_384, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').catch(() => null);
    if (isFree === null) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
