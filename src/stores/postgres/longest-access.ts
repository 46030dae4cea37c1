/** The longest access-token life that is configured or has not run out: kept in the database, so that all processes go by it. */
import { isSameLife, settledLife, type KeptLife } from '../kept-life.js';
import type { Run } from './connections.js';
import { prepared, type Statement, type Terms, type Wording } from './statements.js';

export class LongestAccess {
  readonly #configuredSeconds: number;
  readonly #find: Statement;
  readonly #lock: Statement;
  readonly #insert: Statement;
  readonly #update: Statement;
  #text: string | null = null;
  #kept: KeptLife | null = null;

  constructor({ meta }: Wording, configuredSeconds: number) {
    this.#configuredSeconds = configuredSeconds;
    this.#find = prepared(`SELECT value FROM ${meta} WHERE key = 'longest_access'`);
    this.#lock = prepared(`${this.#find.text} FOR UPDATE`);
    this.#insert = prepared(`INSERT INTO ${meta} (key, value) VALUES ('longest_access', $1) ON CONFLICT (key) DO NOTHING`);
    this.#update = prepared(`UPDATE ${meta} SET value = $1 WHERE key = 'longest_access'`);
  }

  /** As of what a statement last found. */
  get seconds(): number {
    return Math.max(this.#configuredSeconds, this.#kept?.seconds ?? 0);
  }

  /** What a statement has found; whether it keeps this process's life in force and none that has run out. */
  observe({ life, now }: Terms): boolean {
    this.#observeText(life);
    return isSameLife(this.#kept, settledLife(this.#kept, this.#configuredSeconds, now));
  }

  /** Reads what is kept. */
  async refresh(run: Run): Promise<void> {
    const [row] = await run<{ value: string }>(this.#find);
    this.#observeText(row?.value ?? null);
  }

  /** Must run inside a transaction. Writes, and locks, only when it changes something. */
  async settle(run: Run, now: number): Promise<void> {
    await this.refresh(run);
    if (this.observe({ life: this.#text, now })) return;
    await run(this.#insert, [JSON.stringify(settledLife(null, this.#configuredSeconds, now))]);
    const [locked] = await run<{ value: string }>(this.#lock);
    this.#observeText(locked?.value ?? null);
    const text = JSON.stringify(settledLife(this.#kept, this.#configuredSeconds, now));
    await run(this.#update, [text]);
    this.#observeText(text);
  }

  #observeText(text: string | null): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#kept = text === null ? null : (JSON.parse(text) as KeptLife);
  }
}
