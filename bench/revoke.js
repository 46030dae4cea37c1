/** From the answer to a logout on one node to the first refusal on the other one, and what requests read from the database meanwhile. */
import { fork } from 'node:child_process';
import { Agent, request as send } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { printTable } from './measure.js';
import { withPostgres } from './postgres-server.js';
import { withRedis } from './redis-server.js';

const logouts = 1000;
const requests = 20_000;
const password = 'correct horse battery staple';

export async function revoke() {
  const settings = { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track': 'all' };
  await withPostgres(settings, async (server) => {
    await server.query('CREATE EXTENSION pg_stat_statements');
    const rows = [['', 'p50', 'p99', 'max', 'statements of the nodes a second: at rest', `in ${String(requests)} requests`]];
    rows.push(['PostgreSQL alone', ...(await measure(server, []))]);
    await withRedis(async (url) => rows.push(['PostgreSQL and Redis', ...(await measure(server, [url]))]));
    printTable(`P9  logout on one node to refusal on another, ${String(logouts)} logouts; goal: p99 <= 50 ms, no read for a request`, rows);
  });
}

async function measure(server, bus) {
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
    const atRest = await statementsPerSecond(server, () => pause(8000));
    const underLoad = await statementsPerSecond(server, async () => {
      for (let sent = 0; sent < requests; sent++) await protectedRoute(nodes[sent % 2], session);
    });
    return [...quantiles(milliseconds), atRest.toFixed(1), underLoad.toFixed(1)];
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

function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return [at(0.5), at(0.99), sorted.at(-1)].map((value) => `${value.toFixed(1)} ms`);
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
