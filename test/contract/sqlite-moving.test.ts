/** The SQLite store while it is read out to be moved, and after it has moved. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from 'countersign/sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OpenStore } from '../../src/model/store.js';
import type { MovedChanges, MovedMark, MoveSource } from '../../src/model/store-move.js';
import { movedTables } from '../../src/stores/moved-tables.js';
import { loadDriver, type SqliteDatabase } from '../../src/stores/sqlite/driver.js';
import { openMoveSource } from '../../src/stores/sqlite/export-rows.js';
import { StoreProcess } from './store-process.js';
import { createUser, newKey, newUser, openSession, rotateInput, World } from './store-under-test.js';

let folder: string;
let file: string;
let world: World;
let store: OpenStore;
let source: MoveSource;
let processes: StoreProcess[];

const mark: MovedMark = { moveId: 'move-1', to: 'PostgreSQL at db.example.com:5432/auth, schema countersign', movedAt: 1 };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  file = join(folder, 'countersign.db');
  world = new World(sqlite(file));
  store = await world.open();
  source = await openMoveSource(file);
  processes = [];
});

afterEach(async () => {
  await Promise.all(processes.map((child) => child.kill()));
  source.close();
  await world.close();
  await rm(folder, { recursive: true });
});

async function inDatabase<Result>(look: (database: SqliteDatabase) => Result): Promise<Result> {
  const database = new (await loadDriver())(file);
  try {
    return look(database);
  } finally {
    database.close();
  }
}

function take(): Promise<readonly MovedChanges[]> {
  return source.locked('move-1', () => source.takeChanges(1000));
}

/** What a move leaves behind that is over or was given up. */
function leftovers(): Promise<unknown[]> {
  return inDatabase((database) =>
    database.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'moving%' UNION SELECT key FROM meta WHERE key = 'moving'").all(),
  );
}

test('every column of every table is on the list of what moves', async () => {
  const columns = await inDatabase((database) => {
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('meta', 'migrations') AND name NOT LIKE 'sqlite_%'")
      .all() as { name: string }[];
    return Object.fromEntries(
      tables.map(({ name }) => {
        const info = database.prepare(`SELECT name FROM pragma_table_info('${name}')`).all() as { name: string }[];
        return [name, info.map((column) => column.name).sort()];
      }),
    );
  });
  const listed = Object.fromEntries(movedTables.map(({ name, columns: kinds }) => [name, Object.keys(kinds).sort()]));
  expect(listed).toEqual(columns);
});

test('every unique column is on the list, so that names that change hands do not meet', async () => {
  const unique = await inDatabase((database) =>
    Object.fromEntries(
      movedTables.map(({ name, key }) => {
        const found = database
          .prepare(
            `SELECT DISTINCT column.name FROM pragma_index_list('${name}') AS list, pragma_index_info(list.name) AS column WHERE list."unique"`,
          )
          .all() as { name: string }[];
        return [name, found.map((column) => column.name).filter((column) => column !== key)];
      }),
    ),
  );
  const listed = Object.fromEntries(movedTables.map(({ name, unique: columns }) => [name, columns]));
  for (const [name, columns] of Object.entries(unique)) expect([...columns].sort(), name).toEqual([...(listed[name] ?? [])].sort());
});

test('what is read out is of one moment, and stops nobody from writing', async () => {
  const users = [];
  for (let index = 0; index < 5; index += 1) users.push(await createUser(store, { id: `usr_${index}` }));
  const read: string[] = [];
  for (const { table, rows } of source.readAll()) {
    if (table.name === 'users') {
      await store.users.delete('usr_3');
      await createUser(store, { id: 'usr_9' });
    }
    read.push(...rows.map(({ id }) => String(id)));
  }
  expect(read).toEqual(users.map(({ id }) => id));
});

test('values travel as they are', async () => {
  const profile = { a: [1, 2.5, { deep: null }], '\u0000': '\ud800 and \u0000', ['__proto__']: 'x' };
  await createUser(store, { id: 'usr_1', roles: ['user', 'admin'], profile, name: 'Ünï \u{1F600}', emailVerified: true });
  const { id } = await openSession(store, 'usr_1', { delivery: 'bearer', remember: false });
  for (const from of [0, 1]) {
    world.advance(1000);
    await store.sessions.rotate(rotateInput(id, from, { bearer: true }));
  }
  await store.keys.addAfter(null, newKey({ kid: 'k1', sealedPrivate: new Uint8Array([0, 255]) }));
  const rows = Object.fromEntries([...source.readAll()].map(({ table, rows: [row] }) => [table.name, row]));
  expect(rows['users']).toMatchObject({ id: 'usr_1', roles: ['user', 'admin'], profile, name: 'Ünï \u{1F600}', email_verified: true });
  expect(rows['sessions']).toMatchObject({
    generation: 2,
    retirements: [world.now, world.now - 1000],
    secret_digest: `\\x${'07'.repeat(32)}`,
    remember: false,
    factors: ['pwd'],
    late_double_generation: null,
  });
  expect(rows['signing_keys']).toMatchObject({ seq: 1, kid: 'k1', sealed_private: '\\x00ff', public_jwk: { kty: 'EC', x: 'x' } });
});

test('what changes in any process is recorded, in which table and whatever becomes of it', async () => {
  await createUser(store, { id: 'usr_1' });
  await createUser(store, { id: 'usr_2' });
  source.startRecording('move-1');
  expect(await take()).toEqual([]);
  const other = new StoreProcess(file);
  processes.push(other);
  await other.ready();
  await other.ask('users', 'create', newUser({ id: 'usr_3' }));
  await store.users.delete('usr_2');
  const session = await openSession(store, 'usr_3');
  await store.sessions.rotate(rotateInput(session.id, 0));
  await store.sessions.end(session.id, 'logout');
  for (let count = 0; count < 3; count += 1) await store.counters.add([{ key: 'login:ada', amount: 1, windowSeconds: 900 }]);
  const changes = await take();
  const told = changes.map(({ table, keys, rows }) => [table.name, keys, rows.map((row) => row[table.key])]);
  expect(told).toEqual([
    ['users', ['usr_2', 'usr_3'], ['usr_3']],
    ['sessions', [session.id], [session.id]],
    ['revocations', [1, 2], [1, 2]],
    ['counters', ['login:ada'], ['login:ada']],
  ]);
  expect(changes[1]?.rows[0]).toMatchObject({ generation: 1, end_reason: 'logout' });
  expect(await take()).toEqual([]);
});

test('what was taken in a lock that failed is taken again', async () => {
  source.startRecording('move-1');
  await createUser(store, { id: 'usr_1' });
  const failing = source.locked('move-1', () => {
    source.takeChanges(10);
    throw new Error('the target is gone');
  });
  await expect(failing).rejects.toThrow('the target is gone');
  expect((await take()).map(({ keys }) => keys)).toEqual([['usr_1']]);
});

test('a move that was given up leaves nothing, and one that was killed nothing that stops the next', async () => {
  source.startRecording('move-1');
  source.stopRecording();
  expect(await leftovers()).toEqual([]);
  source.startRecording('move-0');
  source.startRecording('move-1');
  await createUser(store, { id: 'usr_1' });
  expect(await take()).toHaveLength(1);
  await expect(source.locked('move-0', () => source.takeChanges(1))).rejects.toThrow('Another `countersign migrate-store` has begun');
});

describe('a database that has moved', () => {
  async function move(): Promise<void> {
    source.startRecording('move-1');
    await source.locked('move-1', () => source.markMoved(mark));
  }

  test('refuses what is read and written in every process that has it open, and keeps nothing of the move but the mark', async () => {
    const user = await createUser(store);
    const { id } = await openSession(store, user.id);
    const other = new StoreProcess(file);
    processes.push(other);
    await other.ready();
    await move();
    expect(await leftovers()).toEqual([]);
    const acts: (() => Promise<unknown>)[] = [
      () => createUser(store),
      () => store.users.find({ id: user.id }),
      () => store.sessions.find(id),
      () => store.sessions.rotate(rotateInput(id, 0)),
      () => store.sessions.end(id, 'logout'),
      () => store.keys.list(),
      () => store.revocations.read(null),
      () => store.purge(10),
      () => store.restoreEpoch(),
      () => store.now(),
    ];
    for (const act of acts) {
      await expect(act(), act.toString()).rejects.toThrow(
        expect.objectContaining({
          name: 'StoreUnavailableError',
          message: `The database cannot be used: it has moved to ${mark.to}: set COUNTERSIGN_STORE, or the option \`store\`, to that database.`,
        }),
      );
    }
    expect(await other.ask('sessions', 'rotate', rotateInput(id, 0))).toMatchObject({ error: 'StoreUnavailableError' });
    expect(source.findMark()).toEqual(mark);
  });

  test.each(['use', 'inspect'] as const)('is not opened (%s), with a sentence that says where it is', async (mode) => {
    await move();
    const message = `store: The database is out of use: it has moved to ${mark.to}: set COUNTERSIGN_STORE, or the option \`store\`, to that database.`;
    await expect(world.open({ mode })).rejects.toThrow(expect.objectContaining({ name: 'ConfigError', message }));
  });

  test('is as it was when the mark is removed', async () => {
    const user = await createUser(store);
    const { id } = await openSession(store, user.id);
    await move();
    source.removeMark();
    expect(await store.sessions.rotate(rotateInput(id, 0))).toMatchObject({ outcome: 'rotated' });
  });
});

test('there must be a database to be moved, with a schema that is up to date', async () => {
  await expect(openMoveSource(join(folder, 'other.db'))).rejects.toThrow('There is no database file');
  await expect(openMoveSource(':memory:')).rejects.toThrow('There is no database file');
  await inDatabase((database) => database.exec('DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)'));
  await expect(openMoveSource(file)).rejects.toThrow('run `countersign migrate`');
});
