/** What is particular to the SQLite store: its file, its schema, its thread, and the write lock that processes share. */
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { sqlite } from 'countersign/sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StoreContext } from '../../src/model/store.js';
import { loadDriver, type SqliteDatabase } from '../../src/stores/sqlite/driver.js';
import { openDatabase } from '../../src/stores/sqlite/open-database.js';
import { createUser, openSession, rotateInput, World } from './store-under-test.js';

let folder: string;
let file: string;
let world: World;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  file = join(folder, 'data', 'countersign.db');
  world = new World(sqlite(file));
});

afterEach(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});

async function withDatabase(use: (database: SqliteDatabase) => void): Promise<void> {
  const database = new (await loadDriver())(file);
  use(database);
  database.close();
}

/** Makes the database and closes it, so that the test can tamper with the file. */
async function makeDatabase(): Promise<void> {
  await (await world.open()).close();
}

describe('the file', () => {
  test('is made in a folder of its own, readable by its owner only, and so is its log', async () => {
    const store = await world.open();
    await createUser(store);
    expect((await stat(join(folder, 'data'))).mode & 0o777).toBe(0o700);
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
  });

  test('is opened so that commits are synced to disk before they are answered', async () => {
    await makeDatabase();
    const Driver = await loadDriver();
    const opened: SqliteDatabase[] = [];
    class Observed extends Driver {
      constructor(...parameters: ConstructorParameters<typeof Driver>) {
        super(...parameters);
        opened.push(this);
      }
    }
    const { close } = openDatabase(Observed, { file, accessTtlSeconds: 300, mode: 'use', now: world.now });
    const settings = ['journal_mode', 'synchronous', 'trusted_schema'].map((name) => opened[0]!.prepare(`PRAGMA ${name}`).get());
    close();
    expect(settings).toEqual([{ journal_mode: 'wal' }, { synchronous: 2 }, { trusted_schema: 0 }]);
  });

  test('keeps every byte when it is inspected, also when a process that was killed left its last writes in the log', async () => {
    const store = await world.open();
    const user = await createUser(store);
    const left = join(folder, 'left.db');
    for (const suffix of ['', '-wal']) await copyFile(file + suffix, left + suffix);
    const bytes = (): Promise<Buffer[]> => Promise.all([readFile(left), readFile(`${left}-wal`)]);
    const before = await bytes();
    const elsewhere = new World(sqlite(left));
    const inspected = await elsewhere.open({ mode: 'inspect', accessTtlSeconds: 86_400 });
    expect(await inspected.users.find({ id: user.id })).toEqual(user);
    await elsewhere.close();
    expect(await bytes()).toEqual(before);
  });

  test('an empty name is refused', () => {
    expect(() => sqlite('')).toThrow('empty');
  });

  test('a file that is no database is refused, untouched', async () => {
    await makeDatabase();
    await writeFile(file, 'These are my notes, not a database, though they are long enough. '.repeat(100));
    await expect(world.open()).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('is not an SQLite database') as string,
    });
  });

  test('a folder that cannot be made is refused', async () => {
    await writeFile(join(folder, 'data'), '');
    await expect(world.open()).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('cannot be opened') as string,
    });
  });

  test('a database in memory forgets', async () => {
    const memory = new World(sqlite(':memory:'));
    const store = await memory.open();
    const user = await createUser(store);
    expect(await store.users.find({ id: user.id })).toEqual(user);
    expect(await (await memory.open()).users.find({ id: user.id })).toBeNull();
    await memory.close();
  });

  test('that was put back to an older state is read from its start by a reader who was ahead', async () => {
    const store = await world.open();
    const user = await createUser(store);
    await store.users.raiseAuthzVersion(user.id);
    await store.close();
    await copyFile(file, `${file}.old`);
    const ahead = await world.open();
    await ahead.users.raiseAuthzVersion(user.id);
    await ahead.users.raiseAuthzVersion(user.id);
    const { position } = await ahead.revocations.read(null);
    await ahead.close();
    await copyFile(`${file}.old`, file);
    const restored = await world.open();
    await restored.users.raiseAuthzVersion(user.id);
    expect((await restored.revocations.read(position)).rows).toMatchObject([{ value: 1 }, { value: 2 }]);
  });
});

describe('the schema', () => {
  async function expectRefusal(sentence: string, mode: StoreContext['mode'] = 'use'): Promise<void> {
    await expect(world.open({ mode })).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(sentence) as string,
    });
  }

  test('a migration that was changed after it was applied is refused', async () => {
    await makeDatabase();
    await withDatabase((database) => database.exec("UPDATE migrations SET checksum = 'x'"));
    await expectRefusal('was changed after it was applied');
    await expectRefusal('was changed after it was applied', 'inspect');
  });

  test('a database that a newer version has changed is refused', async () => {
    await makeDatabase();
    await withDatabase((database) => database.exec("INSERT INTO migrations VALUES (99, 'future', 'x', 0)"));
    await expectRefusal('run a newer Countersign');
  });

  test('the database of another program is refused, and left as it is', async () => {
    await makeDatabase();
    await rm(file);
    await withDatabase((database) => database.exec('CREATE TABLE users (id); CREATE TABLE migrations (id)'));
    await expectRefusal('another program');
    await withDatabase((database) => expect(database.prepare('SELECT name FROM sqlite_schema').all()).toHaveLength(2));
  });

  test('inspecting refuses a schema that is not up to date, and a file that is not there without making it', async () => {
    await expectRefusal('countersign migrate', 'inspect');
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await makeDatabase();
    await rm(file);
    await withDatabase((database) => database.exec('PRAGMA user_version = 0'));
    await writeFile(file, '');
    await expectRefusal('countersign migrate', 'inspect');
    await makeDatabase();
    await (await world.open({ mode: 'inspect' })).close();
  });
});

describe('the database thread', () => {
  test('when it dies, what was asked for is rejected, and it is started again on next use with everything answered still there', async () => {
    const errors: string[] = [];
    const workers: Worker[] = [];
    const remember = (worker: Worker): void => void workers.push(worker);
    process.on('worker', remember);
    const store = await world.open({
      logger: { info: () => undefined, warn: () => undefined, error: (_, message) => void errors.push(message) },
    });
    const user = await createUser(store);
    const { id } = await openSession(store, user.id);
    for (let generation = 0; generation < 3; generation += 1) {
      const dying = workers.at(-1)!.terminate();
      const asked = await Promise.allSettled([store.users.update(user.id, { name: 'lost' }), store.now()]);
      await dying;
      const failed = asked.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      for (const { reason } of failed) expect(reason).toMatchObject({ name: 'StoreUnavailableError' });
      expect(await store.sessions.rotate(rotateInput(id, generation))).toMatchObject({ outcome: 'rotated' });
    }
    process.off('worker', remember);
    expect(workers).toHaveLength(4);
    expect(errors).toHaveLength(3);
  });

  test('when it dies with several batches under way, each is rejected or was committed, and one thread takes its place', async () => {
    const workers: Worker[] = [];
    const remember = (worker: Worker): void => void workers.push(worker);
    process.on('worker', remember);
    const store = await world.open();
    const user = await createUser(store);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const raise = async (turns: number): Promise<boolean> => {
      for (let at = 0; at < turns; at += 1) await turn();
      return store.users.raiseAuthzVersion(user.id);
    };
    const raiseInTurns = (): Promise<boolean>[] => Array.from({ length: 6 }, (_, turns) => raise(turns));
    const dying = workers[0]!.terminate();
    const settled = await Promise.allSettled(raiseInTurns());
    await dying;
    for (const result of settled) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ name: 'StoreUnavailableError' });
    }
    expect(await Promise.all(raiseInTurns())).toEqual(Array(6).fill(true));
    const answered = settled.filter(({ status }) => status === 'fulfilled').length + 6;
    expect((await store.users.find({ id: user.id }))?.authzVersion).toBeGreaterThanOrEqual(answered);
    process.off('worker', remember);
    expect(workers).toHaveLength(2);
  });

  test('when it dies, a database in memory is gone and says so', async () => {
    const workers: Worker[] = [];
    process.once('worker', (worker: Worker) => workers.push(worker));
    const memory = new World(sqlite(':memory:'));
    const store = await memory.open();
    await workers[0]!.terminate();
    await expect(store.now()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    await memory.close();
  });

  test('when it cannot be started again, every act says so until it can', async () => {
    const workers: Worker[] = [];
    process.once('worker', (worker: Worker) => workers.push(worker));
    const store = await world.open();
    await workers[0]!.terminate();
    await rm(join(folder, 'data'), { recursive: true });
    for (let attempt = 0; attempt < 5; attempt += 1) await expect(store.now()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    await makeDatabase();
    await expect.poll(() => store.now().catch(() => null), { timeout: 5000, interval: 100 }).toBe(world.now);
  });
});

describe('while another process keeps the write lock', () => {
  test('reading goes on; writing waits, is refused together with what shared its transaction, and works again afterwards', async () => {
    const store = await world.open();
    const user = await createUser(store);
    const holder = new (await loadDriver())(file);
    holder.exec('BEGIN IMMEDIATE');
    expect(await store.users.find({ id: user.id })).toEqual(user);
    const settled = await Promise.allSettled([store.users.update(user.id, { name: 'x' }), store.sessions.endAll(user.id), store.now()]);
    for (const result of settled) expect(result).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailableError' } });
    expect(world.told).toEqual([]);
    const waiting = store.users.update(user.id, { name: 'y' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    holder.exec('ROLLBACK');
    holder.close();
    expect(await waiting).toEqual({ ...user, name: 'y' });
  });
});
