/** Two nodes on PostgreSQL, which is restarted, killed, hung, read-only and out of connections, while nodes die and come back. */
import { describe, expect, test } from 'vitest';
import { hasPostgres } from '../support/postgres-server.js';
import { drill } from './system/drills.js';
import { onPostgres } from './system/places.js';
import { expectAllIsWell, withTrials } from './system/with-trials.js';

const trials = withTrials();
const nodes = ['a', 'b'];

describe.skipIf(!hasPostgres())('two nodes on PostgreSQL', () => {
  test('whatever becomes of it, nobody is logged out, and what was answered is there', async () => {
    const place = await onPostgres(nodes);
    const trial = await trials.start({ place, nodes, people: 6 });
    await trial.calm(1);
    await drill(trial, place.drills(1.5), 1.5);
    const { races, refused } = await trial.race(200, 10);
    await trial.calm(7);
    const { figures } = await expectAllIsWell(trial);
    expect(races).toBeGreaterThan(20);
    expect(refused).toEqual({});
    // Nodes wait five seconds for whatever they ask of their store, then say so.
    expect(figures.longestWait).toBeLessThan(15_000);
  }, 300_000);

  test('a clock that is five minutes wrong, either way, and one that is set while the node runs, are noticed by nobody', async () => {
    const clocks = { b: -300_000 };
    // A token that lives shorter than the clocks are apart would be born dead.
    const trial = await trials.start({
      place: await onPostgres(nodes),
      nodes,
      people: 6,
      clocks,
      accessSeconds: 900,
      habits: { refresh: 0.1 },
    });
    await trial.calm(2);
    for (const offset of [0, 300_000, -300_000, 0]) {
      await trial.setClock('b', offset);
      await trial.calm(2);
    }
    await expectAllIsWell(trial);
  }, 300_000);
});
