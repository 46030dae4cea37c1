/** Refresh with rotation over HTTP, on SQLite and on PostgreSQL, one process, 64 connections, fully durable: load from another process, raw sockets. */
import { fork } from 'node:child_process';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { printTable, spread } from './measure.js';
import { withPostgres } from './postgres-server.js';

const connections = 64;
const rounds = 7;
const seconds = 2;

export const refresh = () =>
  compare('P5  refresh, SQLite, 64 connections, durable; limit: bare http, one ES256 signature, one grouped write', () => []);

export async function refreshOnPostgres() {
  await withPostgres({}, (server) =>
    compare('P6  refresh, PostgreSQL, 64 connections, durable; limit: bare http, one ES256 signature, one write', async () => [
      await server.createDatabase(),
    ]),
  );
}

/** `place`: further arguments of a server. */
async function compare(title, place) {
  const samples = { limit: [], ours: [] };
  const latencies = { limit: [], ours: [] };
  const servers = {};
  const measureOnce = async (round) => {
    for (const [name, server] of Object.entries(servers)) {
      const { perSecond, p99 } = await load(server, server.sessions);
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
  const row = (name) => {
    const { median, low, high } = spread(samples[name]);
    return [
      name,
      `${median.toFixed(0)}/s`,
      `${low.toFixed(0)} to ${high.toFixed(0)}`,
      `p99 ${spread(latencies[name]).median.toFixed(1)} ms`,
    ];
  };
  const share = spread(samples.ours).median / spread(samples.limit).median;
  printTable(title, [row('limit'), row('ours')]);
  console.log(`  ours reaches ${share.toFixed(2)} of the limit\n`);
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

async function load({ port }, sessions) {
  const deadline = performance.now() + seconds * 1000;
  const times = [];
  await Promise.all(sessions.map((session) => client(port, session, deadline, times)));
  times.sort((a, b) => a - b);
  return { perSecond: times.length / seconds, p99: times[Math.floor(times.length * 0.99)] };
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
