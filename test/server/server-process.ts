/** The stand-alone server as a process of its own, started as its users start it, in a folder and on a port of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { freePort } from '../support/free-port.js';

const program = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));

/** Nothing of the tests' own environment may decide what is tested; and tests ask more in a moment than people do in an hour. */
const environment = {
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  COUNTERSIGN_LOGIN_LIMIT: '999999/15m',
  COUNTERSIGN_API_LIMIT: '999999/1m',
};

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** A working directory with the data of one server, gone when it is closed. */
export class ServerHome {
  readonly folder: string;
  readonly port: number;
  readonly #servers: ServerProcess[] = [];

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async open(): Promise<ServerHome> {
    return new ServerHome(await mkdtemp(join(tmpdir(), 'countersign-server-')), await freePort());
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** Resolves when it answers. */
  async start(settings: NodeJS.Dict<string> = {}): Promise<ServerProcess> {
    const server = this.launch(settings);
    await server.untilReady();
    return server;
  }

  /** Does not wait for anything. */
  launch(settings: NodeJS.Dict<string> = {}): ServerProcess {
    const server = new ServerProcess(this, ['serve'], settings);
    this.#servers.push(server);
    return server;
  }

  /** As `npm start` does: with a shell around it, which a signal ends. Resolves when the server answers. */
  async startUnderShell(
    settings: NodeJS.Dict<string> = {},
  ): Promise<{ readonly shell: ChildProcess; readonly answers: () => Promise<boolean> }> {
    const env = {
      ...process.env,
      ...settings,
      PORT: String(this.port),
      COUNTERSIGN_DATA: this.folder,
      npm_lifecycle_event: 'start',
      npm_package_name: 'countersign',
    };
    const shell = spawn('sh', ['-c', 'node bin/countersign.js serve; true'], { env, stdio: 'ignore' });
    const answers = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${this.port}/health/live`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(answers, { timeout: 10_000 }).toBe(true);
    return { shell, answers };
  }

  /** Starts what must not start; its exit code and all that it printed. */
  async fail(settings: NodeJS.Dict<string>): Promise<Ended> {
    return this.launch(settings).ended();
  }

  /** Another command of the command line, to its end. */
  async run(args: readonly string[], options: { readonly settings?: NodeJS.Dict<string>; readonly input?: string } = {}): Promise<Ended> {
    const child = new ServerProcess(this, args, options.settings ?? {});
    child.process.stdin?.end(options.input ?? '');
    return child.ended();
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class ServerProcess {
  readonly process: ChildProcess;
  readonly port: number;
  readonly #chunks: Buffer[] = [];

  constructor({ folder, port }: ServerHome, args: readonly string[], settings: NodeJS.Dict<string>) {
    this.port = settings['PORT'] === undefined ? port : Number(settings['PORT']);
    const env = { ...environment, PORT: String(port), ...settings };
    this.process = spawn(process.execPath, [program, ...args], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout!, this.process.stderr!]) stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
  }

  /** All that it printed so far. */
  get output(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  async untilReady(): Promise<void> {
    for (let attempt = 0; attempt < 400; attempt += 1) {
      if (this.hasEnded) throw new Error(`The server did not start:\n${this.output}`);
      const answer = await fetch(`http://127.0.0.1:${this.port}/health/ready`).catch(() => null);
      if (answer?.status === 200) return;
      await pause(25);
    }
    throw new Error(`The server does not answer:\n${this.output}`);
  }

  async untilPrinted(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (this.hasEnded) throw new Error(`The server ended before it printed "${text}":\n${this.output}`);
      await pause(10);
    }
  }

  /** Everything printed has arrived when this resolves. */
  async ended(): Promise<Ended> {
    if (!this.hasEnded) await once(this.process, 'close');
    return { code: this.process.exitCode, output: this.output };
  }

  /** The ids of its workers. */
  async workers(): Promise<number[]> {
    const printed = await ps('--ppid', String(this.process.pid), '-o', 'pid=');
    return printed.split(/\s+/).filter(Boolean).map(Number);
  }

  /** As an init system does; the exit code. */
  async stop(): Promise<number | null> {
    this.process.kill('SIGTERM');
    return (await this.ended()).code;
  }

  async kill(): Promise<void> {
    if (this.hasEnded) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'close');
  }
}

async function ps(...args: readonly string[]): Promise<string> {
  const asked = spawn('ps', args);
  const chunks: Buffer[] = [];
  asked.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(asked, 'close');
  return Buffer.concat(chunks).toString().trim();
}

/** One that has ended and was not reaped yet is dead. */
export async function anyAlive(pids: readonly number[]): Promise<boolean> {
  return /^[^Z]/m.test(await ps('-p', pids.join(','), '-o', 'stat='));
}

const body = '{"username":"ada","password":"correct horse battery staple"}';
const head = `POST /api/auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

/** A registration of which half the body is sent. */
export class HalfSent {
  readonly socket: Socket;
  received = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.received += chunk.toString('latin1')));
    this.socket.on('error', () => undefined);
    this.socket.write(head + body.slice(0, 20));
  }

  finish(): void {
    this.socket.write(body.slice(20));
  }
}

/** The status of each answer in bytes that came back. */
export function statusesIn(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

/** The problem document in bytes that came back. */
export function problemIn(received: string): { readonly status: number; readonly code: string } {
  return JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4)) as ReturnType<typeof problemIn>;
}
