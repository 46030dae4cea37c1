/** A Redis of the test's own on a free port of this machine, with the faults that it can have. Keeps nothing on disk. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.js';

const program = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0) ?? null;

/** For `describe.skipIf`; says so once. */
export const redisIsMissing: boolean = program === null;
if (redisIsMissing) console.warn('Skipped: there is no redis-server here (apt-get install redis-server).');

export class RedisServer {
  readonly port: number;
  readonly #args: readonly string[];
  #process: ChildProcess | null = null;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
  }

  /** Resolves when it answers. `args`: more of its configuration, as on its command line. */
  static async start(...args: readonly string[]): Promise<RedisServer> {
    const server = await RedisServer.absent(...args);
    await server.start();
    return server;
  }

  /** Only a port, on which nothing listens until `start`. */
  static async absent(...args: readonly string[]): Promise<RedisServer> {
    return new RedisServer(await freePort(), args);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Also after `kill`: empty, as one that keeps nothing is. */
  async start(): Promise<void> {
    const own = ['--bind', '127.0.0.1', '--port', String(this.port), '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
    this.#process = spawn(program ?? '', [...own, ...this.#args], { stdio: 'ignore' });
    while (!(await this.#accepts())) {
      if (this.#process.exitCode !== null) throw new Error('redis-server did not start');
      await pause(10);
    }
  }

  /** At once, as a machine that lost its power. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  /** It accepts connections, or the kernel does for it, and answers nothing. */
  hang(): void {
    this.#process?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#process?.kill('SIGCONT');
  }

  /** What one command answers, as text; on a connection of its own. */
  async ask(command: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.write(`${command}\r\nQUIT\r\n`);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks).toString('utf8');
  }

  async #accepts(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}
