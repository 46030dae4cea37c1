/** A proxy as the examples configure it, as a process of its own: the example's file, but for addresses and what would hinder a test. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from '../docs/markdown.js';

interface Kind {
  readonly file: string;
  readonly version: readonly string[];
  readonly check: (file: string, folder: string) => readonly string[];
  readonly run: (file: string, folder: string) => readonly string[];
  /** What is not as in the example. */
  readonly forTest: (text: string) => string;
}

export type ProxyKind = 'haproxy' | 'nginx';

const kinds: Readonly<Record<ProxyKind, Kind>> = {
  haproxy: {
    file: 'examples/compose/haproxy.cfg',
    version: ['-v'],
    check: (file) => ['-c', '-f', file],
    run: (file) => ['-db', '-f', file],
    // Names that a container finds, a test does not have.
    forTest: (text) => text.replace(' resolvers containers', ''),
  },
  nginx: {
    file: 'examples/compose/nginx.conf',
    version: ['-v'],
    check: (file, folder) => ['-t', '-p', folder, '-c', file, '-e', 'stderr'],
    run: (file, folder) => ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'],
    forTest: (text) => text.replace('worker_processes auto', 'worker_processes 1'),
  },
};

/** Null where it is not installed; says so. */
export function findProxy(kind: ProxyKind): ProxyKind | null {
  if (spawnSync(kind, [...kinds[kind].version]).error === undefined) return kind;
  console.warn(`skipped: ${kind} is not installed (apt-get install -y --no-install-recommends ${kind})`);
  return null;
}

export class Proxy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'countersign-proxy-'));
  readonly #name: ProxyKind;
  readonly #kind: Kind;
  readonly #file: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  output = '';

  constructor(name: ProxyKind, { port, nodes }: { port: number; nodes: readonly [number, number] }) {
    this.#name = name;
    this.#kind = kinds[name];
    this.#port = port;
    this.#file = join(this.#folder, 'proxy.conf');
    const example = readFileSync(join(root, this.#kind.file), 'utf8');
    const text = this.#kind
      .forTest(example)
      .replace('node-1:4000', `127.0.0.1:${nodes[0]}`)
      .replace('node-2:4000', `127.0.0.1:${nodes[1]}`)
      .replace('bind :8080', `bind 127.0.0.1:${port}`)
      .replace('listen 8080', `listen 127.0.0.1:${port}`)
      .replace('/tmp/nginx.pid', join(this.#folder, 'nginx.pid'));
    writeFileSync(this.#file, text);
  }

  /** What the proxy itself says of the file; empty when it has nothing to say. */
  check(): string {
    const { status, stderr } = spawnSync(this.#name, [...this.#kind.check(this.#file, this.#folder)], { encoding: 'utf8' });
    const complaints = stderr.split('\n').filter((line) => /warn|alert|emerg|error/i.test(line));
    return status === 0 ? complaints.join('\n') : stderr;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const child = spawn(this.#name, [...this.#kind.run(this.#file, this.#folder)], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (child.exitCode !== null) break;
      if (await accepts(this.#port)) return;
      await pause(25);
    }
    throw new Error(`${this.#name} did not start:\n${this.output}`);
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
