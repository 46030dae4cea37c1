/** Counters of attempts and requests: the acts of `CounterStore` as statements. */
import type { Counted, CounterStore, Counting } from '../../model/limits.js';
import type { Database } from './database.js';
import { prepared, timed, type Statement, type Wording } from './statements.js';

interface CounterRow {
  readonly key: string;
  readonly count: number;
  readonly added: boolean;
  readonly resets_in: number;
}

export function counterStore(database: Database, wording: Wording): CounterStore {
  const add = addStatement(wording);
  const make = prepared(`
    INSERT INTO ${wording.counters} (key, count, added, resets_at) SELECT key, 0, true, 0 FROM unnest($1::text[]) AS asked (key) ORDER BY key
    ON CONFLICT (key) DO NOTHING`);
  const addTo = async (countings: readonly Counting[]): Promise<CounterRow[]> =>
    database.write<CounterRow>(
      add,
      countings.map(({ key }) => key),
      countings.map(({ amount }) => amount),
      countings.map(({ windowSeconds }) => windowSeconds * 1000),
      countings.map(({ most = null }) => most),
    );
  return {
    add: async (countings) => {
      const counted = new Map((await addTo(countings)).map((row) => [row.key, row]));
      // The first of their kind; and purging may remove what was just made.
      for (let missing = countings; counted.size < countings.length;) {
        missing = missing.filter(({ key }) => !counted.has(key));
        await database.write(
          make,
          missing.map(({ key }) => key),
        );
        for (const row of await addTo(missing)) counted.set(row.key, row);
      }
      return countings.map(({ key }) => countedFromRow(counted.get(key) as CounterRow));
    },
  };
}

function countedFromRow({ added, count, resets_in: resetsInMilliseconds }: CounterRow): Counted {
  return { added, count, resetsInMilliseconds };
}

/**
 * Of those that there are. Locked in the order of their keys, so that no two batches wait for each other. A counter is over when its time has
 * passed, or when it was begun by a clock that was ahead by more than the whole window.
 */
function addStatement(wording: Wording): Statement {
  return timed(
    wording,
    `asked AS (SELECT * FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS asked (key, amount, period, most))`,
    `locked AS MATERIALIZED (SELECT key FROM ${wording.counters} WHERE key = ANY($2::text[]) ORDER BY key FOR UPDATE)`,
    `UPDATE ${wording.counters} AS counter SET (count, added, resets_at) = (
      SELECT CASE WHEN fits.added THEN greatest(0, begun.count + asked.amount) ELSE begun.count END, fits.added, begun.resets_at
      FROM (SELECT counter.resets_at <= terms.now OR counter.resets_at > terms.now + asked.period AS over) AS window_of,
        LATERAL (SELECT CASE WHEN over THEN 0 ELSE counter.count END AS count,
          CASE WHEN over THEN terms.now + asked.period ELSE counter.resets_at END AS resets_at) AS begun,
        LATERAL (SELECT asked.amount <= 0 OR asked.most IS NULL OR begun.count + asked.amount <= asked.most AS added) AS fits)
    FROM terms, asked JOIN locked USING (key) WHERE counter.key = asked.key
    RETURNING counter.key, counter.count, counter.added, counter.resets_at - terms.now AS resets_in`,
  );
}
