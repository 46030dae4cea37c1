/** The contract of `OutboxStore`, and of the acts that write into it. */
import { describe, expect, test } from 'vitest';
import type { NewOutboxRecord, OutboxRecord } from '../../src/model/outbox.js';
import type { OpenStore } from '../../src/model/store.js';
import { newProof } from './proof-records.js';
import { createUser, eachWithStore, live, newUser, openInput, openSession, startAt, type MakeStore } from './store-under-test.js';

export function outboxContract(makeStore: MakeStore): void {
  describe('claiming rows of the outbox', () => claiming(makeStore));
  describe('settling rows of the outbox', () => settling(makeStore));
  describe('acts that cause mail', () => causing(makeStore));
}

let serial = 0;

export function newRow(overrides: Partial<NewOutboxRecord> = {}): NewOutboxRecord {
  serial += 1;
  const id = `out_${String(serial).padStart(6, '0')}`;
  return { id, kind: 'verify_email', sealedPayload: Uint8Array.of(1, 2, serial % 256), lifetimeSeconds: 1000, ...overrides };
}

/** Every row that there is, by claiming all of them. */
export async function claimAll(store: OpenStore): Promise<readonly OutboxRecord[]> {
  return store.outbox.claim(1000, 60);
}

const ids = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);

function claiming(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a row is claimed as it was written, once, until its lease is over', async () => {
    const row = newRow({ kind: 'password_changed', lifetimeSeconds: 500 });
    await at.store.outbox.add([row]);
    at.world.advance(5);
    const { lifetimeSeconds, ...written } = row;
    const claimed = { ...written, attempts: 1, createdAt: startAt, expiresAt: startAt + lifetimeSeconds * 1000, now: startAt + 5 };
    expect(await at.store.outbox.claim(10, 60)).toEqual([claimed]);
    expect(await at.store.outbox.claim(10, 60)).toEqual([]);
    at.world.advance(59_999);
    expect(await at.store.outbox.claim(10, 60)).toEqual([]);
    at.world.advance(1);
    expect(await at.store.outbox.claim(10, 60)).toEqual([{ ...claimed, attempts: 2, now: startAt + 60_005 }]);
  });

  test('no more rows are claimed than asked for, the longest due first', async () => {
    const rows = [newRow(), newRow(), newRow()];
    for (const row of rows) {
      await at.store.outbox.add([row]);
      at.world.advance(1);
    }
    expect(ids(await at.store.outbox.claim(2, 60))).toEqual(ids(rows.slice(0, 2)));
    expect(ids(await at.store.outbox.claim(2, 60))).toEqual(ids(rows.slice(2)));
  });

  test('a row whose time is over is still claimed, so that somebody says so', async () => {
    const row = newRow({ lifetimeSeconds: 1 });
    await at.store.outbox.add([row]);
    at.world.advance(5000);
    expect(await at.store.outbox.claim(10, 60)).toMatchObject([{ id: row.id, expiresAt: startAt + 1000, now: startAt + 5000 }]);
  });

  test('of many processes that claim at once each row goes to one', async () => {
    const rows = Array.from({ length: 40 }, () => newRow());
    await at.store.outbox.add(rows);
    const stores = [at.store, await at.world.open()];
    const claimed = await Promise.all(Array.from({ length: 20 }, (_, index) => stores[index % 2]!.outbox.claim(3, 60)));
    const rest = await at.store.outbox.claim(100, 60);
    expect(ids([...claimed.flat(), ...rest]).sort()).toEqual(ids(rows).sort());
  });

  test('it is known when the next row is due', async () => {
    expect(await at.store.outbox.nextDue()).toBeNull();
    await at.store.outbox.add([newRow()]);
    expect(await at.store.outbox.nextDue()).toBe(0);
    await at.store.outbox.claim(1, 60);
    at.world.advance(10_000);
    expect(await at.store.outbox.nextDue()).toBe(50_000);
    at.world.advance(90_000);
    expect(await at.store.outbox.nextDue()).toBe(0);
  });
}

function settling(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a row that is settled is gone, and settling it again does nothing', async () => {
    const row = newRow();
    await at.store.outbox.add([row]);
    expect(await at.store.outbox.settle(row.id)).toBe('settled');
    expect(await at.store.outbox.nextDue()).toBeNull();
    expect(await at.store.outbox.settle(row.id, { proof: null, rows: [newRow()] })).toBe('gone');
    expect(await at.store.outbox.nextDue()).toBeNull();
  });

  test('what comes of a row is written with its removal', async () => {
    const [user, row, next] = [await createUser(at.store), newRow(), newRow()];
    await at.store.outbox.add([row]);
    const proof = newProof({ userId: user.id });
    expect(await at.store.outbox.settle(row.id, { proof, rows: [next] })).toBe('settled');
    expect(await at.store.proofs.find(proof.id)).toMatchObject({ id: proof.id, userId: user.id, usedAt: null });
    expect(ids(await claimAll(at.store))).toEqual([next.id]);
  });

  test('a proof that may not be issued any more leaves nothing but the removal', async () => {
    const [gone, disabled, moved] = ['usr_nobody', (await createUser(at.store)).id, (await createUser(at.store)).id];
    await at.store.users.setDisabled(disabled, true);
    await at.store.sessions.endAll(moved);
    for (const userId of [gone, disabled, moved]) {
      const [row, proof] = [newRow(), newProof({ userId, epoch: 0 })];
      await at.store.outbox.add([row]);
      expect(await at.store.outbox.settle(row.id, { proof, rows: [newRow()] })).toBe('dropped');
      expect(await at.store.proofs.find(proof.id)).toBeNull();
      expect(await at.store.outbox.nextDue()).toBeNull();
    }
  });

  test('of many who settle one row at once one does', async () => {
    const row = newRow();
    await at.store.outbox.add([row]);
    const stores = [at.store, await at.world.open()];
    const settled = await Promise.all(
      Array.from({ length: 16 }, (_, index) => stores[index % 2]!.outbox.settle(row.id, { proof: null, rows: [newRow()] })),
    );
    expect(settled.filter((outcome) => outcome === 'settled')).toHaveLength(1);
    expect(await claimAll(at.store)).toHaveLength(1);
  });

  test('a row is postponed by whoever claimed it last, and by nobody else', async () => {
    const row = newRow();
    await at.store.outbox.add([row]);
    await at.store.outbox.claim(1, 60);
    await at.store.outbox.postpone(row.id, 1, 10);
    expect(await at.store.outbox.nextDue()).toBe(10_000);
    at.world.advance(10_000);
    expect(await at.store.outbox.claim(1, 60)).toMatchObject([{ attempts: 2 }]);
    await at.store.outbox.postpone(row.id, 1, 0);
    expect(await at.store.outbox.nextDue()).toBe(60_000);
  });

  test('restoring a backup empties the outbox', async () => {
    await at.store.outbox.add([newRow()]);
    await at.store.restoreEpoch();
    expect(await at.store.outbox.nextDue()).toBeNull();
  });
}

function causing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('a user who is created writes rows, and one who is refused writes none', async () => {
    const [first, second] = [newRow(), newRow()];
    expect(await at.store.users.create(newUser({ usernameKey: 'ada' }), [first])).toMatchObject({ outcome: 'created' });
    expect(await at.store.users.create(newUser({ usernameKey: 'ada' }), [second])).toEqual({ outcome: 'username_taken' });
    expect(ids(await claimAll(at.store))).toEqual([first.id]);
  });

  test('a password that is set or changed writes rows, and otherwise none is written', async () => {
    const user = await createUser(at.store);
    const rows = [newRow(), newRow(), newRow(), newRow()] as const;
    await at.store.users.setPassword(user.id, 'hash-2', [rows[0]]);
    await at.store.users.setPassword('usr_nobody', 'hash-2', [rows[1]]);
    const session = live(await at.store.sessions.open(openInput(user.id, {}, { epoch: 1 }))).session;
    const change = { ...openInput(user.id, {}, { epoch: 1 }), replaces: session.id, toHash: 'hash-3' };
    expect(await at.store.sessions.changePassword({ ...change, fromHash: 'wrong', outgoing: [rows[2]] })).toBeNull();
    expect(await at.store.sessions.changePassword({ ...change, fromHash: 'hash-2', outgoing: [rows[3]] })).not.toBeNull();
    expect(ids(await claimAll(at.store))).toEqual([rows[0].id, rows[3].id]);
  });

  test('a session that ends writes rows, and one that had ended writes none', async () => {
    const user = await createUser(at.store);
    const session = await openSession(at.store, user.id);
    const rows = [newRow(), newRow(), newRow()] as const;
    expect(await at.store.sessions.end(session.id, 'replay', { userId: 'usr_other', outgoing: [rows[0]] })).toBeNull();
    expect(await at.store.sessions.end(session.id, 'replay', { outgoing: [rows[1]] })).toBe(user.id);
    expect(await at.store.sessions.end(session.id, 'replay', { outgoing: [rows[2]] })).toBeNull();
    expect(ids(await claimAll(at.store))).toEqual([rows[1].id]);
  });
}
