/** The contract of `ApiKeyStore`, and of what happens to API keys when something happens to their owner. */
import { describe, expect, test } from 'vitest';
import { keptAfterEndSeconds, type ApiKeyCursor, type ApiKeyRecord, type NewApiKeyRecord } from '../../src/model/api-key.js';
import type { OpenStore } from '../../src/model/store.js';
import { createUser, eachWithStore, newUser, openInput, openSession, revocation, startAt, type MakeStore } from './store-under-test.js';

export function apiKeysContract(makeStore: MakeStore): void {
  describe('creating API keys', () => creating(makeStore));
  describe('listing API keys', () => listing(makeStore));
  describe('rotating API keys', () => rotating(makeStore));
  describe('revoking API keys', () => revoking(makeStore));
  describe('the last use of an API key', () => lastUse(makeStore));
  describe('an API key and its owner', () => owners(makeStore));
  describe('purging and restoring API keys', () => purgingAndRestoring(makeStore));
}

const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const [first, second, third] = [digest(1), digest(2), digest(3)];
const day = 86_400_000;

let serial = 0;

function newKey(userId: string, overrides: Partial<NewApiKeyRecord> = {}): NewApiKeyRecord {
  serial += 1;
  const id = `key_${String(serial).padStart(6, '0')}`;
  return { id, userId, name: 'Nightly import', scopes: ['article:write'], secretDigest: first, lifetimeSeconds: 1000, ...overrides };
}

async function createKey(store: OpenStore, userId: string, overrides: Partial<NewApiKeyRecord> = {}): Promise<ApiKeyRecord> {
  const created = await store.apiKeys.create({ key: newKey(userId, overrides), epoch: null, maxKeys: 50 });
  if (created.outcome !== 'created') throw new Error(created.outcome);
  return created.key;
}

async function keyNow(store: OpenStore, id: string): Promise<ApiKeyRecord> {
  const found = await store.apiKeys.find(id);
  if (found === null) throw new Error('There is no such API key.');
  return found.key;
}

function creating(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a key has exactly what was given, is new, and comes with the live row of its owner', async () => {
    const user = await createUser(at.store);
    const key = newKey(user.id, { name: 'Büro', scopes: ['a', 'b:c'], secretDigest: second });
    const expected: ApiKeyRecord = {
      id: key.id,
      userId: user.id,
      name: 'Büro',
      scopes: ['a', 'b:c'],
      secretDigest: second,
      secretUsedAt: null,
      previousDigest: null,
      previousUntil: null,
      createdAt: startAt,
      rotatedAt: null,
      expiresAt: startAt + 1_000_000,
      lastUsedAt: null,
      revokedAt: null,
    };
    expect(await at.store.apiKeys.create({ key, epoch: 0, maxKeys: 1 })).toEqual({ outcome: 'created', key: expected });
    at.world.advance(5);
    const updated = await at.store.users.update(user.id, { name: 'Newer' });
    expect(await at.store.apiKeys.find(key.id)).toEqual({ key: expected, user: updated, hasPassword: true, now: startAt + 5 });
    expect(await at.store.apiKeys.find('key_nothing')).toBeNull();
  });

  test('a key comes with whether its owner has a password', async () => {
    const [person, service] = [await createUser(at.store), await createUser(at.store, newUser({ passwordHash: null }))];
    const [theirs, its] = [await createKey(at.store, person.id), await createKey(at.store, service.id)];
    expect((await at.store.apiKeys.find(theirs.id))?.hasPassword).toBe(true);
    expect((await at.store.apiKeys.find(its.id))?.hasPassword).toBe(false);
  });

  test('a key without a lifetime never expires', async () => {
    const user = await createUser(at.store);
    expect((await createKey(at.store, user.id, { lifetimeSeconds: null })).expiresAt).toBeNull();
  });

  test('nobody, a disabled user and one whose epoch has moved on get none', async () => {
    const [disabled, moved] = [await createUser(at.store), await createUser(at.store)];
    await at.store.users.setDisabled(disabled.id, true);
    await at.store.sessions.endAll(moved.id);
    for (const [userId, epoch] of [
      ['usr_nobody', null],
      [disabled.id, null],
      [moved.id, 0],
    ] as const) {
      const key = newKey(userId);
      expect(await at.store.apiKeys.create({ key, epoch, maxKeys: 50 })).toEqual({ outcome: 'no_owner' });
      expect(await at.store.apiKeys.find(key.id)).toBeNull();
    }
    expect(await at.store.apiKeys.create({ key: newKey(moved.id), epoch: 1, maxKeys: 50 })).toMatchObject({ outcome: 'created' });
  });

  test('no user has more than the limit; keys that are revoked or expired do not count', async () => {
    const [user, other] = [await createUser(at.store), await createUser(at.store)];
    const create = (): Promise<{ outcome: string }> => at.store.apiKeys.create({ key: newKey(user.id), epoch: null, maxKeys: 2 });
    const [revoked] = [await createKey(at.store, user.id), await createKey(at.store, user.id, { lifetimeSeconds: 5 })];
    await createKey(at.store, other.id);
    expect(await create()).toEqual({ outcome: 'too_many' });
    await at.store.apiKeys.revoke(revoked.id);
    expect(await create()).toMatchObject({ outcome: 'created' });
    expect(await create()).toEqual({ outcome: 'too_many' });
    at.world.advance(5000);
    expect(await create()).toMatchObject({ outcome: 'created' });
    expect(await create()).toEqual({ outcome: 'too_many' });
  });

  test('of many that are created at once no more than the limit are', async () => {
    const user = await createUser(at.store);
    const other = await at.world.open();
    const creating = Array.from({ length: 16 }, (_, index) =>
      (index % 2 === 0 ? at.store : other).apiKeys.create({ key: newKey(user.id), epoch: null, maxKeys: 5 }),
    );
    expect((await Promise.all(creating)).filter(({ outcome }) => outcome === 'created')).toHaveLength(5);
    expect((await at.store.apiKeys.list({ userId: user.id, limit: 50, after: null })).items).toHaveLength(5);
  });

  test('one that is created while something happens to its owner is refused, or shares his fate', async () => {
    const acts: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
      disabled: (id) => at.store.users.setDisabled(id, true),
      deleted: (id) => at.store.users.delete(id),
      'password set': (id) => at.store.users.setPassword(id, 'hash-2'),
    };
    const other = await at.world.open();
    for (const [name, act] of Object.entries(acts)) {
      const user = await createUser(at.store);
      const create = (): Promise<unknown> => other.apiKeys.create({ key: newKey(user.id), epoch: user.sessionEpoch, maxKeys: 50 });
      await Promise.all([create(), create(), create(), create(), act(user.id), create(), create(), create(), create()]);
      expect(await create(), name).toEqual({ outcome: 'no_owner' });
      const { items } = await at.store.apiKeys.list({ userId: user.id, limit: 50, after: null });
      if (name === 'deleted') expect(items).toEqual([]);
      for (const { id, revokedAt } of items) {
        const isOver = name === 'disabled' ? (await at.store.apiKeys.find(id))?.user?.disabledAt : revokedAt;
        expect(isOver, name).toEqual(expect.any(Number));
      }
    }
  });
}

function listing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  async function allPages(userId: string | null, limit: number): Promise<string[]> {
    const ids: string[] = [];
    let after: ApiKeyCursor | null = null;
    do {
      const page: Awaited<ReturnType<OpenStore['apiKeys']['list']>> = await at.store.apiKeys.list({ userId, limit, after });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      ids.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after !== null);
    return ids;
  }

  test('of one user or of all, newest first, in whatever state, in pages that lose none', async () => {
    const [one, two] = [await createUser(at.store), await createUser(at.store)];
    const made: ApiKeyRecord[] = [];
    for (const owner of [one, two, one, two, one]) {
      made.push(await createKey(at.store, owner.id));
      // Two of one instant.
      if (made.length !== 2) at.world.advance(1);
    }
    await at.store.apiKeys.revoke(made[2]!.id);
    at.world.advance(1_000_000);
    const newestFirst = (keys: readonly ApiKeyRecord[]): string[] =>
      keys.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).map(({ id }) => id);
    for (const limit of [1, 2, 5, 50]) {
      expect(await allPages(null, limit)).toEqual(newestFirst(made));
      expect(await allPages(one.id, limit)).toEqual(newestFirst(made.filter(({ userId }) => userId === one.id)));
    }
    expect(await allPages('usr_nobody', 10)).toEqual([]);
  });
}

function rotating(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a rotated key has a new secret with a lifetime of its own, and accepts the old one for a while', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    at.world.advance(10_000);
    const rotated = await at.store.apiKeys.rotate({ id: key.id, fromDigest: first, toDigest: second, overlapSeconds: 60 });
    expect(rotated).toEqual({
      ...key,
      secretDigest: second,
      previousDigest: first,
      previousUntil: startAt + 70_000,
      rotatedAt: startAt + 10_000,
      expiresAt: startAt + 1_010_000,
    });
    expect(await keyNow(at.store, key.id)).toEqual(rotated);
    at.world.advance(5000);
    await at.store.apiKeys.recordUse(key.id, second);
    const again = await at.store.apiKeys.rotate({ id: key.id, fromDigest: second, toDigest: third, overlapSeconds: 60 });
    expect(again).toMatchObject({
      secretDigest: third,
      previousDigest: second,
      rotatedAt: startAt + 15_000,
      expiresAt: startAt + 1_015_000,
    });
    expect(at.world.told).toEqual([]);
  });

  test('a rotation that is repeated because its answer was lost keeps the secret that is in use, and its time', async () => {
    const user = await createUser(at.store);
    const { id } = await createKey(at.store, user.id);
    await at.store.apiKeys.recordUse(id, first);
    const rotate = (fromDigest: Uint8Array, toDigest: Uint8Array, overlapSeconds: number): Promise<ApiKeyRecord | null> =>
      at.store.apiKeys.rotate({ id, fromDigest, toDigest, overlapSeconds });
    await rotate(first, second, 60);
    at.world.advance(59_999);
    await at.store.apiKeys.recordUse(id, first);
    const repeated = { secretDigest: third, secretUsedAt: null, previousDigest: first };
    expect(await rotate(second, third, 3600)).toMatchObject({
      ...repeated,
      previousUntil: startAt + 60_000,
      rotatedAt: startAt + 59_999,
      expiresAt: startAt + 1_059_999,
    });
    at.world.advance(1);
    expect(await rotate(third, digest(4), 60), 'once the time is over').toMatchObject({
      previousDigest: third,
      previousUntil: startAt + 120_000,
    });
    expect(await rotate(digest(4), digest(5), 10), 'a shorter one holds').toMatchObject({
      previousDigest: third,
      previousUntil: startAt + 70_000,
    });
  });

  test('a secret that was used, were it once and a moment ago, is the one that is kept beside the next', async () => {
    const user = await createUser(at.store);
    const { id } = await createKey(at.store, user.id);
    await at.store.apiKeys.recordUse(id, first);
    await at.store.apiKeys.rotate({ id, fromDigest: first, toDigest: second, overlapSeconds: 60 });
    expect(await at.store.apiKeys.recordUse(id, first)).toBe(false);
    at.world.advance(5);
    expect(await at.store.apiKeys.recordUse(id, second), 'within the minute of the use before').toBe(true);
    expect(await at.store.apiKeys.recordUse(id, second)).toBe(false);
    expect(await keyNow(at.store, id)).toMatchObject({ lastUsedAt: startAt + 5, secretUsedAt: startAt + 5 });
    const rotated = await at.store.apiKeys.rotate({ id, fromDigest: second, toDigest: third, overlapSeconds: 60 });
    expect(rotated).toMatchObject({ secretDigest: third, secretUsedAt: null, previousDigest: second, previousUntil: startAt + 60_005 });
    at.world.advance(60_000);
    expect(await at.store.apiKeys.recordUse(id, second)).toBe(true);
    expect((await keyNow(at.store, id)).secretUsedAt, 'of the new one').toBeNull();
  });

  test('a rotation beside the first use of the secret that it replaces goes by which was written down first', async () => {
    const user = await createUser(at.store);
    const other = await at.world.open();
    for (let round = 0; round < 8; round += 1) {
      const { id } = await createKey(at.store, user.id);
      await at.store.apiKeys.recordUse(id, first);
      await at.store.apiKeys.rotate({ id, fromDigest: first, toDigest: second, overlapSeconds: 60 });
      const [, used, rotated] = await Promise.all([
        other.apiKeys.recordUse(id, first),
        other.apiKeys.recordUse(id, second),
        at.store.apiKeys.rotate({ id, fromDigest: second, toDigest: third, overlapSeconds: 60 }),
        other.apiKeys.recordUse(id, third),
      ]);
      const kept = [first, second].findIndex((secret) => Buffer.compare(secret, rotated!.previousDigest!) === 0);
      expect(kept, 'the second if its use was written down before').toBe(used ? 1 : 0);
      expect(await keyNow(at.store, id)).toMatchObject({ secretDigest: third, previousDigest: rotated!.previousDigest });
    }
  });

  test('the old secret does not outlive its own expiry, and a key that never expires goes on so', async () => {
    const user = await createUser(at.store);
    const [expiring, lasting] = [await createKey(at.store, user.id), await createKey(at.store, user.id, { lifetimeSeconds: null })];
    at.world.advance(990_000);
    const rotate = (id: string): Promise<ApiKeyRecord | null> =>
      at.store.apiKeys.rotate({ id, fromDigest: first, toDigest: second, overlapSeconds: 60 });
    expect(await rotate(expiring.id)).toMatchObject({ previousUntil: startAt + 1_000_000 });
    expect(await rotate(lasting.id)).toMatchObject({ previousUntil: startAt + 1_050_000, expiresAt: null });
  });

  test('only while the digest is still the one given, the key is good and its owner enabled', async () => {
    const [user, disabled] = [await createUser(at.store), await createUser(at.store)];
    const [other, revoked, expired] = [
      await createKey(at.store, user.id),
      await createKey(at.store, user.id),
      await createKey(at.store, user.id, { lifetimeSeconds: 5 }),
    ];
    const ofDisabled = await createKey(at.store, disabled.id);
    await at.store.apiKeys.revoke(revoked.id);
    await at.store.users.setDisabled(disabled.id, true);
    at.world.advance(5000);
    const refused = [
      [other.id, third],
      [revoked.id, first],
      [expired.id, first],
      [ofDisabled.id, first],
      ['key_nothing', first],
    ] as const;
    for (const [id, fromDigest] of refused) {
      const before = await at.store.apiKeys.find(id);
      expect(await at.store.apiKeys.rotate({ id, fromDigest, toDigest: second, overlapSeconds: 60 })).toBeNull();
      expect(await at.store.apiKeys.find(id)).toEqual(before);
    }
  });

  test('of many that rotate at once exactly one does', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    const other = await at.world.open();
    const rotating = Array.from({ length: 16 }, (_, index) =>
      (index % 2 === 0 ? at.store : other).apiKeys.rotate({
        id: key.id,
        fromDigest: first,
        toDigest: digest(100 + index),
        overlapSeconds: 60,
      }),
    );
    const [rotated, ...more] = (await Promise.all(rotating)).filter((result) => result !== null);
    expect(more).toEqual([]);
    expect(await keyNow(at.store, key.id)).toEqual(rotated);
  });
}

function revoking(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('is for good, writes one revocation row, and tells whose key it was', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    at.world.advance(5);
    expect(await at.store.apiKeys.revoke(key.id)).toBe(user.id);
    expect(at.world.told).toEqual([revocation('session', key.id, 0, 5)]);
    expect((await at.store.revocations.read(null)).rows).toEqual(at.world.told);
    at.world.advance(5);
    expect(await at.store.apiKeys.revoke(key.id)).toBeNull();
    expect(await at.store.apiKeys.revoke('key_nothing')).toBeNull();
    expect(await keyNow(at.store, key.id)).toEqual({ ...key, revokedAt: startAt + 5 });
    expect(at.world.told).toHaveLength(1);
  });

  test("another one's key is left alone", async () => {
    const [one, two] = [await createUser(at.store), await createUser(at.store)];
    const key = await createKey(at.store, one.id);
    expect(await at.store.apiKeys.revoke(key.id, { userId: two.id })).toBeNull();
    expect(await keyNow(at.store, key.id)).toEqual(key);
    expect(at.world.told).toEqual([]);
    expect(await at.store.apiKeys.revoke(key.id, { userId: one.id })).toBe(one.id);
  });

  test('of many that revoke at once exactly one does, and a rotation beside them changes nothing about it', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    const other = await at.world.open();
    const rotating = other.apiKeys.rotate({ id: key.id, fromDigest: first, toDigest: second, overlapSeconds: 60 });
    const revoked = await Promise.all(Array.from({ length: 8 }, (_, index) => (index % 2 ? other : at.store).apiKeys.revoke(key.id)));
    await rotating;
    expect(revoked.filter((owner) => owner !== null)).toEqual([user.id]);
    expect((await keyNow(at.store, key.id)).revokedAt).toBe(startAt);
    expect((await at.store.revocations.read(null)).rows).toHaveLength(1);
  });
}

function lastUse(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('is written down at most once a minute', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    expect(await at.store.apiKeys.recordUse(key.id, first)).toBe(true);
    at.world.advance(59_999);
    expect(await at.store.apiKeys.recordUse(key.id, first)).toBe(false);
    expect(await keyNow(at.store, key.id)).toEqual({ ...key, lastUsedAt: startAt, secretUsedAt: startAt });
    at.world.advance(1);
    expect(await at.store.apiKeys.recordUse(key.id, first)).toBe(true);
    expect(await keyNow(at.store, key.id)).toEqual({ ...key, lastUsedAt: startAt + 60_000, secretUsedAt: startAt });
    expect(await at.store.apiKeys.recordUse('key_nothing', first)).toBe(false);
  });

  test('is written down once when many processes see it at once', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    const other = await at.world.open();
    const recording = Array.from({ length: 16 }, (_, index) => (index % 2 ? other : at.store).apiKeys.recordUse(key.id, first));
    expect((await Promise.all(recording)).filter(Boolean)).toHaveLength(1);
  });
}

function owners(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('who is deleted takes his keys with him, and nobody else’s', async () => {
    const [one, two] = [await createUser(at.store), await createUser(at.store)];
    const [gone, stays] = [await createKey(at.store, one.id), await createKey(at.store, two.id)];
    await at.store.users.delete(one.id);
    expect(await at.store.apiKeys.find(gone.id)).toBeNull();
    expect(await keyNow(at.store, stays.id)).toEqual(stays);
    expect(at.world.told).toMatchObject([{ kind: 'epoch', subject: one.id }]);
  });

  test('whose password is set without the old one loses his keys, and nobody else does', async () => {
    const [one, two] = [await createUser(at.store), await createUser(at.store)];
    const keys = [await createKey(at.store, one.id), await createKey(at.store, one.id)];
    const [revoked, stays] = [await createKey(at.store, one.id), await createKey(at.store, two.id)];
    await at.store.apiKeys.revoke(revoked.id);
    at.world.forgetTold();
    at.world.advance(5);
    await at.store.users.setPassword(one.id, 'hash-2');
    for (const { id } of keys) expect((await keyNow(at.store, id)).revokedAt).toBe(startAt + 5);
    expect((await keyNow(at.store, revoked.id)).revokedAt).toBe(startAt);
    expect(await keyNow(at.store, stays.id)).toEqual(stays);
    const told = at.world.told.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
    expect(told).toEqual([...keys.map(({ id }) => revocation('session', id, 0, 5)), revocation('epoch', one.id, 1, 5)]);
  });

  test('who changes his password, ends all sessions, gets other roles or is disabled keeps them, and they name his new state', async () => {
    const user = await createUser(at.store);
    const key = await createKey(at.store, user.id);
    const session = await openSession(at.store, user.id);
    await at.store.sessions.changePassword({
      ...openInput(user.id, {}, { epoch: 0 }),
      replaces: session.id,
      fromHash: 'hash-1',
      toHash: 'hash-2',
    });
    await at.store.sessions.endAll(user.id);
    await at.store.users.setRoles(user.id, ['editor']);
    await at.store.users.setDisabled(user.id, true);
    const found = await at.store.apiKeys.find(key.id);
    expect(found?.key).toEqual(key);
    expect(found?.user).toMatchObject({ sessionEpoch: 3, authzVersion: 1, roles: ['editor'], disabledAt: startAt });
  });
}

function purgingAndRestoring(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a key that is revoked or expired stays in the list for its time and no longer; one that is good stays', async () => {
    const user = await createUser(at.store);
    const [revoked, expired, lasting] = [
      await createKey(at.store, user.id, { lifetimeSeconds: null }),
      await createKey(at.store, user.id, { lifetimeSeconds: 1 }),
      await createKey(at.store, user.id, { lifetimeSeconds: null }),
    ];
    at.world.advance(1000);
    await at.store.apiKeys.revoke(revoked.id);
    const goneAt = at.world.now + keptAfterEndSeconds * 1000;
    at.world.setTo(goneAt - 1);
    await at.store.purge(100);
    for (const { id } of [revoked, expired, lasting]) expect(await at.store.apiKeys.find(id)).not.toBeNull();
    at.world.setTo(goneAt);
    expect(await at.store.purge(100)).toBe(false);
    for (const { id } of [revoked, expired]) expect(await at.store.apiKeys.find(id)).toBeNull();
    expect(await keyNow(at.store, lasting.id)).toEqual(lasting);
  });

  test('no more than the limit is removed at a time, and it says when there may be more', async () => {
    const user = await createUser(at.store);
    for (let index = 0; index < 5; index += 1) await createKey(at.store, user.id, { lifetimeSeconds: 1 });
    at.world.advance(keptAfterEndSeconds * 1000 + day);
    expect(await at.store.purge(3)).toBe(true);
    expect((await at.store.apiKeys.list({ userId: user.id, limit: 50, after: null })).items).toHaveLength(2);
    expect(await at.store.purge(3)).toBe(false);
    expect((await at.store.apiKeys.list({ userId: user.id, limit: 50, after: null })).items).toEqual([]);
  });

  test('after a restore every key is revoked, for one that was revoked since the backup looks as good as any', async () => {
    const user = await createUser(at.store, newUser({ passwordHash: null }));
    const [good, revoked] = [await createKey(at.store, user.id, { lifetimeSeconds: null }), await createKey(at.store, user.id)];
    await at.store.apiKeys.revoke(revoked.id);
    at.world.forgetTold();
    at.world.advance(5);
    await at.store.restoreEpoch();
    expect((await keyNow(at.store, good.id)).revokedAt).toBe(startAt + 5);
    expect((await keyNow(at.store, revoked.id)).revokedAt).toBe(startAt);
    expect(at.world.told).toEqual([revocation('session', good.id, 0, 5)]);
    await createKey(at.store, user.id);
  });
}
