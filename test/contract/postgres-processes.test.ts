/** The PostgreSQL store when many processes share the database, and when one of them is killed. */
import { postgres } from 'countersign/postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { StoreProcess } from './store-process.js';
import { createUser, newUser, openSession, rotateInput, sessionNow, World } from './store-under-test.js';

describe.skipIf(!hasPostgres())('processes on one server', () => {
  let server: PostgresServer;
  let url: string;
  let world: World;
  let processes: StoreProcess[];

  beforeAll(async () => {
    server = await PostgresServer.start({ max_connections: '250' });
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    url = await server.createDatabase();
    world = new World(postgres(url));
    processes = [];
  });
  afterEach(async () => {
    await Promise.all(processes.map((child) => child.kill()));
    await world.close();
  });

  function start(at = url): Promise<StoreProcess> {
    const child = new StoreProcess(at);
    processes.push(child);
    return child.ready();
  }

  test('16 that start at once on an empty database make one schema, one user of a name, and rotate a token once', async () => {
    const all = await Promise.all(Array.from({ length: 16 }, () => start()));
    const store = await world.open();
    const versions = (await store.appliedMigrations()).map(({ version }) => version);
    expect(versions).toEqual(versions.map((_, index) => index + 1));

    const created = await Promise.all(
      all.map((child, index) => child.ask('users', 'create', newUser({ id: `usr_${index}`, usernameKey: 'ada' }))),
    );
    const outcomes = created.map(({ value }) => (value as { outcome: string }).outcome).sort();
    expect(outcomes).toEqual(['created', ...Array<string>(15).fill('username_taken')]);

    const { id } = await openSession(store, (await createUser(store)).id);
    const rotated = await Promise.all(all.map((child) => child.ask('sessions', 'rotate', rotateInput(id, 0))));
    expect(rotated.filter(({ value }) => (value as { outcome: string }).outcome === 'rotated')).toHaveLength(1);
    expect((await sessionNow(store, id)).generation).toBe(1);
  });

  test('one ends by itself when it has nothing to do, though the store is not closed', async () => {
    const child = await start();
    expect(await child.end()).toBe(0);
  });

  test('one does not end before what it asked for is answered', async () => {
    const child = await start();
    const creating = child.ask('users', 'create', newUser());
    expect(await child.end()).toBe(0);
    expect(await creating).toMatchObject({ value: { outcome: 'created' } });
  });

  test('one does not end before it has heard why its database is refused', async () => {
    await expect(start(server.url('nothing_here'))).rejects.toThrow('ConfigError');
  });

  test('one that is killed has lost nothing that it had answered', async () => {
    const store = await world.open();
    const user = await createUser(store);
    const ids = await Promise.all(Array.from({ length: 16 }, async () => (await openSession(store, user.id)).id));
    const child = await start();
    const answered = new Map(ids.map((id) => [id, 0]));
    for (const id of ids) void child.rotateForever(id, answered);
    while ([...answered.values()].reduce((sum, count) => sum + count, 0) < 400) await new Promise((resolve) => setTimeout(resolve, 1));
    await child.kill();
    for (const [id, generation] of answered) {
      const stored = (await sessionNow(store, id)).generation;
      expect([generation, generation + 1]).toContain(stored);
    }
  });
});
