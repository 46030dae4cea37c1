/** The long form: round after round, each on another place, with all that can happen to it in an order of chance, until the time is over. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'vitest';
import { hasPostgres } from '../support/postgres-server.js';
import { redisIsMissing } from '../support/redis-server.js';
import { SeededRandom } from '../support/seeded-random.js';
import { storm } from './driver/balancer.js';
import { drill, type Drill } from './system/drills.js';
import { onPostgres, onSqlite, withRedis, type Place } from './system/places.js';
import { SoakSummary } from './system/soak-summary.js';
import { Trial } from './system/trial.js';

const { SOAK_MINUTES = '30', SOAK_FOLDER = 'soak', SOAK_SEED = '1', SOAK_ON = 'sqlite,postgres,redis' } = process.env;

const nodes = ['a', 'b'];
const places: Readonly<Record<string, () => Promise<Place>>> = {
  sqlite: onSqlite,
  postgres: () => onPostgres(nodes),
  redis: async () => withRedis(await onPostgres(nodes), nodes),
};

const random = new SeededRandom(Number(SOAK_SEED));
const racesOfRound = 2_000;
const longestRound = 240_000;
const startedAt = performance.now();
const left = (): number => Number(SOAK_MINUTES) * 60_000 - (performance.now() - startedAt);
const tell = (text: string): void => console.log(`${(Math.max(0, left()) / 60_000).toFixed(1).padStart(6)} min left  ${text}`);

/** As long as there is time: everything once in each round, then again. */
async function* inOrderOfChance(drills: readonly Drill[], until: number): AsyncGenerator<Drill> {
  for (;;) {
    const waiting = [...drills];
    while (waiting.length > 0) {
      if (performance.now() > until) return;
      yield waiting.splice(random.below(waiting.length), 1)[0]!;
    }
  }
}

async function round(number: number, on: string, summary: SoakSummary): Promise<void> {
  const folder = join(SOAK_FOLDER, `round-${number}-${on}`);
  const place = await places[on]!();
  // In every third round clocks may differ, which tokens must outlive; otherwise they are so short that everybody refreshes all the time.
  const withClocks = number % 3 === 0 && on !== 'sqlite';
  const habits = withClocks ? { refresh: 0.1 } : {};
  const trial = await Trial.start({
    folder,
    place,
    nodes,
    people: 8,
    tabs: 3,
    thieves: 1,
    seed: random.below(2 ** 31),
    habits,
    accessSeconds: withClocks ? 900 : 3,
  });
  try {
    const until = performance.now() + Math.min(longestRound, left());
    const drills = place.drills(1 + random.below(5));
    for await (const next of inOrderOfChance(drills, until)) {
      tell(`round ${number} on ${on}: ${next.name}`);
      const isStormy = random.next() < 0.3;
      const run = (): Promise<void> => drill(trial, [next], 1);
      await (isStormy ? trial.inWeather(storm, run) : run());
      if (withClocks) await trial.setClock(random.pick(nodes), random.pick([-300_000, 0, 300_000]));
      await trial.calm(5 + random.below(4));
    }
    const raced = await trial.race(racesOfRound, 60);
    await trial.calm(7);
    const verdict = await trial.finish();
    summary.add(`${number} on ${on}`, verdict, raced);
    tell(`round ${number} on ${on}: ${summary.lastRound}`);
  } finally {
    await trial.close();
  }
}

test('soak', async () => {
  await mkdir(SOAK_FOLDER, { recursive: true });
  const isMissing = { sqlite: false, postgres: !hasPostgres(), redis: redisIsMissing || !hasPostgres() };
  const kinds = SOAK_ON.split(',').filter((on): on is keyof typeof isMissing => on in places && !isMissing[on as keyof typeof isMissing]);
  if (kinds.length === 0) throw new Error('There is nothing here to run on.');
  const summary = new SoakSummary();
  for (let number = 1; left() > 0; number += 1) await round(number, kinds[(number - 1) % kinds.length] ?? 'sqlite', summary);
  await writeFile(join(SOAK_FOLDER, 'summary.json'), JSON.stringify(summary.document, null, 2));
  console.log(summary.text);
  if (summary.violations.length > 0) throw new Error(`${summary.violations.length} promises were broken`);
});
