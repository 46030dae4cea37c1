/** The server that is loaded on a store that has grown: `fork`ed with the store and the secret; tells its port, and does what it is asked to. */
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createAuth, masterSecret } from 'countersign';
import { nodeHandler } from 'countersign/node';
import { postgres } from 'countersign/postgres';
import { sqlite } from 'countersign/sqlite';
import { purgeStore } from '../dist/flows/purge-store.js';
import { password } from './grown-data.js';

const [, , place, secret] = process.argv;
const given = place.startsWith('postgres:') ? postgres(place) : sqlite(place);
let store;

const startedAt = performance.now();
const auth = await createAuth({
  publicUrl: 'http://localhost:4000',
  secret: masterSecret(secret),
  store: { kind: given.kind, open: async (context) => (store = await given.open(context)) },
  // Counted as in real life, and never reached.
  limits: { login: '999999/1m', api: '999999/1m' },
});
const openedInMilliseconds = performance.now() - startedAt;
for (const end of ['SIGTERM', 'disconnect']) process.once(end, () => void auth.close().finally(() => process.exit()));

const asked = {
  memory: () => process.memoryUsage.rss(),
  /** What it does every five minutes. */
  purge: async () => {
    const before = performance.now();
    await purgeStore(store, () => false);
    return performance.now() - before;
  },
  /** Microseconds of one verification of the token of this user. */
  verify: async (identifier) => {
    const headers = { authorization: `Bearer ${await logIn(identifier)}` };
    const count = 200_000;
    for (let warm = 0; warm < count; warm++) auth.getPrincipal({ method: 'GET', headers });
    await pause(1200);
    const before = performance.now();
    for (let turn = 0; turn < count; turn++) auth.getPrincipal({ method: 'GET', headers });
    return ((performance.now() - before) * 1000) / count;
  },
};
process.on('message', async ([what, ...parameters]) => process.send({ [what]: await asked[what](...parameters) }));

async function logIn(identifier) {
  const body = JSON.stringify({ identifier, password, delivery: 'bearer' });
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const response = await auth.fetch(new Request('http://localhost:4000/api/auth/login', init), { remoteAddress: null });
  return (await response.json()).accessToken;
}

const server = createServer(nodeHandler(auth)).listen(0, '127.0.0.1', 4096, () => {
  process.send({ port: server.address().port, openedInMilliseconds });
});
