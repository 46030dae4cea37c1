/** Refresh with rotation over HTTP, on SQLite and on PostgreSQL, one process, 64 connections, fully durable: load from another process. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { rowOf, spread } from './measure.js';
import { withPostgres } from './postgres-server.js';
import { withRedis } from './redis-server.js';
import { loadWithRefreshes } from './refresh-load.js';
import { Skipped } from './skipped.js';

const connections = 64;

export const refreshOnSqlite = {
  name: 'refresh-sqlite',
  about: 'P5: refresh with rotation over HTTP, SQLite, 64 connections',
  measure: async (options) => {
    const measureWith = async (redis) => [
      await compare(
        sqliteFigure,
        variantsOn(() => [], redis),
        options,
      ),
    ];
    try {
      return await withRedis(measureWith);
    } catch (error) {
      if (!(error instanceof Skipped)) throw error;
      const [figure] = await measureWith(null);
      return [{ ...figure, notes: [...figure.notes, `Without the tutorials: ${error.message}.`] }];
    }
  },
};

export const refreshOnPostgres = {
  name: 'refresh-postgres',
  about: 'P6: refresh with rotation over HTTP, PostgreSQL, 64 connections',
  measure: (options) =>
    withPostgres({}, async (server) => {
      const place = async () => [await server.createDatabase()];
      return [await compare(postgresFigure, variantsOn(place, null), options)];
    }),
};

/** `place`: where a server keeps what it keeps, as arguments. `redis`: the URL of one, for those who need it. */
function variantsOn(place, redis) {
  const peer = (name, file, args) => ({ name, role: 'peer', file: `peers/${file}`, args });
  // Each in a database of its own, for they keep the same names.
  const tutorial = (kind, database) =>
    peer(`the tutorials: jsonwebtoken, ${kind}, Redis`, 'refresh-express.js', () => [`${redis}/${String(database)}`, kind]);
  return [
    { name: 'limit', role: 'limit', file: 'refresh-server.js', args: place },
    { name: 'Countersign', role: 'ours', file: 'refresh-server.js', args: place },
    peer('better-auth, no rotation', 'refresh-better-auth.js', place),
    ...(redis === null ? [] : [tutorial('string', 0), tutorial('KeyObject', 1)]),
  ];
}

const unit = { unit: 'refreshes a second', better: 'higher' };

const sqliteFigure = {
  ...unit,
  id: 'P5',
  title: 'Refresh with rotation, SQLite, 64 connections, durable',
  limit: 'node:http, one ES256 signature, one grouped write',
  judge: ({ share, p99, beside }) => [
    { text: 'at least 0.7 of the limit', measured: share.toFixed(2), reached: share >= 0.7 },
    { text: 'p99 at most 15 ms', measured: `${p99.toFixed(1)} ms`, reached: p99 <= 15 },
    { text: 'at least 12 times better-auth', measured: `${beside.toFixed(1)} times`, reached: beside >= 12 },
  ],
};

const postgresFigure = {
  ...unit,
  id: 'P6',
  title: 'Refresh with rotation, PostgreSQL, 64 connections, durable',
  limit: 'node:http, one ES256 signature, one write',
  judge: ({ share }) => [{ text: 'at least 0.5 of the limit', measured: share.toFixed(2), reached: share >= 0.5 }],
};

async function compare({ limit, judge, ...figure }, variants, { rounds, quick, progress }) {
  const servers = [];
  const measureOnce = async (round) => {
    for (const server of servers) {
      progress(`round ${String(round)} of ${String(rounds)}, ${server.name}`);
      const measured = await measureServer(server, quick ? 0.3 : 2);
      // The first round warms up.
      if (round > 0) server.rounds.push(measured);
    }
  };
  try {
    for (const variant of variants) servers.push(await start(variant));
    for (let round = 0; round <= rounds; round++) await measureOnce(round);
  } finally {
    for (const { child } of servers) child.kill();
  }
  const samples = (server, of) => server.rounds.map((measured) => measured[of]);
  const median = (server, of) => spread(samples(server, of)).median;
  const row = (server) =>
    rowOf(server.role === 'limit' ? limit : server.name, server.role, samples(server, 'perSecond'), {
      p99: `${median(server, 'p99').toFixed(1)} ms`,
      'CPU each': `${median(server, 'cpuMicroseconds').toFixed(0)} µs`,
    });
  const [least, ours, betterAuth] = servers;
  const times = (other) => median(ours, 'perSecond') / median(other, 'perSecond');
  const loadMicroseconds = spread([least, ours].flatMap((server) => samples(server, 'loadMicroseconds'))).median;
  return {
    ...figure,
    rows: servers.map(row),
    goals: judge({ share: times(least), p99: median(ours, 'p99'), beside: times(betterAuth) }),
    notes: [`CPU each: of all threads of the server. The load, on the same machine, takes ${loadMicroseconds.toFixed(0)} µs a request.`],
  };
}

async function measureServer({ child, port, sessions, request }, seconds) {
  const before = await cpuOf(child);
  const { perSecond, p99, count, cpuMicroseconds } = await loadWithRefreshes({ port, sessions, seconds, request });
  return { perSecond, p99, cpuMicroseconds: ((await cpuOf(child)) - before) / count, loadMicroseconds: cpuMicroseconds };
}

/** Microseconds since it started. */
async function cpuOf(child) {
  child.send('usage');
  const [{ user, system }] = await once(child, 'message');
  return user + system;
}

async function start({ name, role, file, args }) {
  const kind = role === 'peer' ? [] : [role];
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [...kind, String(connections), ...(await args())], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { port, sessions, request } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the server "${name}" ended with ${String(code)}`)));
  });
  const held = sessions.map(({ cookies, csrfToken }) => ({ cookies: new Map(cookies), csrfToken }));
  // Without a request of its own it is sent ours.
  return { name, role, child, port, sessions: held, request: request && requestOf(request), rounds: [] };
}

function requestOf({ method, path }) {
  return ({ cookies }) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nCookie: ${cookie}\r\nContent-Length: 0\r\n\r\n`;
  };
}
