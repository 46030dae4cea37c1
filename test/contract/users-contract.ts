/** The contract of `UserStore`. */
import { describe, expect, test } from 'vitest';
import type { UserCursor } from '../../src/model/store.js';
import {
  createUser,
  eachWithStore,
  isListed,
  newUser,
  openSession,
  revocation,
  sessionNow,
  startAt,
  type MakeStore,
} from './store-under-test.js';

export function usersContract(makeStore: MakeStore): void {
  describe('creating users', () => creating(makeStore));
  describe('importing and exporting users', () => importing(makeStore));
  describe('changing users', () => changing(makeStore));
  describe('the last admin', () => lastAdmin(makeStore));
  describe('listing users', () => listing(makeStore));
}

function creating(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a created user has exactly the fields that were given', async () => {
    const user = newUser({
      username: 'Ada',
      usernameKey: 'ada',
      email: 'Ada@Example.org',
      emailKey: 'ada@example.org',
      emailVerified: true,
      name: 'Ada Lovelace',
      roles: ['user', 'editor'],
      profile: { colour: 'grün', nested: { list: [1, null, true] } },
    });
    const expected = {
      id: user.id,
      username: 'Ada',
      email: 'Ada@Example.org',
      emailVerified: true,
      name: 'Ada Lovelace',
      roles: ['user', 'editor'],
      profile: { colour: 'grün', nested: { list: [1, null, true] } },
      mfaEnabled: false,
      sessionEpoch: 0,
      authzVersion: 0,
      disabledAt: null,
      createdAt: startAt,
    };
    expect(await at.store.users.create(user)).toEqual({ outcome: 'created', user: expected });
    expect(await at.store.users.find({ id: user.id })).toEqual(expected);
  });

  test('a user is found by id, by user name key and by e-mail key, and nobody by a key that is not there', async () => {
    const user = await createUser(at.store, { usernameKey: 'ada', email: 'ada@x.org', emailKey: 'ada@x.org' });
    for (const key of [{ id: user.id }, { usernameKey: 'ada' }, { emailKey: 'ada@x.org' }])
      expect(await at.store.users.find(key)).toEqual(user);
    for (const key of [{ id: 'ada' }, { usernameKey: 'Ada' }, { emailKey: 'ada' }]) expect(await at.store.users.find(key)).toBeNull();
  });

  test('a credential is the user and his hash, and null where he has none', async () => {
    const one = await createUser(at.store, { passwordHash: 'h' });
    const two = await createUser(at.store, { passwordHash: null });
    expect(await at.store.users.findCredential({ id: one.id })).toEqual({ user: one, passwordHash: 'h' });
    expect(await at.store.users.findCredential({ id: two.id })).toEqual({ user: two, passwordHash: null });
    expect(await at.store.users.findCredential({ id: 'nobody' })).toBeNull();
  });

  test('a user name is unique by its key', async () => {
    const first = await createUser(at.store, { username: 'Ada', usernameKey: 'ada' });
    const second = newUser({ username: 'ADA', usernameKey: 'ada' });
    expect(await at.store.users.create(second)).toEqual({ outcome: 'username_taken' });
    expect(await at.store.users.find({ id: second.id })).toBeNull();
    expect(await at.store.users.find({ usernameKey: 'ada' })).toEqual(first);
  });

  test('users without a user name and without an address do not collide', async () => {
    await createUser(at.store, { username: null, usernameKey: null });
    await createUser(at.store, { username: null, usernameKey: null });
  });

  test('a taken address is refused when that is asked for', async () => {
    await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org' });
    const second = newUser({ email: 'A@x.org', emailKey: 'a@x.org', onEmailTaken: 'refuse' });
    expect(await at.store.users.create(second)).toEqual({ outcome: 'email_taken' });
    expect(await at.store.users.find({ id: second.id })).toBeNull();
  });

  test('with `yield` a taken address makes a user who cannot sign in by it, and the first one still can', async () => {
    const first = await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org' });
    const second = await createUser(at.store, { email: 'A@x.org', emailKey: 'a@x.org', onEmailTaken: 'yield' });
    expect(second.email).toBe('A@x.org');
    expect(await at.store.users.find({ emailKey: 'a@x.org' })).toEqual(first);
    expect(await at.store.users.find({ id: second.id })).toEqual(second);
  });

  test('with `yield` an address that is free can be signed in by, and two users who yielded do not collide', async () => {
    const first = await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org', onEmailTaken: 'yield' });
    expect(await at.store.users.find({ emailKey: 'a@x.org' })).toEqual(first);
    await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org', onEmailTaken: 'yield' });
    await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org', onEmailTaken: 'yield' });
  });

  test('a proved address is taken from a holder who never proved it, and from nobody else', async () => {
    const unproved = await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org', emailVerified: false });
    const owner = await createUser(at.store, { email: 'a@x.org', emailKey: 'a@x.org', emailVerified: true, onEmailTaken: 'refuse' });
    expect(await at.store.users.find({ emailKey: 'a@x.org' })).toEqual(owner);
    expect(await at.store.users.find({ id: unproved.id })).toEqual(unproved);
    const late = newUser({ email: 'a@x.org', emailKey: 'a@x.org', emailVerified: true });
    expect(await at.store.users.create(late)).toEqual({ outcome: 'email_taken' });
  });

  test('a taken user name is told before a taken address', async () => {
    await createUser(at.store, { usernameKey: 'ada', email: 'a@x.org', emailKey: 'a@x.org' });
    expect(await at.store.users.create(newUser({ usernameKey: 'ada', emailKey: 'a@x.org' }))).toEqual({ outcome: 'username_taken' });
  });

  test('of many who take one user name or one address at once exactly one gets it', async () => {
    const byName = await Promise.all(Array.from({ length: 16 }, () => at.store.users.create(newUser({ usernameKey: 'ada' }))));
    expect(byName.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(byName.filter(({ outcome }) => outcome === 'username_taken')).toHaveLength(15);
    const byEmail = await Promise.all(Array.from({ length: 16 }, () => at.store.users.create(newUser({ emailKey: 'a@x.org' }))));
    expect(byEmail.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(byEmail.filter(({ outcome }) => outcome === 'email_taken')).toHaveLength(15);
  });

  test('an act that fails does not fail those that are committed with it', async () => {
    const taken = await createUser(at.store);
    const before = newUser();
    const after = newUser();
    const settled = await Promise.allSettled([
      at.store.users.create(before),
      at.store.users.create(newUser({ id: taken.id })),
      at.store.users.create(after),
      at.store.users.create(newUser({ profile: { notJson: () => 1 } })),
      at.store.users.find({ id: before.id }),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await at.store.users.find({ id: taken.id })).toEqual(taken);
    for (const { id } of [before, after]) expect(await at.store.users.find({ id })).toMatchObject({ id });
  });
}

function importing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('users are created together, and what is taken is passed over, also by one of the same call', async () => {
    const there = await createUser(at.store, { usernameKey: 'ada', email: 'ada@x.org', emailKey: 'ada@x.org', emailVerified: true });
    const [bob, bobAgain] = [newUser({ usernameKey: 'bob' }), newUser({ usernameKey: 'bob' })];
    const outcomes = await at.store.users.createAll([
      newUser({ id: there.id }),
      newUser({ usernameKey: 'ada' }),
      newUser({ email: 'ada@x.org', emailKey: 'ada@x.org' }),
      bob,
      bobAgain,
      bob,
    ]);
    expect(outcomes).toEqual(['id_taken', 'username_taken', 'email_taken', 'created', 'username_taken', 'id_taken']);
    expect(await at.store.users.find({ id: there.id })).toEqual(there);
    expect((await at.store.users.find({ usernameKey: 'bob' }))?.id).toBe(bob.id);
    expect(await at.store.users.find({ id: bobAgain.id })).toBeNull();
    expect(await at.store.users.createAll([])).toEqual([]);
  });

  test('an imported user keeps when he was created and disabled', async () => {
    const [old, disabled] = [newUser({ createdAt: 1_234_567 }), newUser({ createdAt: 1000, disabledAt: 2000, passwordHash: null })];
    await at.store.users.createAll([old, disabled]);
    expect(await at.store.users.find({ id: old.id })).toMatchObject({ createdAt: 1_234_567, disabledAt: null });
    expect(await at.store.users.find({ id: disabled.id })).toMatchObject({ createdAt: 1000, disabledAt: 2000 });
  });

  test('of a call that fails nobody was created', async () => {
    const good = newUser();
    const bad = newUser({ profile: { size: 1n } });
    await expect(at.store.users.createAll([good, bad])).rejects.toThrow();
    expect(await at.store.users.find({ id: good.id })).toBeNull();
  });

  test('two imports of the same users at once create each of them once', async () => {
    const records = Array.from({ length: 20 }, () => newUser());
    const outcomes = await Promise.all([at.store.users.createAll(records), at.store.users.createAll(records.map((user) => ({ ...user })))]);
    for (const [index, { id }] of records.entries()) expect(outcomes.map((of) => of[index]).sort(), id).toEqual(['created', 'id_taken']);
  });

  test('all users are read by id, page by page, with their hash and whether they sign in by their address', async () => {
    const records = ['a', 'b', 'c', 'd'].map((id) => newUser({ id: `usr_${id}`, usernameKey: id }));
    const address = { email: 'x@x.org', emailKey: 'x@x.org' };
    await at.store.users.create({ ...records[0]!, ...address });
    await at.store.users.create({ ...records[1]!, ...address, onEmailTaken: 'yield', passwordHash: null });
    await at.store.users.createAll(records.slice(2));
    const first = await at.store.users.readAll({ after: '', limit: 3 });
    expect(first.map(({ user, passwordHash, signsInByEmail }) => [user.id, passwordHash, signsInByEmail])).toEqual([
      ['usr_a', 'hash-1', true],
      ['usr_b', null, false],
      ['usr_c', 'hash-1', false],
    ]);
    expect(first[0]?.user).toEqual(await at.store.users.find({ id: 'usr_a' }));
    expect((await at.store.users.readAll({ after: 'usr_c', limit: 3 })).map(({ user }) => user.id)).toEqual(['usr_d']);
    expect(await at.store.users.readAll({ after: 'usr_d', limit: 3 })).toEqual([]);
  });
}

function changing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a change of fields leaves the absent ones', async () => {
    const user = await createUser(at.store, { name: 'Ada', profile: { a: 1 } });
    expect(await at.store.users.update(user.id, {})).toEqual(user);
    expect(await at.store.users.update(user.id, { name: 'Ada L.' })).toEqual({ ...user, name: 'Ada L.' });
    expect(await at.store.users.update(user.id, { profile: { b: 2 } })).toEqual({ ...user, name: 'Ada L.', profile: { b: 2 } });
    expect(await at.store.users.update(user.id, { name: null, profile: {} })).toEqual({ ...user, name: null, profile: {} });
    expect(await at.store.users.find({ id: user.id })).toEqual({ ...user, name: null, profile: {} });
    expect(await at.store.users.update('nobody', { name: 'x' })).toBeNull();
    expect(at.world.told).toEqual([]);
  });

  test('a password is rehashed only while the old hash is still there, and that ends nothing', async () => {
    const user = await createUser(at.store, { passwordHash: 'old' });
    expect(await at.store.users.rehashPassword(user.id, 'other', 'new')).toBe(false);
    expect((await at.store.users.findCredential({ id: user.id }))?.passwordHash).toBe('old');
    expect(await at.store.users.rehashPassword(user.id, 'old', 'new')).toBe(true);
    expect(await at.store.users.findCredential({ id: user.id })).toEqual({ user, passwordHash: 'new' });
    expect(await at.store.users.rehashPassword('nobody', 'old', 'new')).toBe(false);
    const none = await createUser(at.store, { passwordHash: null });
    expect(await at.store.users.rehashPassword(none.id, 'null', 'new')).toBe(false);
    expect(at.world.told).toEqual([]);
  });

  test('a password that is set ends all sessions by a greater epoch', async () => {
    const user = await createUser(at.store, { passwordHash: null });
    const session = await openSession(at.store, user.id);
    expect(await at.store.users.setPassword(user.id, 'new')).toEqual({ ...user, sessionEpoch: 1 });
    expect(at.world.told).toEqual([revocation('epoch', user.id, 1)]);
    expect((await at.store.users.findCredential({ id: user.id }))?.passwordHash).toBe('new');
    expect(await isListed(at.store, session)).toBe(false);
    expect(await at.store.users.setPassword('nobody', 'new')).toBeNull();
    expect(at.world.told).toHaveLength(1);
  });

  test('new roles raise the authorization version and revoke the older tokens, every time', async () => {
    const user = await createUser(at.store);
    const changed = { ...user, roles: ['editor'], authzVersion: 1 };
    expect(await at.store.users.setRoles(user.id, ['editor'])).toEqual({ outcome: 'written', user: changed });
    expect(await at.store.users.setRoles(user.id, ['editor'])).toEqual({ outcome: 'written', user: { ...changed, authzVersion: 2 } });
    expect(at.world.told).toEqual([revocation('authz', user.id, 1), revocation('authz', user.id, 2)]);
    expect(await at.store.users.setRoles('nobody', [])).toEqual({ outcome: 'not_found' });
  });

  test('disabling ends all sessions; enabling brings none back', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id);
    at.world.advance(5);
    const disabled = { ...user, disabledAt: startAt + 5, sessionEpoch: 1 };
    expect(await at.store.users.setDisabled(user.id, true)).toEqual({ outcome: 'written', user: disabled });
    expect(at.world.told).toEqual([revocation('epoch', user.id, 1, 5)]);
    expect(await isListed(at.store, session)).toBe(false);
    expect(await at.store.users.setDisabled(user.id, false)).toEqual({ outcome: 'written', user: { ...disabled, disabledAt: null } });
    expect(await isListed(at.store, session)).toBe(false);
    expect(at.world.told).toHaveLength(1);
  });

  test('setting what is already so changes nothing', async () => {
    const user = await createUser(at.store);
    expect(await at.store.users.setDisabled(user.id, false)).toEqual({ outcome: 'written', user });
    await at.store.users.setDisabled(user.id, true);
    at.world.advance(5);
    const disabled = { ...user, disabledAt: startAt, sessionEpoch: 1 };
    expect(await at.store.users.setDisabled(user.id, true)).toEqual({ outcome: 'written', user: disabled });
    expect(at.world.told).toHaveLength(1);
    expect(await at.store.users.setDisabled('nobody', true)).toEqual({ outcome: 'not_found' });
  });

  test('raising the authorization version revokes the older tokens', async () => {
    const user = await createUser(at.store);
    expect(await at.store.users.raiseAuthzVersion(user.id)).toBe(true);
    expect(await at.store.users.find({ id: user.id })).toEqual({ ...user, authzVersion: 1 });
    expect(at.world.told).toEqual([revocation('authz', user.id, 1)]);
    expect(await at.store.users.raiseAuthzVersion('nobody')).toBe(false);
    expect(at.world.told).toHaveLength(1);
  });

  test('a deleted user is gone, his sessions have ended and keep nothing personal, his tokens are revoked whatever their epoch', async () => {
    const user = await createUser(at.store, { usernameKey: 'ada', email: 'a@x.org', emailKey: 'a@x.org' });
    const open = await openSession(at.store, user.id);
    const ended = await openSession(at.store, user.id);
    await at.store.sessions.end(ended.id, 'logout');
    at.world.forgetTold();
    expect(await at.store.users.delete(user.id)).toEqual({ outcome: 'written', user });
    expect(at.world.told).toEqual([revocation('epoch', user.id, Number.MAX_SAFE_INTEGER)]);
    for (const key of [{ id: user.id }, { usernameKey: 'ada' }, { emailKey: 'a@x.org' }]) expect(await at.store.users.find(key)).toBeNull();
    expect(await at.store.sessions.find(open.id)).toMatchObject({
      session: { endReason: 'user_deleted', endedAt: startAt, device: '' },
      user: null,
    });
    expect(await sessionNow(at.store, ended.id)).toMatchObject({ endReason: 'logout', device: '' });
    expect(await at.store.sessions.list(user.id)).toEqual([]);
    expect(await at.store.users.delete(user.id)).toEqual({ outcome: 'not_found' });
    await createUser(at.store, { usernameKey: 'ada', email: 'a@x.org', emailKey: 'a@x.org' });
  });
}

function lastAdmin(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);
  const attempts = {
    'losing the role': (id: string) => at.store.users.setRoles(id, ['user', 'administrator']),
    'being disabled': (id: string) => at.store.users.setDisabled(id, true),
    'being deleted': (id: string) => at.store.users.delete(id),
  };

  for (const [name, attempt] of Object.entries(attempts)) {
    test(`the last enabled admin is kept from ${name}, and nothing is written`, async () => {
      const admin = await createUser(at.store, { roles: ['user', 'admin'] });
      const disabled = await createUser(at.store, { roles: ['admin'] });
      await at.store.users.setDisabled(disabled.id, true);
      at.world.forgetTold();
      expect(await attempt(admin.id)).toEqual({ outcome: 'last_admin' });
      expect(await at.store.users.find({ id: admin.id })).toEqual(admin);
      expect(at.world.told).toEqual([]);
    });

    test(`one of two enabled admins is not kept from ${name}`, async () => {
      const admin = await createUser(at.store, { roles: ['admin'] });
      await createUser(at.store, { roles: ['admin'] });
      expect(await attempt(admin.id)).toMatchObject({ outcome: 'written' });
    });

    test(`two admins at once cannot both end by ${name}`, async () => {
      const admins = [await createUser(at.store, { roles: ['admin'] }), await createUser(at.store, { roles: ['admin'] })];
      const outcomes = (await Promise.all(admins.map(({ id }) => attempt(id)))).map(({ outcome }) => outcome);
      expect(outcomes.sort()).toEqual(['last_admin', 'written']);
    });

    test(`who is no enabled admin is not kept from ${name}, though there is none at all`, async () => {
      const user = await createUser(at.store, { roles: ['administrator'] });
      expect(await attempt(user.id)).toMatchObject({ outcome: 'written' });
      const admin = await createUser(at.store, { roles: ['admin'] });
      const other = await createUser(at.store, { roles: ['admin'] });
      await at.store.users.setDisabled(admin.id, true);
      expect(await attempt(admin.id)).toMatchObject({ outcome: 'written' });
      expect(await at.store.users.find({ id: other.id })).toEqual(other);
    });
  }

  test('the last admin may get other roles as long as `admin` is among them', async () => {
    const admin = await createUser(at.store, { roles: ['admin'] });
    expect(await at.store.users.setRoles(admin.id, ['editor', 'admin'])).toMatchObject({ outcome: 'written' });
  });
}

function listing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  async function names(query: string | null): Promise<(string | null)[]> {
    return (await at.store.users.list({ query, limit: 100, after: null })).items.map(({ username }) => username).sort();
  }

  test('users are listed newest first, in pages that neither repeat nor lose one while others come and go', async () => {
    const users = [];
    for (let index = 0; index < 12; index += 1) {
      if (index % 3 === 0) at.world.advance(1);
      users.push(await createUser(at.store));
    }
    const expected = users.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).map(({ id }) => id);
    const seen: string[] = [];
    let after: UserCursor | null = null;
    do {
      const page: Awaited<ReturnType<typeof at.store.users.list>> = await at.store.users.list({ query: null, limit: 5, after });
      expect(page.items.length).toBeLessThanOrEqual(5);
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
      at.world.advance(1);
      await createUser(at.store);
      await at.store.users.delete(seen.at(-1)!);
    } while (after !== null);
    expect(seen).toEqual(expected);
  });

  test('a page that ends with the last user has no next one', async () => {
    await createUser(at.store);
    await createUser(at.store);
    expect((await at.store.users.list({ query: null, limit: 2, after: null })).next).toBeNull();
    expect((await at.store.users.list({ query: null, limit: 1, after: null })).next).not.toBeNull();
    expect(await at.store.users.list({ query: 'nobody', limit: 1, after: null })).toEqual({ items: [], next: null });
  });

  test('a query matches user name, e-mail and name anywhere, without regard to case', async () => {
    await createUser(at.store, { username: 'Grace', email: 'hopper@navy.mil', name: 'Rear Admiral' });
    await createUser(at.store, { username: 'Ada', email: 'countess@x.org', name: 'Ada Lovelace' });
    await createUser(at.store, { username: 'Jurgen', name: 'JÜRGEN MÜLLER' });
    expect(await names('RAC')).toEqual(['Grace']);
    expect(await names('NAVY.')).toEqual(['Grace']);
    expect(await names('admiral')).toEqual(['Grace']);
    expect(await names('ad')).toEqual(['Ada', 'Grace']);
    expect(await names('müller')).toEqual(['Jurgen']);
    expect(await names('')).toEqual(['Ada', 'Grace', 'Jurgen']);
    expect(await names('adacountess')).toEqual([]);
  });

  test('wildcards in a query are taken literally', async () => {
    await createUser(at.store, { username: '100%' });
    await createUser(at.store, { username: 'a_b' });
    await createUser(at.store, { username: 'axb' });
    await createUser(at.store, { username: 'back\\slash' });
    await createUser(at.store, { username: 'star*' });
    expect(await names('%')).toEqual(['100%']);
    expect(await names('_')).toEqual(['a_b']);
    expect(await names('a_b')).toEqual(['a_b']);
    expect(await names('\\')).toEqual(['back\\slash']);
    expect(await names('*')).toEqual(['star*']);
    expect(await names('?')).toEqual([]);
  });

  test('a query finds a user by his new name, not by the old one', async () => {
    const user = await createUser(at.store, { username: 'ada', name: 'Byron' });
    await at.store.users.update(user.id, { name: 'Lovelace' });
    expect(await names('lovelace')).toEqual(['ada']);
    expect(await names('byron')).toEqual([]);
  });

  test('a query is paged like the whole list', async () => {
    for (let index = 0; index < 6; index += 1) await createUser(at.store, { name: index % 2 === 0 ? 'even' : 'odd' });
    const first = await at.store.users.list({ query: 'even', limit: 2, after: null });
    const second = await at.store.users.list({ query: 'even', limit: 2, after: first.next });
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['even', 'even', 'even']);
    expect(second.next).toBeNull();
  });

  test('a query finds who was created thousands of users ago, each once and newest first', async () => {
    const createMany = async (count: number, username: string): Promise<void> => {
      await Promise.all(Array.from({ length: count }, (_, index) => createUser(at.store, { username: `${username} ${index}` })));
      at.world.advance(1);
    };
    for (const username of ['first', 'second', 'third']) {
      await createUser(at.store, { username });
      at.world.advance(1);
      await createMany(1100, 'one of many');
    }
    expect(await at.store.users.list({ query: 'nobody', limit: 2, after: null })).toEqual({ items: [], next: null });
    const found: (string | null)[] = [];
    let after: UserCursor | null = null;
    do {
      const page: Awaited<ReturnType<typeof at.store.users.list>> = await at.store.users.list({ query: 'ir', limit: 1, after });
      found.push(...page.items.map(({ username }) => username));
      after = page.next;
    } while (after !== null);
    expect(found).toEqual(['third', 'first']);
  });
}
