/** What a million sessions that were revoked and whose tokens have not run out cost: at the start of a server, in memory, and at each request. */
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { sessionAt, userAt } from './grown-data.js';
import { startServer } from './grown-servers.js';
import { withPostgresStores, withSqliteStores } from './grown-stores.js';
import { quantile, spread } from './measure.js';
import { Skipped } from './skipped.js';

const revokedPerSecond = 1000;
const x = { label: 'revoked sessions', log: true };

export const revokedMillion = {
  name: 'revoked-million',
  about: 'start, memory, verification and catch-up reads with 1,000,000 revoked sessions',
  async measure(options) {
    const { quick, progress } = options;
    const sizes = (quick ? [100, 2000, 10_000] : [100, 10_000, 100_000, 1_000_000]).map((revocations) => ({
      revocations,
      // Beyond those that are revoked already: to be revoked while it is measured.
      sessions: revocations + 40_000,
      users: 1000,
    }));
    const found = [await withSqliteStores(sizes, progress, (stores) => measureAll('SQLite', stores, options))];
    const notes = [`Catch-up: one read of what is new, while ${String(revokedPerSecond)} sessions a second are revoked.`];
    try {
      found.push(await withPostgresStores(sizes, progress, (stores) => measureAll('PostgreSQL', stores, options)));
    } catch (error) {
      if (!(error instanceof Skipped)) throw error;
      notes.push(`PostgreSQL left out: ${error.message}`);
    }
    return figuresOf(found, notes);
  },
};

export async function measureAll(kind, stores, options) {
  const points = [];
  for (const store of stores) points.push([store.revocations ?? store.data.sessions - 40_000, await measureOne(kind, store, options)]);
  return { kind, points };
}

async function measureOne(kind, { place, data, open }, { rounds, quick, progress }) {
  const secret = newSecret();
  const samples = { opened: [], megabytes: [], verify: [] };
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    progress(`${kind}, ${data.sessions.toLocaleString('en')} sessions, start ${String(round + 1)}`);
    const server = await startServer(place, secret);
    try {
      samples.opened.push(server.openedInMilliseconds);
      samples.megabytes.push(await server.megabytes());
      samples.verify.push(await server.verify(userAt(data, 1).username));
    } finally {
      await server.stop();
    }
  }
  const median = Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, spread(values).median]));
  return { ...median, catchUp: await catchUpReads(await open(), data, quick ? 1 : 5) };
}

/** Milliseconds of one, p99. */
async function catchUpReads(store, data, seconds) {
  try {
    let page = { position: null, more: true };
    while (page.more) page = await store.revocations.read(page.position);
    const times = [];
    const startedAt = performance.now();
    let number = data.sessions - 1;
    for (let turn = 0; turn < seconds * 20; turn++) {
      const ending = Array.from({ length: revokedPerSecond / 20 }, () => store.sessions.end(sessionAt(data, number--).id, 'logout'));
      const before = performance.now();
      page = await store.revocations.read(page.position);
      times.push(performance.now() - before);
      await Promise.all(ending);
      await pause(Math.max(0, startedAt + (turn + 1) * 50 - performance.now()));
    }
    return quantile(times, 0.99);
  } finally {
    await store.close();
  }
}

function figuresOf(found, notes) {
  const line = (name, of) =>
    found.map(({ kind, points }) => ({ name: `${kind}: ${name}`, points: points.map(([at, values]) => [at, values[of]]) }));
  const lower = { id: '', better: 'lower', x, goals: [] };
  return [
    {
      ...lower,
      title: 'A server on a store with revoked sessions',
      unit: 'ms and MB',
      lines: [
        ...line('opening and loading, ms', 'opened'),
        ...line('memory, MB', 'megabytes'),
        ...line('catch-up read, p99, ms', 'catchUp'),
      ],
      notes,
    },
    { ...lower, title: 'Verification of a hot token beside revoked sessions', unit: 'µs', lines: line('one verification', 'verify') },
  ];
}
