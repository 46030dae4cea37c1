/** The contract of `EventStore`: one chain without gap or fork, whoever appends, and a beginning that can go. */
import { execFile } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { verifyEvents } from '../../src/flows/verify-events.js';
import type { EventQuery, EventSigners, EventStore, NewEventRecord } from '../../src/model/event-store.js';
import { addressDigest } from '../../src/model/event-chain.js';
import { createUser, eachWithStore, startAt, type MakeStore } from './store-under-test.js';

export const signers: EventSigners = [{ id: 7, events: createSecretKey(Buffer.alloc(32, 7)) }];

let serial = 0;

export function newEvent(overrides: Partial<NewEventRecord> = {}): NewEventRecord {
  serial += 1;
  const none = { userId: null, sessionId: null, actorId: null, address: null, addressSalt: null, addressDigest: null };
  return { ...none, id: `evt_${String(serial)}`, at: startAt + serial, type: 'login.failed', details: '{}', ...overrides };
}

function withAddress(address: string, overrides: Partial<NewEventRecord>): NewEventRecord {
  const addressSalt = Buffer.alloc(16, 5);
  return newEvent({ address, addressSalt, addressDigest: addressDigest(addressSalt, address), ...overrides });
}

const all: EventQuery = { userId: null, types: null, from: 0, before: { at: Number.MAX_SAFE_INTEGER, position: 0 }, limit: 100 };

export async function positions(store: EventStore): Promise<number[]> {
  return (await store.read(0, 10_000)).map(({ position }) => position);
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Processes that append to the same database at once: how many events there are then. */
export async function appendFromProcesses(place: string, processes: number): Promise<number> {
  const batches = 20;
  const script = join(import.meta.dirname, 'event-process.mjs');
  await Promise.all(
    Array.from({ length: processes }, (_, index) => promisify(execFile)(process.execPath, [script, place, String(index), String(batches)])),
  );
  return processes * upTo(batches).reduce((sum, batch) => sum + 1 + ((batch - 1) % 3), 0);
}

export function eventsContract(makeStore: MakeStore): void {
  describe('the record of events', () => {
    appending(makeStore);
    reading(makeStore);
    erasing(makeStore);
    trimming(makeStore);
  });
}

function appending(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('an empty record is sound', async () => {
    expect(await verifyEvents(at.store.events, { signers })).toMatchObject({ broken: null, events: 0, position: 0 });
  });

  test('events are kept as they are given, numbered without a gap, and the last of a batch is a checkpoint', async () => {
    const given = [
      newEvent({ userId: 'usr_1', sessionId: 'ses_1', details: '{"reason":"wrong \\u0000 password"}' }),
      newEvent({ actorId: 'usr_2' }),
      newEvent(),
    ];
    await at.store.events.append(given.slice(0, 2), signers);
    await at.store.events.append(given.slice(2), signers);
    const rows = await at.store.events.read(0, 10);
    expect(rows).toMatchObject(given.map((event, index) => ({ ...event, position: index + 1 })));
    expect(rows.map(({ checkpoint }) => checkpoint !== null)).toEqual([false, true, true]);
    expect(await verifyEvents(at.store.events, { signers })).toMatchObject({ broken: null, events: 3, checkpoints: 2 });
  });

  test('a batch whose answer was lost is appended once', async () => {
    const batch = [newEvent(), newEvent()];
    await at.store.events.append(batch, signers);
    await at.store.events.append(batch, signers);
    expect(await positions(at.store.events)).toEqual([1, 2]);
  });

  test('many that append at once make one chain', async () => {
    const stores = [at.store, await at.world.open(), await at.world.open(), await at.world.open()];
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => stores[index % stores.length]!.events.append([newEvent(), newEvent()], signers)),
    );
    expect(await positions(at.store.events)).toEqual(upTo(120));
    expect(await verifyEvents(at.store.events, { signers })).toMatchObject({ broken: null, events: 120, checkpoints: 60 });
  });

  test('the record is verified while others append', async () => {
    const appended = Promise.all(Array.from({ length: 30 }, () => at.store.events.append([newEvent()], signers)));
    const reports = await Promise.all(Array.from({ length: 10 }, () => verifyEvents(at.store.events, { signers })));
    await appended;
    expect(reports.map(({ broken }) => broken)).toEqual(Array(10).fill(null));
  });

  test('a head that this secret has not signed is not signed over, and recording goes on', async () => {
    await at.store.events.append([newEvent()], [{ id: 7, events: createSecretKey(Buffer.alloc(32, 8)) }]);
    await at.store.events.append([newEvent({ type: 'login.succeeded' })], signers);
    const rows = await at.store.events.read(0, 10);
    expect(rows.map(({ type }) => type)).toEqual(['login.failed', 'events.tampered', 'login.succeeded']);
    expect((await verifyEvents(at.store.events, { signers })).broken?.position).toBe(1);
  });

  test('a second secret takes over from the first', async () => {
    const newer = { id: 9, events: createSecretKey(Buffer.alloc(32, 9)) };
    await at.store.events.append([newEvent()], signers);
    await at.store.events.append([newEvent()], [newer, ...signers]);
    await at.store.events.append([newEvent()], [newer]);
    expect(await verifyEvents(at.store.events, { signers: [newer, ...signers] })).toMatchObject({ broken: null, unknownCheckpoints: 0 });
    expect(await verifyEvents(at.store.events, { signers: [newer] })).toMatchObject({ broken: null, unknownCheckpoints: 1 });
  });
}

function reading(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('events are listed the latest first, by user, kind and time, page by page', async () => {
    const events = [
      newEvent({ at: 10, userId: 'usr_1', type: 'login.failed' }),
      newEvent({ at: 30, userId: 'usr_1', type: 'login.succeeded' }),
      newEvent({ at: 20, userId: 'usr_2', type: 'login.failed' }),
      newEvent({ at: 30, userId: 'usr_1', type: 'session.ended' }),
    ];
    await at.store.events.append(events, signers);
    const list = async (query: Partial<EventQuery>): Promise<number[]> =>
      (await at.store.events.list({ ...all, ...query })).map(({ position }) => position);
    expect(await list({})).toEqual([4, 2, 3, 1]);
    expect(await list({ limit: 1, before: { at: 30, position: 4 } })).toEqual([2]);
    expect(await list({ userId: 'usr_1' })).toEqual([4, 2, 1]);
    expect(await list({ userId: 'usr_1', types: ['login.failed', 'session.ended'] })).toEqual([4, 1]);
    expect(await list({ types: ['login.failed'] })).toEqual([3, 1]);
    expect(await list({ from: 20, before: { at: 30, position: 0 } })).toEqual([3]);
  });
}

function erasing(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('deleting a user erases his addresses, before and after, and leaves the chain as it was', async () => {
    const { id } = await createUser(at.store);
    const other = await createUser(at.store);
    const theirs = [
      withAddress('192.0.2.1', { userId: id }),
      withAddress('192.0.2.2', { userId: other.id }),
      withAddress('192.0.2.3', { userId: other.id, actorId: id }),
      withAddress('192.0.2.4', { userId: id, actorId: other.id }),
      withAddress('192.0.2.5', {}),
    ];
    await at.store.events.append(theirs, signers);
    await at.store.users.delete(id);
    await at.store.events.append([withAddress('192.0.2.6', { userId: id })], signers);
    const rows = await at.store.events.read(0, 10);
    expect(rows.map(({ address }) => address)).toEqual([null, '192.0.2.2', null, '192.0.2.4', '192.0.2.5', null]);
    expect(rows.filter(({ address }) => address === null).map(({ addressSalt }) => addressSalt)).toEqual([null, null, null]);
    expect(rows[0]).toMatchObject({ userId: id });
    expect((await verifyEvents(at.store.events, { signers })).broken).toBeNull();
  });
}

function trimming(makeStore: MakeStore): void {
  const at = eachWithStore(makeStore);

  test('what is old goes from the beginning, in steps, and the rest stays verifiable', async () => {
    await at.store.events.append(
      [10, 20, 30, 15, 40].map((instant) => newEvent({ at: instant })),
      signers,
    );
    const trim = (before: number, limit = 2): Promise<string> => at.store.events.trim({ before, limit, signers });
    expect(await trim(30)).toBe('more');
    // The fourth is old, too, but stands behind one that is not.
    expect(await trim(30)).toBe('done');
    expect(await positions(at.store.events)).toEqual([3, 4, 5]);
    expect(await verifyEvents(at.store.events, { signers })).toMatchObject({ broken: null, start: 2, events: 3 });
    expect(await trim(1000, 100)).toBe('done');
    expect(await positions(at.store.events)).toEqual([]);
    await at.store.events.append([newEvent()], signers);
    expect(await positions(at.store.events)).toEqual([6]);
    expect(await verifyEvents(at.store.events, { signers })).toMatchObject({ broken: null, start: 5, events: 1 });
  });

  test('a beginning that cannot be trusted is left for whoever looks into it', async () => {
    await at.store.events.append([newEvent({ at: 10 })], [{ id: 7, events: createSecretKey(Buffer.alloc(32, 8)) }]);
    expect(await at.store.events.trim({ before: 1000, limit: 10, signers })).toBe('broken');
    expect(await positions(at.store.events)).toEqual([1]);
  });

  test('a head that was kept elsewhere is found again, or not', async () => {
    await at.store.events.append([newEvent({ at: 10 }), newEvent({ at: 20 })], signers);
    const { head } = await at.store.events.marks();
    await at.store.events.append([newEvent()], signers);
    const broken = async (expected: { position: number; hash: Uint8Array }): Promise<unknown> =>
      (await verifyEvents(at.store.events, { signers, expected })).broken?.position ?? null;
    expect(await broken(head!)).toBeNull();
    expect(await broken({ ...head!, hash: new Uint8Array(32) })).toBe(2);
    expect(await broken({ ...head!, position: 9 })).toBe(4);
    await at.store.events.trim({ before: 15, limit: 10, signers });
    expect(await broken(head!)).toBeNull();
    expect(await broken({ ...head!, position: 0 })).toBe(0);
  });
}
