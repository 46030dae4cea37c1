/** Logins a second, and what `GET /me` takes meanwhile: one process each, 16 connections that do nothing but log in, load from another process. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { quantile, rowOf, spread } from './measure.js';
import { repeatRequest } from './repeat-request.js';

const connections = 16;
const probes = 4;
/** Between the answer to a `GET /me` and the next one of the same connection. */
const probePause = 5;

/** `threads`: of the pool. Ours and the peers have what Node gives them. */
const contenders = [
  {
    name: 'node:http, Argon2id, a grouped write, an ES256 signature',
    role: 'limit',
    file: 'login-server.js',
    flags: ['limit'],
    threads: '2',
  },
  { name: 'Countersign', role: 'ours', file: 'login-server.js', flags: ['ours'] },
  { name: 'Express, argon2 (in C) and jsonwebtoken, without sessions', role: 'peer', file: 'peers/login-express.js', flags: ['argon2'] },
  { name: 'better-auth, its scrypt', role: 'peer', file: 'peers/login-better-auth.js', flags: [] },
  { name: 'Express, bcryptjs at cost 12 and jsonwebtoken', role: 'peer', file: 'peers/login-express.js', flags: ['bcryptjs'] },
];

export const login = {
  name: 'login',
  about: 'P7: logins a second, SQLite, 16 connections',
  measure: async ({ rounds, quick, progress }) => {
    const measured = await inTurns(rounds, progress, (server) => logIn(server, quick ? 0.3 : 3));
    const { rows, of } = tell(measured, ({ perSecond }) => perSecond, { p50: (one) => one.p50, p99: (one) => one.p99 });
    const share = of('ours') / of('limit');
    return [
      {
        id: 'P7',
        title: 'Log in, Argon2id 19 MiB t=2 p=1, SQLite, 16 connections',
        unit: 'logins a second',
        better: 'higher',
        rows,
        goals: [{ text: 'at least 0.9 of the limit', measured: share.toFixed(2), reached: share >= 0.9 }],
        notes: ['The limit runs with a thread pool of 2 threads, ours and the peers with what they get from Node.'],
      },
    ];
  },
};

export const meUnderLogins = {
  name: 'me-under-logins',
  about: 'P8: GET /me while logins saturate the machine',
  measure: async ({ rounds, quick, progress }) => {
    const measured = await inTurns(rounds, progress, (server) => askDuringLogins(server, quick ? 0.3 : 3));
    const { rows, of } = tell(measured, ({ p99 }) => p99, { p50: (one) => one.p50, 'logins a second': (one) => one.perSecond });
    const p99 = of('ours');
    return [
      {
        id: 'P8',
        title: 'GET /me while 16 connections log in: p99',
        unit: 'ms',
        better: 'lower',
        rows,
        goals: [{ text: 'at most 12 ms', measured: `${p99.toFixed(1)} ms`, reached: p99 <= 12 }],
      },
    ];
  },
};

/** @returns {Promise<{ contender: object, samples: object[] }[]>} what `measureOne` gave for each, round by round */
async function inTurns(rounds, progress, measureOne) {
  const running = [];
  const measureEach = async (round) => {
    for (const { contender, samples, server } of running) {
      progress(`round ${String(round)} of ${String(rounds)}, ${contender.name}`);
      const sample = await measureOne(server);
      // The first round warms up.
      if (round > 0) samples.push(sample);
    }
  };
  try {
    for (const contender of contenders) running.push({ contender, samples: [], server: await start(contender) });
    for (let round = 0; round <= rounds; round++) await measureEach(round);
  } finally {
    for (const { server } of running) server.child.kill();
  }
  return running;
}

/** Rows of `sampled`, with the medians of what `details` names beside them. */
function tell(measured, sampled, details) {
  const median = (samples, pick) => spread(samples.map(pick)).median;
  const rows = measured.map(({ contender, samples }) =>
    rowOf(
      contender.name,
      contender.role,
      samples.map(sampled),
      Object.fromEntries(Object.entries(details).map(([name, pick]) => [name, text(name, median(samples, pick))])),
    ),
  );
  return { rows, of: (role) => rows.find((row) => row.role === role).median };
}

const text = (name, value) => (name.startsWith('p') ? `${value.toFixed(1)} ms` : value.toFixed(0));

async function start({ name, file, flags, threads }) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [String(connections), ...flags], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...(threads !== undefined && { UV_THREADPOOL_SIZE: threads }) },
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the server "${name}" ended with ${String(code)}`);
  });
  const [message] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => undefined);
  return { child, ...message };
}

/** Counted until the last answer, so that a slow server is not judged by an empty window. */
async function logIn({ port, logins }, seconds) {
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  const times = (await Promise.all(logins.map((request) => repeatRequest({ port, request, until })))).flat();
  const took = (performance.now() - startedAt) / 1000;
  return { perSecond: times.length / took, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

async function askDuringLogins(server, seconds) {
  const { port, me } = server;
  const until = performance.now() + seconds * 1000;
  const ask = () => repeatRequest({ port, request: me, until, pauseMilliseconds: probePause });
  const [{ perSecond }, ...answered] = await Promise.all([logIn(server, seconds), ...Array.from({ length: probes }, ask)]);
  const times = answered.flat();
  return { perSecond, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
