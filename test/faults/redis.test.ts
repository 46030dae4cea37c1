/** Two nodes on PostgreSQL with Redis between them, which is killed, emptied, cut off and slowed down: nobody notices anything. */
import { describe, expect, test } from 'vitest';
import { hasPostgres } from '../support/postgres-server.js';
import { redisIsMissing } from '../support/redis-server.js';
import { drill } from './system/drills.js';
import { onPostgres, withRedis } from './system/places.js';
import { expectAllIsWell, withTrials } from './system/with-trials.js';

const trials = withTrials();
const nodes = ['a', 'b'];

describe.skipIf(redisIsMissing || !hasPostgres())('two nodes on PostgreSQL with Redis', () => {
  test('whatever becomes of Redis, no request fails and no logout is late', async () => {
    const place = await withRedis(await onPostgres(nodes), nodes);
    const trial = await trials.start({ place, nodes, people: 6 });
    await trial.calm(2);
    await drill(
      trial,
      place.drills(1.5).filter(({ isFault }) => !isFault),
      1,
    );
    const { figures } = await expectAllIsWell(trial);
    // LISTEN/NOTIFY does it when Redis does not.
    expect(figures.propagation.at(-1)).toBeLessThan(1_000);
  }, 300_000);
});
