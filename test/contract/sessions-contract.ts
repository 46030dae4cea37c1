/** The contract of `SessionStore`. */
import { describe, expect, test } from 'vitest';
import type { OpenSessionInput, RotateInput, SessionRecord } from '../../src/model/store.js';
import { maxRetirements } from '../../src/model/store.js';
import {
  createUser,
  eachWithStore,
  isListed,
  live,
  openInput,
  openSession,
  revocation,
  rotateInput,
  secretDigest,
  sessionNow,
  startAt,
  type MakeStore,
} from './store-under-test.js';

export function sessionsContract(makeStore: MakeStore): void {
  describe('opening a session', () => opening(makeStore));
  describe('replacing a session', () => replacing(makeStore));
  describe('changing the password', () => changingPassword(makeStore));
  describe('rotating', () => rotating(makeStore));
  describe('when a rotation does not apply', () => notRotating(makeStore));
  describe('retirements', () => retiring(makeStore));
  describe('late doubles', () => lateDoubles(makeStore));
  describe('ending sessions', () => ending(makeStore));
}

function opening(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('an opened session has exactly what was given, starts at generation 0 and comes with the live user', async () => {
    const user = await createUser(at.store, { roles: ['user', 'editor'] });
    const input = openInput(user.id, {
      delivery: 'bearer',
      remember: false,
      factors: ['pwd', 'otp'],
      device: 'Safari',
      idleSeconds: 10,
      absoluteSeconds: 20,
    });
    const session: SessionRecord = {
      id: input.session.id,
      userId: user.id,
      secretDigest,
      generation: 0,
      retirements: [],
      lateDoubleGeneration: null,
      delivery: 'bearer',
      remember: false,
      epoch: 0,
      authenticatedAt: startAt,
      factors: ['pwd', 'otp'],
      device: 'Safari',
      createdAt: startAt,
      lastUsedAt: startAt,
      idleExpiresAt: startAt + 10_000,
      absoluteExpiresAt: startAt + 20_000,
      endedAt: null,
      endReason: null,
    };
    expect(await at.store.sessions.open(input)).toEqual({ session, user, now: startAt });
    expect(await at.store.sessions.find(session.id)).toEqual({ session, user, now: startAt });
    expect(await at.store.sessions.list(user.id)).toEqual([session]);
    expect(at.world.told).toEqual([]);
  });

  test('there is no session by an id that is not there', async () => {
    expect(await at.store.sessions.find('nothing')).toBeNull();
    expect(await at.store.sessions.list('nobody')).toEqual([]);
  });

  test('a login that read an older epoch opens nothing, and replaces nothing', async () => {
    const user = await createUser(at.store);
    await at.store.sessions.endAll(user.id);
    const other = live(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).session;
    at.world.forgetTold();
    const input = openInput(user.id, {}, { epoch: 0, replaces: other.id, maxSessions: 1 });
    expect(await at.store.sessions.open(input)).toBeNull();
    expect(await at.store.sessions.open({ ...input, epoch: 2 })).toBeNull();
    expect(await at.store.sessions.find(input.session.id)).toBeNull();
    expect(await isListed(at.store, other)).toBe(true);
    expect(at.world.told).toEqual([]);
  });

  test('a session of a disabled user is not opened, nor one of a user who is gone', async () => {
    const user = await createUser(at.store);
    await at.store.users.setDisabled(user.id, true);
    expect(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).toBeNull();
    expect(await at.store.sessions.open(openInput('nobody'))).toBeNull();
    await at.store.users.setDisabled(user.id, false);
    expect(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).toMatchObject({ session: { epoch: 1 } });
  });

  test('the session that it replaces ends in the same act, whoever`s it is, unless it is not there or had ended', async () => {
    const [user, other] = [await createUser(at.store), await createUser(at.store)];
    const old = await openSession(at.store, other.id);
    expect(await at.store.sessions.open(openInput(user.id, {}, { replaces: old.id }))).not.toBeNull();
    expect(await sessionNow(at.store, old.id)).toMatchObject({ endedAt: startAt, endReason: 'replaced' });
    expect(at.world.told).toEqual([revocation('session', old.id, 0)]);
    expect(await at.store.sessions.open(openInput(user.id, {}, { replaces: old.id }))).not.toBeNull();
    expect(await at.store.sessions.open(openInput(user.id, {}, { replaces: 'nothing' }))).not.toBeNull();
    expect(at.world.told).toHaveLength(1);
  });

  test('beyond the number of sessions the least recently used live ones end', async () => {
    const user = await createUser(at.store);
    const stranger = await openSession(at.store, (await createUser(at.store)).id);
    const sessions: SessionRecord[] = [];
    for (let index = 0; index < 4; index += 1) {
      at.world.advance(1);
      sessions.push(await openSession(at.store, user.id));
    }
    const [first, second, third, fourth] = sessions as [SessionRecord, SessionRecord, SessionRecord, SessionRecord];
    at.world.advance(1);
    await at.store.sessions.rotate(rotateInput(first.id, 0));
    await at.store.sessions.end(third.id, 'logout');
    at.world.forgetTold();
    const latest = live(await at.store.sessions.open(openInput(user.id, {}, { maxSessions: 2 }))).session;
    expect((await at.store.sessions.list(user.id)).map(({ id }) => id).sort()).toEqual([first.id, latest.id].sort());
    for (const { id } of [second, fourth])
      expect(await sessionNow(at.store, id)).toMatchObject({ endReason: 'evicted', endedAt: at.world.now });
    expect(await sessionNow(at.store, third.id)).toMatchObject({ endReason: 'logout' });
    expect(at.world.told.map(({ kind, subject }) => `${kind} ${subject}`).sort()).toEqual(
      [`session ${second.id}`, `session ${fourth.id}`].sort(),
    );
    expect(await isListed(at.store, stranger)).toBe(true);
  });

  test('the new session is never the one that ends, though all were used in the same millisecond or later', async () => {
    const user = await createUser(at.store);
    const old = await openSession(at.store, user.id, { id: 'zzz' });
    at.world.advance(-5);
    const latest = live(await at.store.sessions.open(openInput(user.id, { id: 'aaa' }, { maxSessions: 1 }))).session;
    expect(await isListed(at.store, latest)).toBe(true);
    expect(await isListed(at.store, old)).toBe(false);
  });

  test('of many logins at once no more sessions live than may', async () => {
    const other = await at.world.open();
    const user = await createUser(at.store);
    const logins = Array.from({ length: 12 }, (_, index) =>
      (index % 2 === 0 ? at.store : other).sessions.open(openInput(user.id, {}, { maxSessions: 3 })),
    );
    for (const opened of await Promise.all(logins)) expect(opened).not.toBeNull();
    expect(await at.store.sessions.list(user.id)).toHaveLength(3);
    expect(at.world.told).toHaveLength(9);
  });

  test('a login at the same time as the end of all sessions comes before it and is over, or after it and is refused', async () => {
    const other = await at.world.open();
    const user = await createUser(at.store);
    for (let epoch = 0; epoch < 10; epoch += 1) {
      const logins = Array.from({ length: 4 }, () => other.sessions.open(openInput(user.id, {}, { epoch })));
      const [, ...opened] = await Promise.all([at.store.sessions.endAll(user.id), ...logins]);
      expect(await at.store.sessions.list(user.id)).toEqual([]);
      for (const login of opened) if (login !== null) expect(login.session.epoch).toBe(epoch);
    }
  });

  test('a login at the same time as the deletion of its user leaves nothing personal behind', async () => {
    const other = await at.world.open();
    for (let round = 0; round < 10; round += 1) {
      const user = await createUser(at.store);
      const inputs = Array.from({ length: 4 }, () => openInput(user.id));
      await Promise.all([...inputs.map((input) => other.sessions.open(input)), at.store.users.delete(user.id)]);
      for (const { session } of inputs) {
        const found = await at.store.sessions.find(session.id);
        if (found !== null) expect(found).toMatchObject({ user: null, session: { device: '', endReason: 'user_deleted' } });
      }
    }
  });

  test('a session that is replaced does not count', async () => {
    const user = await createUser(at.store);
    const [kept, old] = [await openSession(at.store, user.id), await openSession(at.store, user.id)];
    await at.store.sessions.open(openInput(user.id, {}, { replaces: old.id, maxSessions: 2 }));
    expect(await isListed(at.store, kept)).toBe(true);
  });
}

function replacing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  function replaceInput(
    userId: string,
    replaces: string,
    overrides: Partial<OpenSessionInput> = {},
  ): OpenSessionInput & { replaces: string } {
    return { ...openInput(userId, {}, overrides), replaces };
  }

  test('step-up ends the old session and opens the new one in one act', async () => {
    const user = await createUser(at.store);
    const old = await openSession(at.store, user.id);
    at.world.advance(10);
    const next = live(await at.store.sessions.replace(replaceInput(user.id, old.id)));
    expect(next).toMatchObject({ session: { authenticatedAt: startAt + 10 }, user });
    expect(await sessionNow(at.store, old.id)).toMatchObject({ endReason: 'replaced', endedAt: startAt + 10 });
    expect(at.world.told).toEqual([revocation('session', old.id, 0, 10)]);
  });

  test('nothing is replaced unless the old session is alive and of the same user', async () => {
    const [user, other] = [await createUser(at.store), await createUser(at.store)];
    const [ended, foreign, expired] = [
      await openSession(at.store, user.id),
      await openSession(at.store, other.id),
      await openSession(at.store, user.id, { idleSeconds: 1 }),
    ];
    await at.store.sessions.end(ended.id, 'logout');
    at.world.advance(1000);
    at.world.forgetTold();
    for (const replaces of ['nothing', ended.id, foreign.id, expired.id]) {
      const input = replaceInput(user.id, replaces);
      expect(await at.store.sessions.replace(input)).toBeNull();
      expect(await at.store.sessions.find(input.session.id)).toBeNull();
    }
    expect(await isListed(at.store, foreign)).toBe(true);
    expect(at.world.told).toEqual([]);
  });

  test('nothing is replaced when the epoch had moved on', async () => {
    const user = await createUser(at.store);
    const old = await openSession(at.store, user.id);
    expect(await at.store.sessions.replace(replaceInput(user.id, old.id, { epoch: 1 }))).toBeNull();
    expect(await isListed(at.store, old)).toBe(true);
  });

  test('of many that replace one session at once exactly one does', async () => {
    const user = await createUser(at.store);
    const old = await openSession(at.store, user.id);
    const results = await Promise.all(Array.from({ length: 8 }, () => at.store.sessions.replace(replaceInput(user.id, old.id))));
    expect(results.filter((result) => result !== null)).toHaveLength(1);
    expect(await at.store.sessions.list(user.id)).toHaveLength(1);
  });
}

function changingPassword(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a changed password ends all sessions and opens one with the new epoch', async () => {
    const user = await createUser(at.store, { passwordHash: 'old' });
    const [own, other] = [await openSession(at.store, user.id), await openSession(at.store, user.id)];
    const next = live(await at.store.sessions.changePassword({ ...openInput(user.id), replaces: own.id, fromHash: 'old', toHash: 'new' }));
    expect(next).toMatchObject({ session: { epoch: 1 }, user: { ...user, sessionEpoch: 1 } });
    expect((await at.store.users.findCredential({ id: user.id }))?.passwordHash).toBe('new');
    expect((await at.store.sessions.list(user.id)).map(({ id }) => id)).toEqual([next.session.id]);
    expect(await sessionNow(at.store, own.id)).toMatchObject({ endReason: 'replaced' });
    expect(at.world.told).toContainEqual(revocation('epoch', user.id, 1));
    expect(await at.store.sessions.rotate(rotateInput(other.id, 0))).toMatchObject({ outcome: 'not_rotated' });
    expect(await at.store.sessions.rotate(rotateInput(next.session.id, 0))).toMatchObject({ outcome: 'rotated' });
  });

  test('nothing is written unless the hash, the epoch and the session are still what they were', async () => {
    const user = await createUser(at.store, { passwordHash: 'old' });
    const foreign = await openSession(at.store, (await createUser(at.store)).id);
    const [own, ended] = [await openSession(at.store, user.id), await openSession(at.store, user.id)];
    await at.store.sessions.end(ended.id, 'logout');
    at.world.forgetTold();
    const input = { ...openInput(user.id), replaces: own.id, fromHash: 'old', toHash: 'new' };
    const wrong = [{ fromHash: 'other' }, { replaces: ended.id }, { replaces: foreign.id }, { replaces: 'nothing' }, { epoch: 1 }];
    for (const change of wrong) expect(await at.store.sessions.changePassword({ ...input, ...change })).toBeNull();
    expect(await at.store.users.findCredential({ id: user.id })).toEqual({ user, passwordHash: 'old' });
    expect((await at.store.sessions.list(user.id)).map(({ id }) => id)).toEqual([own.id]);
    expect(at.world.told).toEqual([]);
  });

  test('when the new session cannot be written the password stays, and what is committed with it is written', async () => {
    const [user, neighbour] = [await createUser(at.store, { passwordHash: 'old' }), await createUser(at.store)];
    const own = await openSession(at.store, user.id);
    const input = { ...openInput(user.id, { id: own.id }), replaces: own.id, fromHash: 'old', toHash: 'new' };
    const settled = await Promise.allSettled([
      at.store.users.raiseAuthzVersion(neighbour.id),
      at.store.sessions.changePassword(input),
      at.store.users.raiseAuthzVersion(neighbour.id),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await at.store.users.findCredential({ id: user.id })).toEqual({ user, passwordHash: 'old' });
    expect(await isListed(at.store, own)).toBe(true);
    expect(at.world.told.map(({ kind, value }) => `${kind} ${value}`)).toEqual(['authz 1', 'authz 2']);
    expect((await at.store.revocations.read(null)).rows).toEqual(at.world.told);
  });

  test('of two changes at once with the same old password exactly one applies', async () => {
    const user = await createUser(at.store, { passwordHash: 'old' });
    const [one, two] = [await openSession(at.store, user.id), await openSession(at.store, user.id)];
    const results = await Promise.all(
      [one, two].map(({ id }) =>
        at.store.sessions.changePassword({ ...openInput(user.id), replaces: id, fromHash: 'old', toHash: `by ${id}` }),
      ),
    );
    expect(results.filter((result) => result !== null)).toHaveLength(1);
  });
}

function rotating(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a rotation raises the generation, extends the idle timeout and gives the live user', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id);
    await at.store.users.setRoles(user.id, ['editor']);
    at.world.advance(500);
    const rotated: SessionRecord = {
      ...session,
      generation: 1,
      retirements: [startAt + 500],
      lastUsedAt: startAt + 500,
      idleExpiresAt: startAt + 500 + 1_000_000,
    };
    const expected = { session: rotated, user: { ...user, roles: ['editor'], authzVersion: 1 }, now: startAt + 500 };
    const answer = await at.store.sessions.rotate(rotateInput(session.id, 0));
    expect(await at.store.sessions.find(session.id)).toEqual(expected);
    const { secretDigest: _, retirements: __, lateDoubleGeneration: ___, ...held } = rotated;
    expect(answer).toEqual({ outcome: 'rotated', live: { ...expected, session: held } });
    expect(at.world.told).toHaveLength(1);
  });

  test('a session without `remember` gets the shorter idle timeout', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id, { remember: false });
    await at.store.sessions.rotate(rotateInput(session.id, 0, { idleSeconds: 9, transientIdleSeconds: 5 }));
    expect((await sessionNow(at.store, session.id)).idleExpiresAt).toBe(startAt + 5000);
  });

  test('a token that came in a body rotates a bearer session and no other, and a cookie no bearer session', async () => {
    const user = await createUser(at.store);
    for (const delivery of ['cookie', 'memory', 'bearer'] as const) {
      const { id } = await openSession(at.store, user.id, { delivery });
      const wrong = await at.store.sessions.rotate(rotateInput(id, 0, { bearer: delivery !== 'bearer' }));
      expect(wrong).toMatchObject({ outcome: 'not_rotated', found: { session: { id, generation: 0 } } });
      expect(await at.store.sessions.rotate(rotateInput(id, 0, { bearer: delivery === 'bearer' }))).toMatchObject({ outcome: 'rotated' });
    }
  });

  test('a session can be rotated up to the last millisecond of its idle timeout and not in the next', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id, { idleSeconds: 10, absoluteSeconds: 1000 });
    at.world.setTo(startAt + 10_000);
    expect(await isListed(at.store, session)).toBe(false);
    expect(await at.store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ outcome: 'not_rotated', found: { session } });
    at.world.setTo(startAt + 9_999);
    expect(await isListed(at.store, session)).toBe(true);
    expect(await at.store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ outcome: 'rotated' });
  });

  test('a session can be rotated up to the last millisecond of its absolute lifetime and not in the next', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id, { idleSeconds: 1000, absoluteSeconds: 10 });
    at.world.setTo(startAt + 10_000);
    expect(await isListed(at.store, session)).toBe(false);
    expect(await at.store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ outcome: 'not_rotated', found: { session } });
    at.world.setTo(startAt + 9_999);
    expect(await at.store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ outcome: 'rotated' });
    expect((await sessionNow(at.store, session.id)).absoluteExpiresAt).toBe(session.absoluteExpiresAt);
  });

  test('a session that was opened with the present epoch is rotated, though all before it were ended', async () => {
    const user = await createUser(at.store);
    await at.store.sessions.endAll(user.id);
    const { id } = live(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).session;
    expect(await at.store.sessions.rotate(rotateInput(id, 0))).toMatchObject({ outcome: 'rotated', live: { user: { sessionEpoch: 1 } } });
  });

  test('of 64 that rotate one token at once exactly one wins, and the others find the winner`s generation', async () => {
    const user = await createUser(at.store);
    const { id } = await openSession(at.store, user.id);
    const results = await Promise.all(Array.from({ length: 64 }, () => at.store.sessions.rotate(rotateInput(id, 0))));
    expect(results.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(1);
    for (const result of results) {
      if (result.outcome === 'not_rotated') expect(result.found?.session.generation).toBe(1);
    }
    expect(await sessionNow(at.store, id)).toMatchObject({ generation: 1, retirements: [startAt] });
  });

  test('two processes on one database rotate one token: one wins', async () => {
    const other = await at.world.open();
    const user = await createUser(at.store);
    const { id } = await openSession(at.store, user.id);
    const results = await Promise.all([at.store, other].map((store) => store.sessions.rotate(rotateInput(id, 0))));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['not_rotated', 'rotated']);
  });

  test('who loses by some milliseconds does not read an instant before the retirement', async () => {
    const other = await at.world.open({ clock: { now: () => at.world.now + 40 } });
    const { id } = await openSession(at.store, (await createUser(at.store)).id);
    await other.sessions.rotate(rotateInput(id, 0));
    expect(await at.store.sessions.rotate(rotateInput(id, 0))).toMatchObject({
      found: { now: startAt + 40, session: { retirements: [startAt + 40] } },
    });
  });
}

function notRotating(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  async function expectUntouched(session: SessionRecord, change: Partial<RotateInput>): Promise<void> {
    const before = await at.store.sessions.find(session.id);
    const result = await at.store.sessions.rotate({ ...rotateInput(session.id, 0), ...change });
    expect(result).toEqual({ outcome: 'not_rotated', found: before });
    expect(await at.store.sessions.find(session.id)).toEqual(before);
  }

  test('a session that is not there is answered with null', async () => {
    expect(await at.store.sessions.rotate(rotateInput('nothing', 0))).toEqual({ outcome: 'not_rotated', found: null });
  });

  test('another secret, an older and a newer generation write nothing', async () => {
    const session = await openSession(at.store, (await createUser(at.store)).id);
    await at.store.sessions.rotate(rotateInput(session.id, 0));
    at.world.advance(1);
    await expectUntouched(session, { from: 1, to: 2, secretDigest: new Uint8Array(32).fill(8) });
    await expectUntouched(session, { from: 1, to: 2, secretDigest: new Uint8Array(0) });
    await expectUntouched(session, { from: 0, to: 1 });
    await expectUntouched(session, { from: 2, to: 3 });
  });

  test('a session that has ended is not rotated, and says why it ended', async () => {
    const session = await openSession(at.store, (await createUser(at.store)).id);
    await at.store.sessions.end(session.id, 'logout');
    await expectUntouched(session, {});
    expect(await at.store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ found: { session: { endReason: 'logout' } } });
  });

  test('a session of an older epoch, of a disabled user and of a deleted user is not rotated', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id);
    await at.store.sessions.endAll(user.id);
    await expectUntouched(session, {});
    const disabled = live(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).session;
    await at.store.users.setDisabled(user.id, true);
    await expectUntouched(disabled, {});
    await at.store.users.delete(user.id);
    await expectUntouched(disabled, {});
    expect(await at.store.sessions.find(disabled.id)).toMatchObject({ user: null });
  });
}

function retiring(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);
  const windowMilliseconds = 60_000;

  async function opened(): Promise<string> {
    return (await openSession(at.store, (await createUser(at.store)).id)).id;
  }

  async function retirementsAfter(id: string, from: number, after: number): Promise<readonly number[]> {
    at.world.advance(after);
    expect(await at.store.sessions.rotate(rotateInput(id, from))).toMatchObject({ outcome: 'rotated' });
    return (await sessionNow(at.store, id)).retirements.map((instant) => instant - startAt);
  }

  test('retirements within the window are listed newest first', async () => {
    const id = await opened();
    expect(await retirementsAfter(id, 0, 10)).toEqual([10]);
    expect(await retirementsAfter(id, 1, 10)).toEqual([20, 10]);
    expect(await retirementsAfter(id, 2, windowMilliseconds)).toEqual([windowMilliseconds + 20, 20, 10]);
  });

  test('when the last retirement is older than the window, those before it are too and are forgotten', async () => {
    const id = await opened();
    await retirementsAfter(id, 0, 10);
    await retirementsAfter(id, 1, 10);
    expect(await retirementsAfter(id, 2, windowMilliseconds + 1)).toEqual([windowMilliseconds + 21]);
  });

  test('no more than the greatest number of retirements is kept, the newest', async () => {
    const id = await opened();
    for (let from = 0; from < maxRetirements + 6; from += 1) await retirementsAfter(id, from, 1);
    const { retirements } = await sessionNow(at.store, id);
    expect(retirements).toEqual(Array.from({ length: maxRetirements }, (_, index) => at.world.now - index));
  });

  test('generations that are skipped were retired no later than now', async () => {
    const id = await opened();
    await retirementsAfter(id, 0, 10);
    at.world.advance(5);
    expect(await at.store.sessions.rotate(rotateInput(id, 1, { to: 3 }))).toMatchObject({
      outcome: 'rotated',
      live: { session: { generation: 3 } },
    });
    const { retirements } = await sessionNow(at.store, id);
    expect(retirements).toEqual([startAt + 15, startAt + 15, startAt + 10]);
    expect(await at.store.sessions.rotate(rotateInput(id, 1))).toMatchObject({ outcome: 'not_rotated' });
  });

  test('the list survives a clock that is set back', async () => {
    const id = await opened();
    await retirementsAfter(id, 0, 10);
    expect(await retirementsAfter(id, 1, -5)).toEqual([5, 10]);
  });
}

function lateDoubles(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  async function atGeneration(generation: number): Promise<string> {
    const { id } = await openSession(at.store, (await createUser(at.store)).id);
    for (let from = 0; from < generation; from += 1) await at.store.sessions.rotate(rotateInput(id, from));
    return id;
  }

  test('a late double is marked once for a generation', async () => {
    const id = await atGeneration(3);
    const before = await sessionNow(at.store, id);
    at.world.advance(7);
    expect(await at.store.sessions.recordLateDouble(id, 3)).toBe(true);
    expect(await sessionNow(at.store, id)).toEqual({ ...before, lateDoubleGeneration: 3 });
    expect(await at.store.sessions.recordLateDouble(id, 3)).toBe(false);
  });

  test('two consecutive generations are not both marked, and every other one may be', async () => {
    const id = await atGeneration(3);
    expect(await at.store.sessions.recordLateDouble(id, 3)).toBe(true);
    await at.store.sessions.rotate(rotateInput(id, 3));
    expect(await sessionNow(at.store, id)).toMatchObject({ generation: 4, lateDoubleGeneration: 3 });
    expect(await at.store.sessions.recordLateDouble(id, 4)).toBe(false);
    await at.store.sessions.rotate(rotateInput(id, 4));
    expect(await at.store.sessions.recordLateDouble(id, 5)).toBe(true);
  });

  test('only the current generation is marked', async () => {
    const id = await atGeneration(3);
    expect(await at.store.sessions.recordLateDouble(id, 2)).toBe(false);
    expect(await at.store.sessions.recordLateDouble(id, 4)).toBe(false);
    expect(await at.store.sessions.recordLateDouble('nothing', 0)).toBe(false);
    expect((await sessionNow(at.store, id)).lateDoubleGeneration).toBeNull();
  });

  test('only a session that is alive is marked', async () => {
    const ended = await atGeneration(1);
    await at.store.sessions.end(ended, 'logout');
    const revoked = await atGeneration(1);
    await at.store.sessions.endAll((await sessionNow(at.store, revoked)).userId);
    const expired = await atGeneration(1);
    at.world.setTo((await sessionNow(at.store, expired)).idleExpiresAt);
    for (const id of [ended, revoked, expired]) expect(await at.store.sessions.recordLateDouble(id, 1)).toBe(false);
    at.world.advance(-1);
    expect(await at.store.sessions.recordLateDouble(expired, 1)).toBe(true);
  });

  test('of many at once exactly one is marked', async () => {
    const id = await atGeneration(1);
    const marked = await Promise.all(Array.from({ length: 16 }, () => at.store.sessions.recordLateDouble(id, 1)));
    expect(marked.filter(Boolean)).toHaveLength(1);
  });
}

function ending(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a session ends once, with its reason and its revocation row', async () => {
    const session = await openSession(at.store, (await createUser(at.store)).id);
    at.world.advance(3);
    expect(await at.store.sessions.end(session.id, 'replay')).toBe(session.userId);
    expect(await sessionNow(at.store, session.id)).toEqual({ ...session, endedAt: startAt + 3, endReason: 'replay' });
    expect(at.world.told).toEqual([revocation('session', session.id, 0, 3)]);
    expect(await at.store.sessions.end(session.id, 'logout')).toBeNull();
    expect(await at.store.sessions.end('nothing', 'logout')).toBeNull();
    expect((await sessionNow(at.store, session.id)).endReason).toBe('replay');
    expect(at.world.told).toHaveLength(1);
  });

  test('of many who end a session at once exactly one does, and is told whose it was', async () => {
    const session = await openSession(at.store, (await createUser(at.store)).id);
    const other = await at.world.open();
    const ending = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? at.store : other).sessions.end(session.id, 'logout'));
    expect((await Promise.all(ending)).filter((userId) => userId !== null)).toEqual([session.userId]);
  });

  test('a user ends his own sessions only', async () => {
    const [user, other] = [await createUser(at.store), await createUser(at.store)];
    const session = await openSession(at.store, user.id);
    expect(await at.store.sessions.end(session.id, 'ended_by_user', { userId: other.id })).toBeNull();
    expect(await isListed(at.store, session)).toBe(true);
    expect(await at.store.sessions.end(session.id, 'ended_by_user', { userId: user.id })).toBe(user.id);
    expect(await isListed(at.store, session)).toBe(false);
  });

  test('sessions are listed the most recently used first', async () => {
    const user = await createUser(at.store);
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      at.world.advance(1);
      ids.push((await openSession(at.store, user.id)).id);
    }
    at.world.advance(1);
    await at.store.sessions.rotate(rotateInput(ids[1]!, 0));
    expect((await at.store.sessions.list(user.id)).map(({ id }) => id)).toEqual([ids[1], ids[2], ids[0]]);
  });

  test('all live sessions of a user but one end, each with its row, and are counted', async () => {
    const [user, other] = [await createUser(at.store), await createUser(at.store)];
    const [kept, one, two, ended] = await Promise.all(Array.from({ length: 4 }, () => openSession(at.store, user.id)));
    const expired = await openSession(at.store, user.id, { idleSeconds: 1 });
    const foreign = await openSession(at.store, other.id);
    await at.store.sessions.end(ended!.id, 'logout');
    at.world.advance(1000);
    at.world.forgetTold();
    expect(await at.store.sessions.endOthers(user.id, kept!.id, 'ended_by_user')).toBe(2);
    expect(at.world.told.map(({ subject }) => subject).sort()).toEqual([one!.id, two!.id].sort());
    expect((await sessionNow(at.store, one!.id)).endReason).toBe('ended_by_user');
    expect((await sessionNow(at.store, ended!.id)).endReason).toBe('logout');
    expect((await sessionNow(at.store, expired.id)).endedAt).toBeNull();
    expect((await at.store.sessions.list(user.id)).map(({ id }) => id)).toEqual([kept!.id]);
    expect(await isListed(at.store, foreign)).toBe(true);
    expect(await at.store.sessions.endOthers(user.id, kept!.id, 'ended_by_user')).toBe(0);
  });

  test('ending all is one greater epoch and one row, and a session opened afterwards lives', async () => {
    const user = await createUser(at.store);
    const old = await openSession(at.store, user.id);
    await openSession(at.store, user.id);
    expect(await at.store.sessions.endAll(user.id)).toBe(true);
    expect(at.world.told).toEqual([revocation('epoch', user.id, 1)]);
    expect(await at.store.sessions.list(user.id)).toEqual([]);
    expect(await at.store.sessions.find(old.id)).toMatchObject({ session: { epoch: 0 }, user: { sessionEpoch: 1 } });
    const next = live(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).session;
    expect(await isListed(at.store, next)).toBe(true);
    expect(await at.store.sessions.endAll('nobody')).toBe(false);
    expect(at.world.told).toHaveLength(1);
  });
}
