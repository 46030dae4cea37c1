/** The SQLite store when several processes share the file, and when one of them is killed or its disk is full. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from 'countersign/sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OpenStore } from '../../src/model/store.js';
import { StoreProcess } from './store-process.js';
import { createUser, newUser, openSession, rotateInput, sessionNow, World } from './store-under-test.js';

let folder: string;
let file: string;
let world: World;
let processes: StoreProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  file = join(folder, 'countersign.db');
  world = new World(sqlite(file));
  processes = [];
});

afterEach(async () => {
  await Promise.all(processes.map((child) => child.kill()));
  await world.close();
  await rm(folder, { recursive: true });
});

function start(
  ...options: ConstructorParameters<typeof StoreProcess> extends [string, ...infer Rest] ? Rest : never
): Promise<StoreProcess> {
  const child = new StoreProcess(file, ...options);
  processes.push(child);
  return child.ready();
}

async function openSessions(store: OpenStore, count: number): Promise<string[]> {
  const user = await createUser(store);
  return Promise.all(Array.from({ length: count }, async () => (await openSession(store, user.id)).id));
}

describe('16 processes that start on one file at once', () => {
  test('make one schema, create one user of a name and rotate a token once', async () => {
    const all = await Promise.all(Array.from({ length: 16 }, () => start()));
    const store = await world.open();
    const versions = (await store.appliedMigrations()).map(({ version }) => version);
    expect(versions).toEqual(versions.map((_, index) => index + 1));

    const created = await Promise.all(
      all.map((child, index) => child.ask('users', 'create', newUser({ id: `usr_${index}`, usernameKey: 'ada' }))),
    );
    expect(created.filter(({ value }) => (value as { outcome: string }).outcome === 'created')).toHaveLength(1);
    expect(created.filter(({ value }) => (value as { outcome: string }).outcome === 'username_taken')).toHaveLength(15);

    const [id] = (await openSessions(store, 1)) as [string];
    const rotated = await Promise.all(all.map((child) => child.ask('sessions', 'rotate', rotateInput(id, 0))));
    expect(rotated.filter(({ value }) => (value as { outcome: string }).outcome === 'rotated')).toHaveLength(1);
    expect((await sessionNow(store, id)).generation).toBe(1);
  });
});

describe('a process with a store', () => {
  test('ends by itself when it has nothing to do, though the store is not closed', async () => {
    const child = await start();
    expect(await child.end()).toBe(0);
  });

  test('does not end before what it asked for is answered', async () => {
    const child = await start();
    const creating = child.ask('users', 'create', newUser());
    expect(await child.end()).toBe(0);
    expect(await creating).toMatchObject({ value: { outcome: 'created' } });
  });

  test('does not end before it has heard why its database is refused', async () => {
    await writeFile(file, 'These are my notes, not a database. '.repeat(100));
    await expect(start()).rejects.toThrow('ConfigError');
  });

  test('that is killed has lost nothing that it had answered', async () => {
    const ids = await openSessions(await world.open(), 16);
    const child = await start();
    const answered = new Map(ids.map((id) => [id, 0]));
    for (const id of ids) void child.rotateForever(id, answered);
    while ([...answered.values()].reduce((sum, count) => sum + count, 0) < 400) await new Promise((resolve) => setTimeout(resolve, 1));
    await child.kill();
    const store = await world.open();
    for (const [id, generation] of answered) {
      const stored = (await sessionNow(store, id)).generation;
      expect([generation, generation + 1]).toContain(stored);
    }
  });

  test('whose disk is full says so, keeps what it had answered, and goes on when there is room', async () => {
    const ids = await openSessions(await world.open(), 16);
    await world.close();
    const child = await start({ fileLimit: 200 });
    const answered = new Map(ids.map((id) => [id, 0]));
    const errors = await Promise.all(ids.map((id) => child.rotateForever(id, answered)));
    expect(new Set(errors)).toEqual(new Set(['StoreUnavailableError']));
    expect(Math.max(...answered.values())).toBeGreaterThan(0);
    expect(await child.ask('sessions', 'find', ids[0])).toMatchObject({ value: { session: { generation: answered.get(ids[0]!) } } });
    await child.kill();
    const store = await world.open();
    for (const [id, generation] of answered) {
      expect((await sessionNow(store, id)).generation).toBe(generation);
      expect(await store.sessions.rotate(rotateInput(id, generation))).toMatchObject({ outcome: 'rotated' });
    }
  });
});
