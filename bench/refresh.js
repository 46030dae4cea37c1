/** Refresh with rotation over HTTP, on SQLite and on PostgreSQL, one process, 64 connections, fully durable: load from another process, raw sockets. */
import { fork } from 'node:child_process';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { quantile, rowOf, spread } from './measure.js';
import { withPostgres } from './postgres-server.js';

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
  const samples = { limit: [], ours: [] };
  const latencies = { limit: [], ours: [] };
  const servers = {};
  const measureOnce = async (round) => {
    for (const [name, server] of Object.entries(servers)) {
      progress(`round ${String(round)} of ${String(rounds)}, ${name}`);
      const { perSecond, p99 } = await load(server, quick ? 0.3 : 2);
      // The first round warms up.
      if (round > 0) samples[name].push(perSecond);
      if (round > 0) latencies[name].push(p99);
    }
  };
  try {
    for (const name of Object.keys(samples)) servers[name] = await start(name, await place());
    for (let round = 0; round <= rounds; round++) await measureOnce(round);
  } finally {
    for (const { child } of Object.values(servers)) child.kill();
  }
  const p99 = (name) => spread(latencies[name]).median;
  const row = (name, role, of) => rowOf(name, role, samples[of], { p99: `${p99(of).toFixed(1)} ms` });
  const share = spread(samples.ours).median / spread(samples.limit).median;
  return { ...figure, rows: [row(limit, 'limit', 'limit'), row('Countersign', 'ours', 'ours')], goals: judge(share, p99('ours')) };
}

async function start(name, place) {
  const child = fork(fileURLToPath(new URL('refresh-server.js', import.meta.url)), [name, String(connections), ...place], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { port, sessions } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the server "${name}" ended with ${String(code)}`)));
  });
  return { child, port, sessions };
}

async function load({ port, sessions }, seconds) {
  const deadline = performance.now() + seconds * 1000;
  const times = [];
  await Promise.all(sessions.map((session) => client(port, session, deadline, times)));
  return { perSecond: times.length / seconds, p99: quantile(times, 0.99) };
}

/** One browser: sends its newest cookies, takes the new ones, again and again. */
function client(port, session, deadline, times) {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    let sentAt = 0;
    let received = '';
    const send = () => {
      sentAt = performance.now();
      socket.write(
        `POST /api/auth/refresh HTTP/1.1\r\nHost: localhost\r\nCookie: ${session.cookie}\r\nX-CSRF-Token: ${session.csrfToken}\r\nContent-Length: 0\r\n\r\n`,
      );
    };
    socket.setNoDelay(true);
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = received.slice(0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < end + 4 + length) return;
      if (!head.startsWith('HTTP/1.1 200')) return void reject(new Error(head.split('\r\n')[0]));
      times.push(performance.now() - sentAt);
      const cookies = [...head.matchAll(/set-cookie: ([^;]+)/gi)].map((match) => match[1]);
      if (cookies.length > 0) session.cookie = cookies.join('; ');
      received = '';
      if (performance.now() < deadline) send();
      else socket.end(resolve);
    });
  });
}
