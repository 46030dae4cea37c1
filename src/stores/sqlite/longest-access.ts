/** The longest access-token life that is configured or has not run out: kept in the database, so that all of its processes go by it. */
import { isSameLife, settledLife, type KeptLife } from '../kept-life.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import { DatabaseMovedError, parseMark } from './moved-mark.js';

export class LongestAccess {
  readonly #configuredSeconds: number;
  readonly #select: SqliteStatement;
  readonly #upsert: SqliteStatement;
  #kept: KeptLife | null = null;

  constructor(database: SqliteDatabase, configuredSeconds: number) {
    this.#configuredSeconds = configuredSeconds;
    // One statement for both, since it runs before each batch.
    this.#select = database.prepare(`
      SELECT (SELECT value FROM meta WHERE key = 'longest_access') AS life, (SELECT value FROM meta WHERE key = 'moved') AS moved`);
    this.#upsert = database.prepare(`
      INSERT INTO meta (key, value) VALUES ('longest_access', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value`);
  }

  /** As of the last `refresh` or `settle`. */
  get seconds(): number {
    return Math.max(this.#configuredSeconds, this.#kept?.seconds ?? 0);
  }

  /** Reads what another process may have configured since. @throws {DatabaseMovedError} */
  refresh(): void {
    const { life, moved } = this.#select.get() as { life: string | null; moved: string | null };
    if (moved !== null) throw new DatabaseMovedError(parseMark(moved));
    this.#kept = life === null ? null : (JSON.parse(life) as KeptLife);
  }

  /**
   * Keeps this process's life in force while it writes, and so issues, and lets a longer one that nobody has any more run out. Must run inside
   * a transaction that has the write lock. Writes only when it changes something. @throws {DatabaseMovedError}
   */
  settle(now: number): void {
    this.refresh();
    const settled = settledLife(this.#kept, this.#configuredSeconds, now);
    if (isSameLife(this.#kept, settled)) return;
    this.#upsert.run({ value: JSON.stringify(settled) });
    this.#kept = settled;
  }
}
