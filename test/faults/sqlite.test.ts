/** One node on SQLite that is killed and restarted under load, behind a network that loses, repeats and delays; and thieves. */
import { expect, test } from 'vitest';
import { storm } from './driver/balancer.js';
import { drill, killNode, rollingRestart } from './system/drills.js';
import { onSqlite } from './system/places.js';
import { expectAllIsWell, withTrials } from './system/with-trials.js';

const trials = withTrials();

test('a node that is killed, behind a bad network, logs nobody out and loses nothing that it answered', async () => {
  const trial = await trials.start({ place: await onSqlite(), nodes: ['a'], people: 8 });
  await trial.inWeather(storm, () => drill(trial, [killNode, killNode, killNode], 1));
  await trial.fault('restart', () => rollingRestart.run(trial));
  await trial.calm(7);
  const { network } = await expectAllIsWell(trial);
  expect(Object.values(network).every((number) => number > 5)).toBe(true);
}, 300_000);

test('whoever presents an old refresh token ends that session and no other', async () => {
  const trial = await trials.start({ place: await onSqlite(), nodes: ['a'], people: 8, thieves: 2, accessSeconds: 1, windowSeconds: 4 });
  await trial.calm(10);
  const { thieves } = await expectAllIsWell(trial);
  expect(thieves['refresh_token_replayed']).toBeGreaterThan(3);
}, 300_000);
