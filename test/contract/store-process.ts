/** Starts processes that each have a store of their own on one database, and talks to them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { rotateInput, startAt } from './store-under-test.js';

type Answer = { readonly value?: unknown; readonly error?: string };

interface ProcessOptions {
  /** Size in kibibytes beyond which the process cannot write any file. */
  readonly fileLimit?: number;
}

const script = fileURLToPath(new URL('store-process.mjs', import.meta.url));

export class StoreProcess {
  readonly child: ChildProcess;
  readonly #answers: Map<number, (answer: Answer) => void> = new Map();
  readonly #ready: Promise<void>;
  #serial = 0;

  constructor(place: string, { fileLimit }: ProcessOptions = {}) {
    const command = [process.execPath, script, place, String(startAt)];
    const limited = ['bash', '-c', `ulimit -f ${fileLimit ?? 'unlimited'} && exec "$0" "$@"`, ...command];
    this.child = spawn(limited[0]!, limited.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#ready = new Promise((resolve, reject) => {
      this.child.once('exit', () => reject(new Error('The process ended before it was ready.')));
      createInterface({ input: this.child.stdout! }).on('line', (line) => {
        const { ready, refused, id, ...answer } = JSON.parse(line) as Answer & { ready?: true; refused?: string; id: number };
        if (ready) resolve();
        else if (refused !== undefined) reject(new Error(refused));
        else this.#answers.get(id)?.(answer);
      });
    });
  }

  /** Resolves when its store is open. */
  async ready(): Promise<this> {
    await this.#ready;
    return this;
  }

  /** Never settles when the process dies first. */
  ask(port: string, method: string, ...parameters: unknown[]): Promise<Answer> {
    const id = (this.#serial += 1);
    const plain = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? [...value] : value);
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.child.stdin!.write(`${JSON.stringify({ id, port, method, parameters }, plain)}\n`);
    });
  }

  /** Rotates until the process answers with an error, which it gives, or dies. `answered` holds the generations that were acknowledged. */
  async rotateForever(id: string, answered: Map<string, number>): Promise<string> {
    for (let from = answered.get(id) ?? 0; ; from += 1) {
      const { error } = await this.ask('sessions', 'rotate', rotateInput(id, from));
      if (error !== undefined) return error;
      answered.set(id, from + 1);
    }
  }

  /** Lets it end by itself; its exit code. */
  async end(): Promise<number | null> {
    this.child.stdin!.end();
    return this.exit();
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit();
  }

  async exit(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }
}
