/** From the answer to a logout on one node to the first refusal on the other one, and what requests read from the database meanwhile. */
import { fork } from 'node:child_process';
import { Agent, request as send } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { quantile, rowOf } from './measure.js';
import { withPostgres } from './postgres-server.js';
import { withRedis } from './redis-server.js';
import { Skipped } from './skipped.js';

const password = 'correct horse battery staple';

export const revoke = {
  name: 'revoke',
  about: 'P9: logout on one node to refusal on another, and what requests read from the database',
  measure: async ({ quick, progress }) => {
    const counts = quick ? { logouts: 50, requests: 1000, restSeconds: 1 } : { logouts: 1000, requests: 20_000, restSeconds: 8 };
    const settings = { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track': 'all' };
    return withPostgres(settings, async (server) => {
      await server.query('CREATE EXTENSION pg_stat_statements');
      progress('PostgreSQL alone');
      const rows = [await measure(server, [], counts)];
      const notes = [];
      await withRedis(async (url) => {
        progress('PostgreSQL and Redis');
        rows.push(await measure(server, [url], counts));
      }).catch((error) => notes.push(whySkipped(error)));
      return [figureOf(rows, notes)];
    });
  },
};

function whySkipped(error) {
  if (error instanceof Skipped) return error.message;
  throw error;
}

function figureOf(measured, notes) {
  const worst = Math.max(...measured.map(({ p99 }) => p99));
  const reads = Math.max(...measured.map(({ underLoad, atRest }) => underLoad - atRest));
  return {
    id: 'P9',
    title: 'From the answer to a logout on one node to the first refusal on another',
    unit: 'ms',
    better: 'lower',
    rows: measured.map(({ name, samples, p99, atRest, underLoad }) =>
      rowOf(name, 'ours', samples, {
        p99: `${p99.toFixed(1)} ms`,
        'statements a second at rest': atRest.toFixed(1),
        'under load': underLoad.toFixed(1),
      }),
    ),
    goals: [
      { text: 'p99 at most 50 ms', measured: `${worst.toFixed(1)} ms`, reached: worst <= 50 },
      { text: 'no read of the database for a request', measured: `${reads.toFixed(1)} statements a second more`, reached: reads < 1 },
    ],
    notes: [
      'Statements are those of both nodes together, as PostgreSQL counts them: each reads the revocations once a second, whatever is asked.',
      ...notes,
    ],
  };
}

async function measure(server, bus, { logouts, requests, restSeconds }) {
  const settings = [newSecret(), await server.createDatabase(), ...bus];
  const nodes = [await start(settings), await start(settings)];
  const agent = new Agent({ keepAlive: true });
  const ask = (node, options, body) => exchange({ agent, host: '127.0.0.1', port: node.port, ...options }, body);
  const post = async (node, path, body) => {
    const answer = await ask(node, { method: 'POST', path, headers: { 'content-type': 'application/json' } }, JSON.stringify(body));
    if (answer.status >= 300) throw new Error(`${path} answered ${String(answer.status)}: ${answer.body}`);
    return JSON.parse(answer.body || 'null');
  };
  const protectedRoute = (node, { accessToken }) => ask(node, { path: '/protected', headers: { authorization: `Bearer ${accessToken}` } });
  try {
    const [one, two] = nodes;
    await post(one, '/api/auth/register', { username: 'ada', password });
    const logIn = () => post(two, '/api/auth/login', { username: 'ada', password, delivery: 'bearer' });

    const milliseconds = [];
    for (let round = 0; round < logouts; round++) {
      const session = await logIn();
      const before = await protectedRoute(two, session);
      if (before.status !== 200) throw new Error(`before its logout, ${String(before.status)}: ${before.body}`);
      await post(one, '/api/auth/logout', { refreshToken: session.refreshToken });
      const loggedOutAt = performance.now();
      while ((await protectedRoute(two, session)).body !== 'session_revoked');
      milliseconds.push(performance.now() - loggedOutAt);
    }

    const session = await logIn();
    await pause(1500);
    const atRest = await statementsPerSecond(server, () => pause(restSeconds * 1000));
    const underLoad = await statementsPerSecond(server, async () => {
      for (let sent = 0; sent < requests; sent++) await protectedRoute(nodes[sent % 2], session);
    });
    const name = bus.length === 0 ? 'PostgreSQL alone' : 'PostgreSQL and Redis';
    return { name, samples: milliseconds, p99: quantile([...milliseconds], 0.99), atRest, underLoad };
  } finally {
    agent.destroy();
    for (const { child } of nodes) child.kill();
  }
}

/** Of all nodes, as PostgreSQL counts them. */
async function statementsPerSecond(server, work) {
  const count = async () => {
    const own = "query NOT LIKE '%pg_stat_statements%'";
    const { rows } = await server.query(`SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements WHERE ${own}`);
    return rows[0].calls;
  };
  const before = await count();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  return ((await count()) - before) / seconds;
}

async function start(settings) {
  const child = fork(fileURLToPath(new URL('revoke-server.js', import.meta.url)), settings, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const port = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`a node ended with ${String(code)}`)));
  });
  return { child, port };
}

function exchange(options, body) {
  return new Promise((resolve, reject) => {
    const request = send(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
