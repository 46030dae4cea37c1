/** A hundred thousand clients whose access tokens have run out together: how long until all have new ones, and whether any lost its session. */
import { setTimeout as pause } from 'node:timers/promises';
import { masterSecret, newSecret } from 'countersign';
import { refreshable } from './grown-data.js';
import { startServer } from './grown-servers.js';
import { withPostgresStores, withSqliteStores } from './grown-stores.js';
import { quantile } from './measure.js';
import { connect, newToken, refreshRequest } from './refresh-clients.js';
import { Skipped } from './skipped.js';

const connections = 400;
const withinSeconds = 10;
/** After which a client that still has no answer is no client any more, but a failure of the server. */
const patienceSeconds = 120;

export const storm = {
  name: 'storm',
  about: '100,000 clients refresh within ten seconds: until when all have, and whether any is logged out',
  async measure({ quick, progress }) {
    const clients = quick ? 5000 : 100_000;
    const sizes = [{ sessions: Math.ceil(clients * 1.5), users: Math.ceil(clients / 5) }];
    const run =
      (kind) =>
      ([store]) =>
        rage(store, { clients, kind, progress });
    const found = [await withSqliteStores(sizes, progress, run('SQLite'))];
    const notes = [
      `All clients start evenly over ${String(withinSeconds)} s, whatever the server answers; ${String(connections)} connections carry them.`,
      'A client that is answered 429 or 503 comes again after `Retry-After`; its time runs from its first attempt to its new tokens.',
    ];
    try {
      found.push(await withPostgresStores(sizes, progress, run('PostgreSQL')));
    } catch (error) {
      if (!(error instanceof Skipped)) throw error;
      notes.push(`PostgreSQL left out: ${error.message}`);
    }
    return figuresOf(found, clients, notes);
  },
};

async function rage({ place, data }, { clients, kind, progress }) {
  const secret = newSecret();
  const source = refreshable(data, masterSecret(secret));
  const sessions = Array.from({ length: clients }, () => source.next().value);
  const server = await startServer(place, secret);
  try {
    const result = await letLoose(sessions, server.port, (done) =>
      progress(`${kind}: ${String(done)} of ${String(clients)} have new tokens`),
    );
    return { kind, ...result, megabytes: await server.megabytes() };
  } finally {
    await server.stop();
  }
}

/** Each client has its moment; one that comes when all connections are taken waits for one, as it would before a server that is full. */
async function letLoose(sessions, port, show) {
  const startedAt = performance.now();
  const spacing = (withinSeconds * 1000) / sessions.length;
  const state = { next: 0, again: [], done: 0, times: [], refusals: 0, loggedOut: 0, lost: 0, perSecond: [] };
  const take = () => {
    const now = performance.now() - startedAt;
    const again = state.again.findIndex(({ notBefore }) => notBefore <= now);
    if (again >= 0) return state.again.splice(again, 1)[0];
    if (state.next >= sessions.length || state.next * spacing > now) return null;
    const index = state.next++;
    return { session: sessions[index], cameAt: index * spacing };
  };
  const settle = ({ session, cameAt }, { status, head, body }) => {
    const now = performance.now() - startedAt;
    if (status === 200) {
      session.token = newToken(body);
      state.done += 1;
      state.times.push(now - cameAt);
      const at = Math.floor(now / 1000);
      state.perSecond[at] = (state.perSecond[at] ?? 0) + 1;
    } else if (status === 429 || status === 503) {
      state.refusals += 1;
      const seconds = Number(/retry-after: (\d+)/i.exec(head)?.[1] ?? 1);
      state.again.push({ session, cameAt, notBefore: now + seconds * 1000 * (1 + Math.random()) });
    } else {
      state.loggedOut += 1;
    }
  };
  const carry = async () => {
    let connection = await connect(port);
    while (state.done + state.loggedOut < sessions.length) {
      if (performance.now() - startedAt > patienceSeconds * 1000) break;
      const client = take();
      if (client === null) {
        await pause(5);
        continue;
      }
      // A server closes what has been idle for some seconds.
      if (!connection.isOpen) connection = await connect(port);
      try {
        settle(client, await connection.ask(refreshRequest(client.session)));
      } catch {
        // As after any answer that was lost: the same token again, which is an honest double.
        state.lost += 1;
        state.again.push({ ...client, notBefore: performance.now() - startedAt + 1000 });
        connection = await connect(port);
      }
    }
    connection.close();
  };
  const showing = setInterval(() => show(state.done), 500);
  await Promise.all(Array.from({ length: connections }, carry)).finally(() => clearInterval(showing));
  return { ...state, seconds: (performance.now() - startedAt) / 1000, missing: sessions.length - state.done - state.loggedOut };
}

function figuresOf(found, clients, notes) {
  const count = (value) => value.toLocaleString('en');
  const rows = found.map(({ kind, times, seconds, ...state }) => ({
    name: kind,
    role: 'ours',
    median: seconds,
    low: seconds,
    high: seconds,
    details: {
      'waited, p50': `${(quantile(times, 0.5) / 1000).toFixed(1)} s`,
      'waited, p99': `${(quantile(times, 0.99) / 1000).toFixed(1)} s`,
      'told to come again': count(state.refusals),
      'connections lost': count(state.lost),
      'without tokens in the end': count(state.missing),
      'logged out': count(state.loggedOut),
      'memory of the server': `${state.megabytes.toFixed(0)} MB`,
    },
  }));
  const loggedOut = found.reduce((sum, state) => sum + state.loggedOut, 0);
  const missing = found.reduce((sum, state) => sum + state.missing, 0);
  return [
    {
      id: '',
      title: `${count(clients)} clients refresh within ${String(withinSeconds)} s`,
      unit: 'seconds until all have new tokens',
      better: 'lower',
      rows,
      goals: [
        { text: 'nobody is logged out', measured: String(loggedOut), reached: loggedOut === 0 },
        { text: 'everybody has new tokens in the end', measured: `${count(missing)} have not`, reached: missing === 0 },
      ],
      notes,
    },
    {
      id: '',
      title: 'The same, second by second',
      unit: 'clients that got new tokens in this second',
      better: 'higher',
      x: { label: 'second' },
      lines: found.map(({ kind, perSecond }) => ({
        name: kind,
        points: Array.from(perSecond, (value = 0, second) => [second + 1, value]),
      })),
      goals: [],
    },
  ];
}
