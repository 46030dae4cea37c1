/** Counters of attempts and requests: the acts of `CounterStore`, as they run on the database thread. */
import type { Counted, Counting } from '../../model/limits.js';
import type { ActsOf } from './acts.js';
import type { SqliteDatabase } from './driver.js';

interface CounterRow {
  readonly count: number;
  readonly resets_at: number;
}

/** Run out, or begun by a clock that was ahead by more than the whole window. */
const isOver = '(resets_at <= :now OR resets_at > :now + :window)';

export function counterActs(database: SqliteDatabase): ActsOf<'counters'> {
  const find = database.prepare(`SELECT count, resets_at FROM counters WHERE key = :key AND NOT ${isOver}`);
  const write = database.prepare(`
    INSERT INTO counters (key, count, resets_at) VALUES (:key, :count, :resetsAt)
    ON CONFLICT (key) DO UPDATE SET count = excluded.count, resets_at = excluded.resets_at`);
  return {
    'counters.add': ({ now }, countings) =>
      countings.map(({ key, amount, windowSeconds, most = Infinity }: Counting): Counted => {
        const window = windowSeconds * 1000;
        const { count, resets_at: resetsAt } = (find.get({ key, now, window }) as CounterRow | undefined) ?? {
          count: 0,
          resets_at: now + window,
        };
        const added = amount <= 0 || count + amount <= most;
        const after = added ? Math.max(0, count + amount) : count;
        if (after !== count) write.run({ key, count: after, resetsAt });
        return { added, count: after, resetsInMilliseconds: resetsAt - now };
      }),
  };
}
