/**
 * A process of its own with a store, in the file or at the URL that it is given: performs the acts that come in as lines of JSON, all at once,
 * and answers each with a line. It never closes the store: that it ends by itself when there is
 * no more to do is part of what is tested.
 */
import { createInterface } from 'node:readline';
import { postgres } from '../../dist/stores/postgres/index.js';
import { sqlite } from '../../dist/stores/sqlite/index.js';

const [place, now] = process.argv.slice(2);
const store = place.startsWith('postgres:') ? postgres(place) : sqlite(place);

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const revive = (key, value) => (key === 'secretDigest' ? Uint8Array.from(value) : value);
const ignore = () => undefined;

const opening = store.open({
  clock: { now: () => Number(now) },
  logger: { info: ignore, warn: ignore, error: ignore },
  accessTtlSeconds: 300,
  mode: 'use',
  onRevocations: ignore,
});
const opened = await opening.catch((error) => {
  say({ refused: error.name });
  process.exit(1);
});
say({ ready: true });

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, port, method, parameters } = JSON.parse(line, revive);
  opened[port][method](...parameters).then(
    (value) => say({ id, value }),
    (error) => say({ id, error: error.name }),
  );
});
