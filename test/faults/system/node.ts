/** One node: a process of the stand-alone server that is killed, stopped and started again under the same name. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ServerHome, type ServerProcess } from '../../server/server-process.js';
import type { Backend, Balancer } from '../driver/balancer.js';

const shiftedClock = new URL('./shifted-clock.mjs', import.meta.url).href;

export class Node {
  readonly name: string;
  readonly home: ServerHome;
  readonly #settings: NodeJS.Dict<string>;
  readonly #backend: Backend;
  readonly #processes: ServerProcess[] = [];

  private constructor(name: string, home: ServerHome, settings: NodeJS.Dict<string>) {
    this.name = name;
    this.home = home;
    this.#settings = { ...settings, NODE_OPTIONS: `--import ${shiftedClock}`, FAULTS_CLOCK: this.#clockFile };
    this.#backend = { name, port: home.port, inRotation: true };
  }

  /** Not started yet. */
  static async open(name: string, settings: NodeJS.Dict<string>, balancer: Balancer): Promise<Node> {
    const node = new Node(name, await ServerHome.open(), settings);
    balancer.backends.push(node.#backend);
    return node;
  }

  /** Resolves when it is ready. */
  async start(settings: NodeJS.Dict<string> = {}): Promise<void> {
    const server = this.home.launch({ ...this.#settings, ...settings });
    this.#processes.push(server);
    await server.untilReady();
  }

  /** Its wall clock; of its next processes as well. */
  async setClock(offsetMilliseconds: number): Promise<void> {
    await writeFile(this.#clockFile, String(offsetMilliseconds));
    await pause(100);
  }

  get #clockFile(): string {
    return join(this.home.folder, 'clock');
  }

  get pid(): number {
    return this.#running.process.pid!;
  }

  async kill(): Promise<void> {
    await this.#running.kill();
  }

  /** In order, as behind a load balancer that is told first. */
  async restart(): Promise<void> {
    Object.assign(this.#backend, { inRotation: false });
    const code = await this.#running.stop();
    if (code !== 0) throw new Error(`The node ${this.name} ended with ${code}:\n${this.log.slice(-2000)}`);
    await this.start();
    Object.assign(this.#backend, { inRotation: true });
  }

  async stop(): Promise<void> {
    if (!this.#running.hasEnded) await this.#running.stop();
  }

  /** Everything that its processes printed. */
  get log(): string {
    return this.#processes.map(({ output }) => output).join('');
  }

  get #running(): ServerProcess {
    const server = this.#processes.at(-1);
    if (server === undefined) throw new Error(`The node ${this.name} was never started.`);
    return server;
  }

  close(): Promise<void> {
    return this.home.close();
  }
}
