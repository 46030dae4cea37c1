/** The chain of events where several processes append, and where somebody has been at the database. */
import { createSecretKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from 'countersign/sqlite';
import { postgres } from 'countersign/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { verifyEvents } from '../../src/flows/verify-events.js';
import { loadDriver } from '../../src/stores/sqlite/driver.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { appendFromProcesses, newEvent, positions, signers, upTo } from './events-contract.js';
import { World } from './store-under-test.js';

interface Place {
  readonly address: string;
  readonly world: World;
  execute(sql: string): Promise<void>;
}

/** What somebody does who can write to the database and has no secret, and the first position that gives him away. */
const attacks: readonly (readonly [what: string, sql: string, position: number])[] = [
  ['one character of a row edited', `UPDATE events SET details = '{"reason":"X"}' WHERE position = 4`, 4],
  ['a time edited', 'UPDATE events SET at = at + 1 WHERE position = 1', 1],
  ['a row removed', 'DELETE FROM events WHERE position = 5', 5],
  ['the first row removed', 'DELETE FROM events WHERE position = 1', 1],
  ['the newest row removed', 'DELETE FROM events WHERE position = 9', 9],
  ['the newest rows removed, behind a checkpoint', 'DELETE FROM events WHERE position > 6', 7],
  [
    'two rows swapped',
    'UPDATE events SET position = 100 WHERE position = 2; UPDATE events SET position = 2 WHERE position = 3; UPDATE events SET position = 3 WHERE position = 100',
    2,
  ],
  [
    'a row put behind the head',
    `INSERT INTO events (position, id, at, type, details, hash) SELECT 10, 'evt_x', at, type, details, hash FROM events WHERE position = 9`,
    10,
  ],
  ['an address put in', `UPDATE events SET address = '192.0.2.7' WHERE position = 3`, 3],
  ['a checkpoint forged', 'UPDATE events SET checkpoint = (SELECT checkpoint FROM events WHERE position = 9) WHERE position = 6', 6],
  ['the head put back', `UPDATE event_marks SET position = 6, hash = (SELECT hash FROM events WHERE position = 6) WHERE name = 'head'`, 6],
  ['the head removed', `DELETE FROM event_marks`, 9],
  ['all events removed', 'DELETE FROM events', 1],
  [
    'a beginning made up',
    `INSERT INTO event_marks (name, position, hash, signature) SELECT 'start', 3, hash, (SELECT signature FROM event_marks) FROM events WHERE position = 3; DELETE FROM events WHERE position <= 3`,
    3,
  ],
];

function tampering(place: () => Place): void {
  beforeEach(async () => {
    const { events } = place().world.store;
    for (let batch = 0; batch < 3; batch += 1)
      await events.append([newEvent(), newEvent({ details: '{"reason":"x"}' }), newEvent()], signers);
  });

  test.each(attacks)('%s: it is found, and still found when recording has gone on', async (_, sql, position) => {
    const { world, execute } = place();
    const { events } = world.store;
    expect((await verifyEvents(events, { signers })).broken).toBeNull();
    await execute(sql);
    expect((await verifyEvents(events, { signers })).broken?.position).toBe(position);
    await events.append([newEvent()], signers);
    expect((await verifyEvents(events, { signers })).broken?.position).toBeLessThanOrEqual(11);
  });

  test('a checkpoint is no head: a chain that is cut behind one is found', async () => {
    const { world, execute } = place();
    const { events } = world.store;
    await execute(`UPDATE event_marks SET position = 6, hash = (SELECT hash FROM events WHERE position = 6),
      signature = (SELECT checkpoint FROM events WHERE position = 6) WHERE name = 'head'; DELETE FROM events WHERE position > 6`);
    expect((await verifyEvents(events, { signers })).broken).toEqual({ position: 6, why: 'the signature of the head is forged' });
    await events.append([newEvent()], signers);
    expect((await verifyEvents(events, { signers })).broken?.position).toBe(7);
  });

  test('a chain put back with an older head that was copied is found by a head that was kept elsewhere', async () => {
    const { world, execute } = place();
    const { events } = world.store;
    await execute('CREATE TABLE copied AS SELECT * FROM event_marks');
    await events.append([newEvent()], signers);
    const { head } = await events.marks();
    await execute(
      `DELETE FROM events WHERE position > 9; DELETE FROM event_marks; INSERT INTO event_marks SELECT * FROM copied; DROP TABLE copied`,
    );
    expect((await verifyEvents(events, { signers })).broken).toBeNull();
    expect((await verifyEvents(events, { signers, expected: head })).broken?.position).toBe(10);
  });

  test('the beginning is signed anew when the master secret is another, so that the old one can be forgotten', async () => {
    const { events } = place().world.store;
    expect(await events.trim({ before: Number.MAX_SAFE_INTEGER, limit: 3, signers })).toBe('more');
    const newest = { id: 8, events: createSecretKey(Buffer.alloc(32, 8)) };
    const later = [newest, ...signers];
    await events.append([newEvent()], later);
    expect((await verifyEvents(events, { signers: [newest] })).broken).toEqual({
      position: 3,
      why: expect.stringContaining('not known') as string,
    });
    expect(await events.trim({ before: 0, limit: 3, signers: later })).toBe('done');
    expect(await verifyEvents(events, { signers: [newest] })).toMatchObject({ broken: null, start: 3 });
  });

  test('processes that append at once make one chain', async () => {
    const { address, world } = place();
    const appended = await appendFromProcesses(address, 4);
    expect(await positions(world.store.events)).toEqual(upTo(9 + appended));
    expect((await verifyEvents(world.store.events, { signers })).broken).toBeNull();
  });
}

describe('in a file', () => {
  let folder: string;
  let place: Place;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    const address = join(folder, 'countersign.db');
    const world = new World(sqlite(address));
    await world.open();
    const execute = async (sql: string): Promise<void> => {
      const Driver = await loadDriver();
      const database = new Driver(address);
      database.exec(sql);
      database.close();
    };
    place = { address, world, execute };
  });
  afterEach(async () => {
    await place.world.close();
    await rm(folder, { recursive: true });
  });
  tampering(() => place);
});

describe.skipIf(!hasPostgres())('on a server', () => {
  let server: PostgresServer;
  let place: Place;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    const address = await server.createDatabase();
    const world = new World(postgres(address));
    await world.open();
    const execute = async (sql: string): Promise<void> => {
      const client = new pg.Client({ connectionString: address });
      await client.connect();
      await client.query(`SET search_path = countersign; ${sql}`);
      await client.end();
    };
    place = { address, world, execute };
  });
  afterEach(() => place.world.close());
  tampering(() => place);
});
