/** The longest access-token life that is configured or has not run out: kept in the database, so that all of its processes go by it. */
import type { SqliteDatabase, SqliteStatement } from './driver.js';

/** `until`: when the last token of that life has run out, if shorter ones are configured by now. */
interface KeptLife {
  readonly seconds: number;
  readonly until: number | null;
}

export class LongestAccess {
  readonly #configuredSeconds: number;
  readonly #select: SqliteStatement;
  readonly #upsert: SqliteStatement;
  #kept: KeptLife | null = null;

  constructor(database: SqliteDatabase, configuredSeconds: number) {
    this.#configuredSeconds = configuredSeconds;
    this.#select = database.prepare("SELECT value FROM meta WHERE key = 'longest_access'");
    this.#upsert = database.prepare(`
      INSERT INTO meta (key, value) VALUES ('longest_access', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value`);
  }

  /** As of the last `refresh` or `settle`. */
  get seconds(): number {
    return Math.max(this.#configuredSeconds, this.#kept?.seconds ?? 0);
  }

  /** Reads what another process may have configured since. */
  refresh(): void {
    const row = this.#select.get() as { value: string } | undefined;
    this.#kept = row === undefined ? null : (JSON.parse(row.value) as KeptLife);
  }

  /**
   * Keeps this process's life in force while it writes, and so issues, and lets a longer one that nobody has any more run out. Must run inside
   * a transaction that has the write lock. Writes only when it changes something.
   */
  settle(now: number): void {
    this.refresh();
    const settled = settledLife(this.#kept, this.#configuredSeconds, now);
    if (settled.seconds === this.#kept?.seconds && settled.until === this.#kept.until) return;
    this.#upsert.run({ value: JSON.stringify(settled) });
    this.#kept = settled;
  }
}

function settledLife(kept: KeptLife | null, configuredSeconds: number, now: number): KeptLife {
  const hasRunOut = typeof kept?.until === 'number' && kept.until <= now;
  if (kept === null || hasRunOut || configuredSeconds >= kept.seconds) return { seconds: configuredSeconds, until: null };
  return { seconds: kept.seconds, until: kept.until ?? now + kept.seconds * 1000 };
}
