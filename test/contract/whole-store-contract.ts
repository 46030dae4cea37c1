/** The contract of keys, of the revocation feed and of the store as a whole. */
import { describe, expect, test } from 'vitest';
import type { OpenStore, Revocation, SessionRecord } from '../../src/model/store.js';
import {
  accessTtlSeconds,
  createUser,
  eachWithStore,
  marginSeconds,
  newKey,
  newUser,
  openInput,
  openSession,
  revocation,
  rotateInput,
  sessionNow,
  startAt,
  type MakeStore,
} from './store-under-test.js';

export function wholeStoreContract(makeStore: MakeStore): void {
  describe('signing keys', () => keys(makeStore));
  describe('the revocation feed', () => feed(makeStore));
  describe('the longest access-token life', () => longestAccess(makeStore));
  describe('purging', () => purging(makeStore));
  describe('restoring a backup', () => restoring(makeStore));
  describe('opening and closing', () => openingAndClosing(makeStore));
}

const expiryAfter = (seconds: number): number => startAt + (seconds + marginSeconds) * 1000;

function keys(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a key comes back as it was added', async () => {
    const [asymmetric, symmetric] = [
      newKey({ signsFrom: startAt + 1 }),
      newKey({ algorithm: 'HS256', publicJwk: null, signsFrom: startAt + 2 }),
    ];
    expect(await at.store.keys.list()).toEqual([]);
    expect(await at.store.keys.addAfter(null, asymmetric)).toBe(true);
    expect(await at.store.keys.addAfter(asymmetric.kid, symmetric)).toBe(true);
    expect(await at.store.keys.list()).toEqual([asymmetric, symmetric]);
  });

  test('keys are listed in the order in which they were added, whatever their instants', async () => {
    const keys = [newKey({ signsFrom: startAt + 9 }), newKey({ signsFrom: startAt + 1 }), newKey({ signsFrom: startAt + 1 })];
    for (const [index, key] of keys.entries()) expect(await at.store.keys.addAfter(keys[index - 1]?.kid ?? null, key)).toBe(true);
    expect((await at.store.keys.list()).map(({ kid }) => kid)).toEqual(keys.map(({ kid }) => kid));
  });

  test('a key is added only after the newest one', async () => {
    const first = newKey();
    expect(await at.store.keys.addAfter('nothing', first)).toBe(false);
    expect(await at.store.keys.addAfter(null, first)).toBe(true);
    const second = newKey({ signsFrom: startAt + 1 });
    expect(await at.store.keys.addAfter(null, second)).toBe(false);
    expect(await at.store.keys.addAfter(first.kid, second)).toBe(true);
    expect(await at.store.keys.addAfter(first.kid, newKey())).toBe(false);
    expect(await at.store.keys.list()).toEqual([first, second]);
  });

  test('of many nodes that add at once exactly one does', async () => {
    const other = await at.world.open();
    const adding = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? at.store : other).keys.addAfter(null, newKey()));
    expect((await Promise.all(adding)).filter(Boolean)).toHaveLength(1);
    expect(await at.store.keys.list()).toHaveLength(1);
  });

  test('a compromise marks all other keys, writes their rows and adds the new one', async () => {
    const [one, two, next] = [newKey(), newKey({ signsFrom: startAt + 1 }), newKey({ signsFrom: startAt + 5 })];
    await at.store.keys.addAfter(null, one);
    await at.store.keys.addAfter(one.kid, two);
    at.world.advance(5);
    await at.store.keys.replaceCompromised(next);
    expect(await at.store.keys.list()).toEqual([{ ...one, compromisedAt: startAt + 5 }, { ...two, compromisedAt: startAt + 5 }, next]);
    const told = at.world.told.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
    expect(told).toEqual([one, two].map(({ kid }) => revocation('key', kid, 0, 5)));
  });

  test('a key that is compromised already keeps its instant and gets no second row', async () => {
    const [first, second, third] = [newKey(), newKey({ signsFrom: startAt + 1 }), newKey({ signsFrom: startAt + 2 })];
    await at.store.keys.addAfter(null, first);
    await at.store.keys.replaceCompromised(second);
    at.world.advance(5);
    await at.store.keys.replaceCompromised(third);
    expect((await at.store.keys.list()).map(({ compromisedAt }) => compromisedAt)).toEqual([startAt, startAt + 5, null]);
    expect(at.world.told.map(({ subject }) => subject)).toEqual([first.kid, second.kid]);
  });

  test('a compromise that cannot add its key marks none', async () => {
    const key = newKey();
    await at.store.keys.addAfter(null, key);
    await expect(at.store.keys.replaceCompromised(key)).rejects.toThrow();
    expect(await at.store.keys.list()).toEqual([key]);
    expect(at.world.told).toEqual([]);
  });

  test('a key is sealed anew, and keys are removed', async () => {
    const [one, two] = [newKey(), newKey({ signsFrom: startAt + 1 })];
    await at.store.keys.addAfter(null, one);
    await at.store.keys.addAfter(one.kid, two);
    await at.store.keys.reseal(two.kid, new Uint8Array([9]));
    await at.store.keys.reseal('nothing', new Uint8Array([8]));
    await at.store.keys.remove([one.kid, 'nothing']);
    await at.store.keys.remove([]);
    expect(await at.store.keys.list()).toEqual([{ ...two, sealedPrivate: new Uint8Array([9]) }]);
  });
}

function feed(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a reader who was up to date reads what was written since, oldest first', async () => {
    const empty = await at.store.revocations.read(null);
    expect(empty).toMatchObject({ rows: [], more: false });
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id);
    await at.store.sessions.end(session.id, 'logout');
    await at.store.sessions.endAll(user.id);
    const page = await at.store.revocations.read(empty.position);
    expect(page.rows).toEqual(at.world.told);
    expect(page.rows.map(({ kind }) => kind)).toEqual(['session', 'epoch']);
    expect(await at.store.revocations.read(page.position)).toMatchObject({ rows: [], more: false, now: startAt });
    await at.store.users.raiseAuthzVersion(user.id);
    expect((await at.store.revocations.read(page.position)).rows).toMatchObject([{ kind: 'authz', subject: user.id, value: 1 }]);
    expect((await at.store.revocations.read(null)).rows).toEqual(at.world.told);
  });

  test('another process reads them too', async () => {
    const other = await at.world.open();
    const { position } = await other.revocations.read(null);
    const user = await createUser(at.store);
    await at.store.sessions.endAll(user.id);
    expect((await other.revocations.read(position)).rows).toEqual(at.world.told);
  });

  test('the rows are told before the promise of the act resolves', async () => {
    const order: string[] = [];
    const store = await at.world.open({ onRevocations: (rows) => void order.push(...rows.map(({ subject }) => `told ${subject}`)) });
    const users = [await createUser(store), await createUser(store)];
    await Promise.all(users.map(({ id }) => store.sessions.endAll(id).then(() => order.push(`resolved ${id}`))));
    for (const { id } of users) expect(order.indexOf(`told ${id}`)).toBeLessThan(order.indexOf(`resolved ${id}`));
    expect(order).toHaveLength(4);
  });

  test('a listener that throws does not make a committed act fail', async () => {
    const logged: [object, string][] = [];
    const err = new Error('broken index');
    const store = await at.world.open({
      onRevocations: () => {
        throw err;
      },
      logger: { info: () => undefined, warn: () => undefined, error: (...line) => void logged.push(line) },
    });
    const user = await createUser(store);
    expect(await store.sessions.endAll(user.id)).toBe(true);
    expect(logged).toEqual([[{ err }, expect.stringContaining('is let in')]]);
  });

  test('an expired row is not read any more', async () => {
    const user = await createUser(at.store);
    await at.store.sessions.endAll(user.id);
    const { expiresAt } = at.world.told[0]!;
    at.world.setTo(expiresAt - 1);
    expect((await at.store.revocations.read(null)).rows).toHaveLength(1);
    at.world.setTo(expiresAt);
    expect((await at.store.revocations.read(null)).rows).toHaveLength(0);
  });

  test('a position of another feed epoch, or one that makes no sense, reads from the start', async () => {
    const user = await createUser(at.store);
    await at.store.sessions.endAll(user.id);
    for (const position of ['', 'x', ':', 'another:0', 'another:999', '../..:1']) {
      expect((await at.store.revocations.read(position)).rows).toEqual(at.world.told);
    }
  });

  test('many rows are read in pages that lose none', async () => {
    const user = await createUser(at.store);
    for (const count of Array<number>(10).fill(500).concat(3)) {
      await Promise.all(Array.from({ length: count }, () => at.store.users.raiseAuthzVersion(user.id)));
    }
    const rows: Revocation[] = [];
    let page = await at.store.revocations.read(null);
    expect(page.more).toBe(true);
    for (rows.push(...page.rows); page.more; rows.push(...page.rows)) page = await at.store.revocations.read(page.position);
    expect(rows.map(({ value }) => value)).toEqual(Array.from({ length: 5003 }, (_, index) => index + 1));
  });
}

function longestAccess(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  /** Opens with a configured life; gives the life in force and how long a revocation row written now would live beyond the margin. */
  async function lives(configured: number): Promise<{ inForce: number; rows: number }> {
    const store = await at.world.open({ accessTtlSeconds: configured });
    const { id } = await createUser(store);
    await store.sessions.endAll(id);
    await store.close();
    return { inForce: store.longestAccessSeconds, rows: (at.world.told.at(-1)!.expiresAt - at.world.now) / 1000 - marginSeconds };
  }

  test('a longer life holds at once', async () => {
    expect(await lives(accessTtlSeconds)).toEqual({ inForce: accessTtlSeconds, rows: accessTtlSeconds });
    expect(await lives(900)).toEqual({ inForce: 900, rows: 900 });
  });

  test('a shorter life holds when the last token of the longer one has run out, counted from when it was first configured', async () => {
    await lives(900);
    at.world.advance(5_000_000);
    const shortenedAt = at.world.now;
    expect(await lives(60)).toEqual({ inForce: 900, rows: 900 });
    at.world.setTo(shortenedAt + 899_999);
    expect(await lives(60)).toEqual({ inForce: 900, rows: 900 });
    at.world.setTo(shortenedAt + 900_000);
    expect(await lives(60)).toEqual({ inForce: 60, rows: 60 });
  });

  test('going back to the longer life forgets that a shorter one was configured', async () => {
    await lives(900);
    await lives(60);
    at.world.advance(500_000);
    await lives(900);
    at.world.advance(500_000);
    expect(await lives(60)).toEqual({ inForce: 900, rows: 900 });
  });

  test('a process that runs already writes rows for the longer life that another was opened with', async () => {
    const user = await createUser(at.store);
    await at.world.open({ accessTtlSeconds: 900 });
    await at.store.sessions.endAll(user.id);
    expect(at.world.told.at(-1)!.expiresAt).toBe(expiryAfter(900));
    expect(at.store.longestAccessSeconds).toBe(900);
  });

  test('a process that runs already knows the longer life that another was opened with once it has read revocations', async () => {
    expect(at.store.longestAccessSeconds).toBe(accessTtlSeconds);
    await at.world.open({ accessTtlSeconds: 900 });
    await at.store.revocations.read(null);
    expect(at.store.longestAccessSeconds).toBe(900);
  });

  test('a process that writes keeps its life in force, however long ago a shorter one was configured elsewhere', async () => {
    await lives(60);
    at.world.advance(200_000);
    await createUser(at.store);
    at.world.advance(200_000);
    expect(await lives(60)).toEqual({ inForce: accessTtlSeconds, rows: accessTtlSeconds });
    at.world.advance(300_000);
    expect(await lives(60)).toEqual({ inForce: 60, rows: 60 });
    expect(at.store.longestAccessSeconds).toBe(accessTtlSeconds);
  });

  test('a longer life that no process has any more runs out while others run', async () => {
    await lives(900);
    await createUser(at.store);
    at.world.advance(899_999);
    await createUser(at.store);
    expect(at.store.longestAccessSeconds).toBe(900);
    at.world.advance(1);
    await createUser(at.store);
    expect(at.store.longestAccessSeconds).toBe(accessTtlSeconds);
  });
}

function purging(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a session row stays to the last millisecond of its absolute lifetime, ended or not, and no longer', async () => {
    const user = await createUser(at.store);
    const [ended, idle] = [await openSession(at.store, user.id), await openSession(at.store, user.id, { idleSeconds: 1 })];
    await at.store.sessions.end(ended.id, 'logout');
    at.world.setTo(ended.absoluteExpiresAt - 1);
    await at.store.purge(100);
    for (const { id } of [ended, idle]) expect(await at.store.sessions.find(id)).not.toBeNull();
    at.world.advance(1);
    expect(await at.store.purge(100)).toBe(false);
    for (const { id } of [ended, idle]) expect(await at.store.sessions.find(id)).toBeNull();
    expect(await at.store.users.find({ id: user.id })).not.toBeNull();
  });

  test('a revocation row goes when it has expired, and positions stay good', async () => {
    const user = await createUser(at.store);
    await at.store.sessions.endAll(user.id);
    const { position } = await at.store.revocations.read(null);
    at.world.setTo(at.world.told[0]!.expiresAt);
    await at.store.purge(100);
    await at.store.users.raiseAuthzVersion(user.id);
    expect((await at.store.revocations.read(position)).rows).toMatchObject([{ kind: 'authz' }]);
  });

  test('no more than the limit is removed at a time, and it says when there may be more', async () => {
    const user = await createUser(at.store);
    const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(at.store, user.id, { absoluteSeconds: 1 })));
    at.world.advance(1000);
    const left = async (): Promise<number> =>
      (await Promise.all(sessions.map(({ id }) => at.store.sessions.find(id)))).filter(Boolean).length;
    expect(await at.store.purge(3)).toBe(true);
    expect(await left()).toBe(2);
    expect(await at.store.purge(3)).toBe(false);
    expect(await left()).toBe(0);
  });

  test('two processes that purge at once remove all that has expired and nothing else, while sessions are refreshed', async () => {
    const user = await createUser(at.store);
    const open = (count: number, absoluteSeconds: number): Promise<SessionRecord[]> =>
      Promise.all(Array.from({ length: count }, () => openSession(at.store, user.id, { absoluteSeconds })));
    const [expired, alive] = [await open(40, 1), await open(5, 5000)];
    at.world.advance(1000);
    const purgeAll = async (store: OpenStore): Promise<void> => {
      for (let mayBeMore = true; mayBeMore;) mayBeMore = await store.purge(7);
    };
    const refresh = async ({ id }: SessionRecord): Promise<void> => {
      for (let from = 0; from < 20; from += 1) {
        expect((await at.store.sessions.rotate(rotateInput(id, from))).outcome).toBe('rotated');
      }
    };
    await Promise.all([purgeAll(at.store), purgeAll(await at.world.open()), ...alive.map(refresh)]);
    // What one of them was removing is left by the other, for the next time.
    await purgeAll(at.store);
    for (const { id } of expired) expect(await at.store.sessions.find(id)).toBeNull();
    for (const { id } of alive) expect((await sessionNow(at.store, id)).generation).toBe(20);
  });

  test('what expires while it is being purged is removed by the purges that follow, also what is older than what was removed before', async () => {
    const user = await createUser(at.store);
    const ids: string[] = [];
    for (const absoluteSeconds of [4, 3, 2, 1]) ids.push((await openSession(at.store, user.id, { absoluteSeconds })).id);
    at.world.advance(2000);
    expect(await at.store.purge(1)).toBe(true);
    const late = await openSession(at.store, user.id, { absoluteSeconds: 0 });
    at.world.advance(2000);
    for (let mayBeMore = true; mayBeMore;) mayBeMore = await at.store.purge(1);
    for (const id of [...ids, late.id]) expect(await at.store.sessions.find(id)).toBeNull();
  });
}

function restoring(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('after a restore every session has ended, every key is compromised and every reader starts over', async () => {
    const [one, two] = [await createUser(at.store), await createUser(at.store)];
    const [open, ended] = [await openSession(at.store, one.id), await openSession(at.store, two.id)];
    await at.store.sessions.end(ended.id, 'logout');
    const key = newKey();
    await at.store.keys.addAfter(null, key);
    const { position } = await at.store.revocations.read(null);
    at.world.forgetTold();
    at.world.advance(5);
    await at.store.restoreEpoch();
    for (const user of [one, two]) expect(await at.store.users.find({ id: user.id })).toEqual({ ...user, sessionEpoch: 1 });
    expect(await sessionNow(at.store, open.id)).toMatchObject({ endedAt: startAt + 5, endReason: 'restored' });
    expect((await sessionNow(at.store, ended.id)).endReason).toBe('logout');
    expect(await at.store.keys.list()).toEqual([{ ...key, compromisedAt: startAt + 5 }]);
    expect(at.world.told).toEqual([revocation('key', key.kid, 0, 5)]);
    const page = await at.store.revocations.read(position);
    expect(page.rows.map(({ kind }) => kind)).toEqual(['session', 'key']);
    expect((await at.store.revocations.read(page.position)).rows).toEqual([]);
    expect(await at.store.sessions.open(openInput(one.id, {}, { epoch: 1 }))).not.toBeNull();
  });

  test('a key that was compromised before keeps its instant', async () => {
    const [old, next] = [newKey(), newKey({ signsFrom: startAt + 1 })];
    await at.store.keys.addAfter(null, old);
    await at.store.keys.replaceCompromised(next);
    at.world.advance(5);
    await at.store.restoreEpoch();
    expect((await at.store.keys.list()).map(({ compromisedAt }) => compromisedAt)).toEqual([startAt, startAt + 5]);
  });
}

function openingAndClosing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  async function contents(store: OpenStore, userId: string): Promise<unknown> {
    return [
      await store.users.findCredential({ id: userId }),
      await store.sessions.list(userId),
      await store.keys.list(),
      await store.revocations.read(null),
      await store.appliedMigrations(),
    ];
  }

  test('the store tells its time', async () => {
    at.world.advance(17);
    expect(await at.store.now()).toBe(startAt + 17);
  });

  test('migrations are told in order with the instant at which they were applied', async () => {
    const applied = await at.store.appliedMigrations();
    expect(applied.length).toBeGreaterThan(0);
    expect(applied.map(({ version }) => version)).toEqual(applied.map((_, index) => index + 1));
    for (const { name, appliedAt } of applied) expect([name.length > 0, appliedAt]).toEqual([true, startAt]);
  });

  test('what was written is there when the store is opened again', async () => {
    const user = await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org', profile: { a: 1 } });
    const { id } = await openSession(at.store, user.id);
    await at.store.sessions.rotate(rotateInput(id, 0));
    await at.store.keys.addAfter(null, newKey());
    await at.store.users.raiseAuthzVersion(user.id);
    const before = await contents(at.store, user.id);
    await at.store.close();
    expect(await contents(await at.world.open(), user.id)).toEqual(before);
  });

  test('a store that is opened to be inspected tells what is there and writes nothing, not even the life that it is opened with', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id);
    const before = await contents(at.store, user.id);
    const inspected = await at.world.open({ mode: 'inspect', accessTtlSeconds: 900 });
    expect(await contents(inspected, user.id)).toEqual(before);
    const writing = [
      inspected.users.update(user.id, { name: 'x' }),
      inspected.sessions.end(session.id, 'logout'),
      inspected.restoreEpoch(),
    ];
    for (const result of await Promise.allSettled(writing)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailableError' } });
    }
    expect(at.world.told).toEqual([]);
    expect(await contents(at.store, user.id)).toEqual(before);
    expect(at.store.longestAccessSeconds).toBe(accessTtlSeconds);
  });

  test('closing finishes what was asked for, can be done twice, and refuses what comes later', async () => {
    const user = newUser();
    const creating = at.store.users.create(user);
    const closing = Promise.all([at.store.close(), at.store.close()]);
    await expect(at.store.users.find({ id: user.id })).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    expect(await creating).toMatchObject({ outcome: 'created' });
    await closing;
    await at.store.close();
    await expect(at.store.now()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    expect(await (await at.world.open()).users.find({ id: user.id })).toMatchObject({ id: user.id });
  });
}
