/** What single acts of a store cost that has grown, without HTTP and without the hash of a password. */
import { randomBytes } from 'node:crypto';
import { formatId, newIdBytes } from '../dist/crypto/random.js';
import { userAt } from './grown-data.js';
import { quantile, spread } from './measure.js';

const second = 1;

/** One object of milliseconds for each store: medians of the rounds. */
export async function measureActs(stores, { rounds, quick, progress }) {
  const opened = [];
  try {
    for (const store of stores) opened.push({ ...store, store: await store.open(), samples: {}, turn: 0 });
    for (let round = 0; round <= rounds; round++) {
      progress(`acts, round ${String(round)} of ${String(rounds)}`);
      for (const at of opened) await measureOnce(at, { isWarmUp: round === 0, quick });
    }
  } finally {
    await Promise.all(opened.map(({ store }) => store.close()));
  }
  return opened.map(({ samples }) => Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, spread(values).median])));
}

async function measureOnce(at, { isWarmUp, quick }) {
  const { store, data, samples } = at;
  const nextUser = () => userAt(data, (at.turn = (at.turn + 7919) % data.users));
  const record = (name, value) => {
    if (!isWarmUp) (samples[name] ??= []).push(value);
  };
  const timed = async (act, { seconds, callers }) => {
    const deadline = performance.now() + seconds * 1000;
    const times = [];
    const one = async () => {
      while (performance.now() < deadline) {
        const startedAt = performance.now();
        await act();
        times.push(performance.now() - startedAt);
      }
    };
    await Promise.all(Array.from({ length: callers }, one));
    return quantile(times, 0.99);
  };
  const seconds = quick ? 0.1 : second;
  record('login without the hash, p99', await timed(() => logIn(store, nextUser().username), { seconds, callers: 16 }));
  record('sessions of a user, p99', await timed(() => store.sessions.list(nextUser().id), { seconds: seconds / 2, callers: 1 }));
  const page = () => {
    const { createdAt, id } = nextUser();
    return store.users.list({ query: null, limit: 50, after: { createdAt, id } });
  };
  record('page of users, p99', await timed(page, { seconds: seconds / 2, callers: 1 }));
  const startedAt = performance.now();
  const { items } = await store.users.list({ query: userAt(data, 0).email, limit: 50, after: null });
  if (items.length !== 1) throw new Error(`a search found ${String(items.length)} users`);
  record('search that finds one user', performance.now() - startedAt);
}

/** What a login asks of the store. */
async function logIn(store, username) {
  const { user } = await store.users.findCredential({ usernameKey: username });
  const session = {
    id: formatId('ses', newIdBytes(randomBytes, Date.now())),
    userId: user.id,
    secretDigest: randomBytes(32),
    delivery: 'bearer',
    remember: true,
    factors: ['pwd'],
    device: 'Firefox on Linux',
    idleSeconds: 604_800,
    absoluteSeconds: 2_592_000,
  };
  const live = await store.sessions.open({ session, epoch: user.sessionEpoch, replaces: null, maxSessions: 100 });
  if (live === null) throw new Error('a login was refused');
}
