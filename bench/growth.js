/** What refresh, login and lists cost, and what a server and a database hold, as a store grows to a million users and five million sessions. */
import { masterSecret, newSecret } from 'countersign';
import { measureActs } from './grown-acts.js';
import { password, refreshable, userAt } from './grown-data.js';
import { withPostgresStores, withSqliteStores } from './grown-stores.js';
import { startServer } from './grown-servers.js';
import { quantile, spread } from './measure.js';
import { loginFor, refreshFor } from './refresh-clients.js';

const connections = 64;
/** Each session is refreshed once and not again for long, as in life; in the smallest store there are no more. */
const mostSessions = 50_000;
const x = { label: 'sessions in the store', log: true };

const sizesOf = (quick) =>
  (quick ? [1000, 10_000, 50_000] : [1000, 10_000, 100_000, 1_000_000, 5_000_000]).map((sessions) => ({ sessions, users: sessions / 5 }));

export const growthOnSqlite = {
  name: 'growth-sqlite',
  about: 'P11: refresh, login and lists as a store of SQLite grows to 5,000,000 sessions',
  measure: (options) => withSqliteStores(sizesOf(options.quick), options.progress, (stores) => measureGrowth('SQLite', stores, options)),
};

export const growthOnPostgres = {
  name: 'growth-postgres',
  about: 'P11: refresh, login and lists as a store of PostgreSQL grows to 5,000,000 sessions',
  measure: (options) =>
    withPostgresStores(sizesOf(options.quick), options.progress, (stores) => measureGrowth('PostgreSQL', stores, options)),
};

/** Smallest store first. All are loaded in turns, so that a noisy machine is noisy for all of them. */
export async function measureGrowth(kind, stores, { rounds, quick, progress }) {
  const seconds = quick ? 0.3 : 2;
  const acts = await measureActs(stores, { rounds, quick, progress });
  const measured = [];
  try {
    for (const store of stores) measured.push(await startOn(store));
    for (let round = 0; round <= rounds; round++) {
      for (const at of measured) {
        progress(`round ${String(round)} of ${String(rounds)}, ${at.data.sessions.toLocaleString('en')} sessions`);
        await loadOnce(at, { seconds, isWarmUp: round === 0 });
      }
    }
    for (const at of measured) at.megabytes = await at.server.megabytes();
  } finally {
    await Promise.all(measured.map(({ server }) => server.stop()));
  }
  return figuresOf(kind, measured, acts);
}

async function loadOnce({ server: { port }, ...at }, { seconds, isWarmUp }) {
  const refreshes = await refreshFor(seconds, { port, sessions: at.sessions, connections });
  const logins = await loginFor(seconds, { port, nextUser: at.nextUser, password, connections: 2 });
  if (isWarmUp) return;
  at.perSecond.push(refreshes.length / seconds);
  at.refresh.push({ p50: quantile(refreshes, 0.5), p99: quantile(refreshes, 0.99) });
  at.login.push({ p50: quantile(logins, 0.5), p99: quantile(logins, 0.99) });
}

async function startOn({ place, data, bytes }) {
  const secret = newSecret();
  const source = refreshable(data, masterSecret(secret));
  let user = 0;
  return {
    data,
    bytes,
    server: await startServer(place, secret),
    sessions: Array.from({ length: Math.min(mostSessions, Math.floor(data.sessions * 0.7)) }, () => source.next().value),
    nextUser: () => userAt(data, (user = (user + 7919) % data.users)).username,
    perSecond: [],
    refresh: [],
    login: [],
  };
}

function figuresOf(kind, measured, acts) {
  const line = (name, of) => ({ name, points: measured.map((at, index) => [at.data.sessions, of(at, index)]) });
  const median = (samples, share) => spread(samples.map((sample) => sample[share])).median;
  const lines = {
    refresh50: line('refresh, p50', ({ refresh }) => median(refresh, 'p50')),
    refresh99: line('refresh, p99', ({ refresh }) => median(refresh, 'p99')),
    login50: line('login, p50', ({ login }) => median(login, 'p50')),
    login99: line('login, p99', ({ login }) => median(login, 'p99')),
    ...Object.fromEntries(Object.keys(acts[0]).map((name) => [name, line(name, (_, index) => acts[index][name])])),
  };
  const grown = ({ points }) => points.at(-1)[1] / points[0][1];
  const goal = (what, of) => ({
    text: `${what}: p99 at most 2 times that of the smallest store`,
    measured: `${grown(of).toFixed(2)} times`,
    reached: grown(of) <= 2,
  });
  const {
    refresh50,
    refresh99,
    login50,
    login99,
    'login without the hash, p99': loginAct,
    'sessions of a user, p99': ofUser,
    'page of users, p99': page,
    'search that finds one user': search,
  } = lines;
  const lower = { unit: 'ms', better: 'lower', x, goals: [] };
  return [
    {
      ...lower,
      id: 'P11',
      title: `Refresh and login as a store grows, ${kind}`,
      lines: [refresh50, refresh99, login50, login99, loginAct],
      goals: [goal('refresh', refresh99), goal('login', login99)],
      notes: [
        `Refresh: ${String(connections)} connections without a pause, sessions spread over the whole store. Login: 2 connections. "Without the hash": at the store, 16 at a time.`,
        'A user has 5 sessions on average; all users have one password, whose hash was made once.',
      ],
    },
    {
      ...lower,
      id: 'P11',
      title: `Lists as a store grows, ${kind}`,
      lines: [ofUser, page, search],
      notes: ['The user that is searched for is the oldest one.'],
    },
    {
      id: 'P11',
      title: `Refreshes a second as a store grows, ${kind}`,
      unit: 'refreshes a second',
      better: 'higher',
      x,
      lines: [line('Countersign', ({ perSecond }) => spread(perSecond).median)],
      goals: [],
    },
    {
      ...lower,
      id: 'P11',
      title: `What a server and its store hold as the store grows, ${kind}`,
      unit: 'MB, ms and bytes',
      lines: [
        line('memory of the server after the load, MB', ({ megabytes }) => megabytes),
        line('opening the store and loading keys and revocations, ms', ({ server }) => server.openedInMilliseconds),
        line('database, bytes for each session and its share of a user', ({ bytes, data }) => bytes / data.sessions),
      ],
    },
  ];
}
