/** Writes the history of a run, line by line as it happens, and keeps apart what no log may hold. */
import { createHash } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Begin, Digest, Entry } from '../checker/entries.js';

export function digestOf(secret: string): Digest {
  return createHash('sha256').update(secret).digest('base64url').slice(0, 22);
}

/** The one clock of a run: milliseconds that never go back. */
export function now(): number {
  return performance.now();
}

export class History {
  readonly file: string;
  readonly secrets: Set<string> = new Set();
  readonly #stream: WriteStream;
  #lastId = 0;

  constructor(file: string, begin: Omit<Begin, 'kind' | 'at' | 'wallAtZero'>) {
    this.file = file;
    this.#stream = createWriteStream(file);
    this.append({ kind: 'begin', at: now(), wallAtZero: Date.now() - now(), ...begin });
  }

  append(entry: Entry): void {
    this.#stream.write(`${JSON.stringify(entry)}\n`);
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  get requests(): number {
    return this.#lastId;
  }

  /** Remembers it as a secret of the run. */
  digest(secret: string): Digest {
    this.secrets.add(secret);
    return digestOf(secret);
  }

  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }
}
