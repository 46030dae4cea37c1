/** Refresh with rotation over HTTP, on SQLite and on PostgreSQL, one process, 64 connections, fully durable: load from another process. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { rowOf, spread } from './measure.js';
import { withPostgres } from './postgres-server.js';
import { loadWithRefreshes } from './refresh-load.js';

const connections = 64;

export const refreshOnSqlite = {
  name: 'refresh-sqlite',
  about: 'P5: refresh with rotation over HTTP, SQLite, 64 connections',
  measure: async (options) => [await compare(sqliteFigure, () => [], options)],
};

export const refreshOnPostgres = {
  name: 'refresh-postgres',
  about: 'P6: refresh with rotation over HTTP, PostgreSQL, 64 connections',
  measure: (options) =>
    withPostgres({}, async (server) => [await compare(postgresFigure, async () => [await server.createDatabase()], options)]),
};

const unit = { unit: 'refreshes a second', better: 'higher' };

const sqliteFigure = {
  ...unit,
  id: 'P5',
  title: 'Refresh with rotation, SQLite, 64 connections, durable',
  limit: 'node:http, one ES256 signature, one grouped write',
  judge: (share, p99) => [
    { text: 'at least 0.7 of the limit', measured: share.toFixed(2), reached: share >= 0.7 },
    { text: 'p99 at most 15 ms', measured: `${p99.toFixed(1)} ms`, reached: p99 <= 15 },
  ],
};

const postgresFigure = {
  ...unit,
  id: 'P6',
  title: 'Refresh with rotation, PostgreSQL, 64 connections, durable',
  limit: 'node:http, one ES256 signature, one write',
  judge: (share) => [{ text: 'at least 0.5 of the limit', measured: share.toFixed(2), reached: share >= 0.5 }],
};

/** `place`: further arguments of a server. */
async function compare({ limit, judge, ...figure }, place, { rounds, quick, progress }) {
  const servers = {};
  const measureOnce = async (round) => {
    for (const [name, server] of Object.entries(servers)) {
      progress(`round ${String(round)} of ${String(rounds)}, ${name}`);
      const measured = await measureServer(server, quick ? 0.3 : 2);
      // The first round warms up.
      if (round > 0) server.rounds.push(measured);
    }
  };
  try {
    for (const name of ['limit', 'ours']) servers[name] = await start(name, await place());
    for (let round = 0; round <= rounds; round++) await measureOnce(round);
  } finally {
    for (const { child } of Object.values(servers)) child.kill();
  }
  const samples = (name, of) => servers[name].rounds.map((measured) => measured[of]);
  const median = (name, of) => spread(samples(name, of)).median;
  const row = (title, role, name) =>
    rowOf(title, role, samples(name, 'perSecond'), {
      p99: `${median(name, 'p99').toFixed(1)} ms`,
      'CPU each': `${median(name, 'cpuMicroseconds').toFixed(0)} µs`,
    });
  const share = median('ours', 'perSecond') / median('limit', 'perSecond');
  const loadMicroseconds = spread(['limit', 'ours'].flatMap((name) => samples(name, 'loadMicroseconds'))).median;
  return {
    ...figure,
    rows: [row(limit, 'limit', 'limit'), row('Countersign', 'ours', 'ours')],
    goals: judge(share, median('ours', 'p99')),
    notes: [`CPU each: of all threads of the server. The load, on the same machine, takes ${loadMicroseconds.toFixed(0)} µs a request.`],
  };
}

async function measureServer({ child, port, sessions }, seconds) {
  const before = await cpuOf(child);
  const { perSecond, p99, count, cpuMicroseconds } = await loadWithRefreshes({ port, sessions, seconds });
  return { perSecond, p99, cpuMicroseconds: ((await cpuOf(child)) - before) / count, loadMicroseconds: cpuMicroseconds };
}

/** Microseconds since it started. */
async function cpuOf(child) {
  child.send('usage');
  const [{ user, system }] = await once(child, 'message');
  return user + system;
}

async function start(name, place) {
  const child = fork(fileURLToPath(new URL('refresh-server.js', import.meta.url)), [name, String(connections), ...place], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { port, sessions } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the server "${name}" ended with ${String(code)}`)));
  });
  return { child, port, sessions: sessions.map(({ cookies, csrfToken }) => ({ cookies: new Map(cookies), csrfToken })), rounds: [] };
}
