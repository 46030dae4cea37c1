/** Whether refreshes notice that a million expired sessions are being purged. */
import { masterSecret, newSecret } from 'countersign';
import { sessionAt, tokenMaker } from './grown-data.js';
import { startServer } from './grown-servers.js';
import { withPostgresStores, withSqliteStores } from './grown-stores.js';
import { quantile, rowOf, spread } from './measure.js';
import { refreshFor } from './refresh-clients.js';
import { Skipped } from './skipped.js';

const connections = 64;

export const purge = {
  name: 'purge',
  about: 'refresh while 1,000,000 expired sessions are purged from a store of 2,000,000',
  async measure(options) {
    const { quick, progress } = options;
    const sessions = quick ? 20_000 : 2_000_000;
    const sizes = [{ sessions, users: sessions / 5, expired: sessions / 2 }];
    const rows = await withSqliteStores(sizes, progress, ([store]) => measureOn('SQLite', store, options));
    const notes = [`Refreshed by ${String(connections)} connections; the sessions that are alive, spread over the whole store.`];
    try {
      rows.push(...(await withPostgresStores(sizes, progress, ([store]) => measureOn('PostgreSQL', store, options))));
    } catch (error) {
      if (!(error instanceof Skipped)) throw error;
      notes.push(`PostgreSQL left out: ${error.message}`);
    }
    return [{ id: '', title: 'Refresh during a purge', unit: 'p99 in ms', better: 'lower', rows, goals: [], notes }];
  },
};

async function measureOn(kind, { place, data }, { rounds, quick, progress }) {
  const secret = newSecret();
  const server = await startServer(place, secret);
  const sessions = aliveSessions(data, masterSecret(secret), { from: data.sessions / 2, most: quick ? 2000 : 50_000 });
  const seconds = quick ? 0.3 : 2;
  const load = async () => quantile(await refreshFor(seconds, { port: server.port, sessions, connections }), 0.99);
  try {
    progress(`${kind}, before`);
    await load();
    const before = [];
    for (let round = 0; round < rounds; round++) before.push(await load());
    const during = [];
    let took = null;
    const purged = server.purge().then((milliseconds) => (took = milliseconds));
    while (took === null && during.length < rounds * 4) {
      progress(`${kind}, during, ${String(during.length)}`);
      during.push(await load());
    }
    progress(`${kind}, until it is through`);
    await purged;
    const slower = spread(during).median / spread(before).median;
    return [
      rowOf(`${kind}, before`, 'limit', before),
      rowOf(`${kind}, during`, 'ours', during, { 'beside before': `${slower.toFixed(2)} ×`, 'purged in': `${(took / 1000).toFixed(0)} s` }),
    ];
  } finally {
    await server.stop();
  }
}

function aliveSessions(data, secret, { from, most }) {
  const tokenOf = tokenMaker(secret);
  const sessions = [];
  for (
    let number = from;
    number < data.sessions && sessions.length < most;
    number += Math.max(1, Math.floor((data.sessions - from) / most / 1.5))
  ) {
    const session = sessionAt(data, number);
    if (session.isAlive) sessions.push({ token: tokenOf(session) });
  }
  return sessions;
}
