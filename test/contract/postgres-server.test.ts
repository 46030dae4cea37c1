/** The PostgreSQL store when server or network fail: nobody waits beyond the bound, nothing is done twice, and it goes on when they are back. */
import pg from 'pg';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OpenStore } from '../../src/model/store.js';
import type { Opening } from '../../src/stores/postgres/open-store.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { postgresStore } from './postgres-under-test.js';
import { createUser, openInput, openSession, rotateInput, sessionNow, World } from './store-under-test.js';

const unavailable = { name: 'StoreUnavailableError' };
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** How long something took that must fail because the database cannot be used. */
async function refusedAfter(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await expect(act()).rejects.toMatchObject(unavailable);
  return performance.now() - startedAt;
}

describe.skipIf(!hasPostgres())('a server of which everything is expected', () => {
  let server: PostgresServer;
  let proxy: TcpProxy;
  let url: string;
  let worlds: World[];
  let clients: pg.Client[];

  beforeAll(async () => {
    server = await PostgresServer.start({ max_connections: '40' });
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    url = await server.createDatabase();
    proxy = await TcpProxy.start(server.port);
    worlds = [];
    clients = [];
  });
  afterEach(async () => {
    proxy.forward();
    await Promise.all(clients.map((client) => client.end()));
    await Promise.all(worlds.map((world) => world.close()));
    proxy.close();
  });

  const database = (): string => new URL(url).pathname.slice(1);

  function open(address: Opening['address'] = url, overrides: Partial<Opening> = {}): Promise<OpenStore> {
    const world = new World(postgresStore(address, overrides));
    worlds.push(world);
    return world.open();
  }

  const throughProxy = (overrides: Partial<Opening> = {}): Promise<OpenStore> =>
    open(server.url(database(), { port: proxy.port }), overrides);

  async function connect(): Promise<pg.Client> {
    const client = await server.connect(database());
    clients.push(client);
    return client;
  }

  async function newSession(store: OpenStore): Promise<{ id: string; userId: string }> {
    return openSession(store, (await createUser(store)).id);
  }

  /** Asked until it is told: what was refused as unavailable may have been done. */
  async function generationOf(store: OpenStore, id: string): Promise<number> {
    for (;;) {
      const found = await store.sessions.find(id).catch(() => null);
      if (found !== null) return found.session.generation;
      await pause(20);
    }
  }

  describe('while it is', () => {
    test('shut down, all is refused at once, and it goes on when it is there again', async () => {
      const store = await open();
      const { id } = await newSession(store);
      await server.shutDown();
      expect(await refusedAfter(() => store.sessions.rotate(rotateInput(id, 0)))).toBeLessThan(1000);
      expect(await refusedAfter(() => store.sessions.find(id))).toBeLessThan(1000);
      await server.launch();
      expect(await store.sessions.rotate(rotateInput(id, 0))).toMatchObject({ outcome: 'rotated' });
    });

    test('restarted under load, no act waits beyond the bound, and nobody who goes on from what he was told is refused', async () => {
      const store = await open();
      const sessions = await Promise.all(Array.from({ length: 16 }, () => newSession(store)));
      let isLoaded = true;
      let slowest = 0;
      const generations = await Promise.all([
        ...sessions.map(async ({ id }) => {
          let known = 0;
          while (isLoaded) {
            const startedAt = performance.now();
            const outcome = await store.sessions.rotate(rotateInput(id, known)).catch((error: unknown) => error);
            slowest = Math.max(slowest, performance.now() - startedAt);
            if (outcome instanceof Error) {
              expect(outcome).toMatchObject(unavailable);
              known = await generationOf(store, id);
            } else {
              expect(outcome).toMatchObject({ outcome: 'rotated' });
              known += 1;
            }
          }
          return known;
        }),
        (async () => {
          for (const end of ['shutDown', 'kill'] as const) {
            await pause(300);
            await server[end]();
            await pause(200);
            await server.launch();
          }
          await pause(300);
          isLoaded = false;
          return 1;
        })(),
      ]);
      expect(Math.min(...generations)).toBeGreaterThan(0);
      expect(slowest).toBeLessThan(5500);
    });

    test('hung, acts are refused within 5 seconds; those that would pile up at once; and it goes on when it answers', async () => {
      const store = await open();
      const { id } = await newSession(store);
      server.freeze();
      try {
        const first = await Promise.all(Array.from({ length: 60 }, () => refusedAfter(() => store.sessions.find(id))));
        expect(Math.min(...first)).toBeGreaterThan(4500);
        expect(Math.max(...first)).toBeLessThan(6000);
        const waiting = Array.from({ length: 60 }, () => refusedAfter(() => store.sessions.find(id)));
        const second = (await Promise.all(waiting)).sort((a, b) => a - b);
        expect(second[15]).toBeLessThan(500);
        expect(second[59]).toBeLessThan(6000);
      } finally {
        server.thaw();
      }
      expect(await store.sessions.rotate(rotateInput(id, 0))).toMatchObject({ outcome: 'rotated' });
    });

    test('read-only, writing is refused and reading goes on', async () => {
      const store = await open();
      const { id, userId } = await newSession(store);
      await server.query(`ALTER DATABASE ${database()} SET default_transaction_read_only = on`);
      await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database()}'`);
      await pause(100);
      expect(await store.sessions.find(id)).toMatchObject({ session: { id } });
      expect((await store.revocations.read(null)).rows).toEqual([]);
      for (const act of [() => store.sessions.rotate(rotateInput(id, 0)), () => store.users.setRoles(userId, []), () => store.purge(10)]) {
        await expect(act()).rejects.toMatchObject(unavailable);
      }
      await expect(open()).rejects.toMatchObject(unavailable);
    });

    test('out of connections, acts are refused at once, and the store makes do with those that it has', async () => {
      const store = await open();
      const { id } = await newSession(store);
      const others: pg.Client[] = [];
      for (;;) {
        const other = await connect().catch(() => null);
        if (other === null) break;
        others.push(other);
      }
      expect(await refusedAfter(() => open())).toBeLessThan(1000);
      const found = await Promise.allSettled(Array.from({ length: 50 }, () => store.sessions.find(id)));
      for (const result of found) if (result.status === 'rejected') expect(result.reason).toMatchObject(unavailable);
      expect(await store.sessions.find(id)).toMatchObject({ session: { id } });
      await Promise.all(others.map((other) => other.end()));
      await expect
        .poll(() =>
          open().then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
    });
  });

  describe('locks of another program', () => {
    test('are waited for less long than an act may take, by all that need them; the others are answered', async () => {
      const store = await open(url, { bounds: { deadlineMilliseconds: 2000 } });
      const [held, free] = [await newSession(store), await newSession(store)];
      const holder = await connect();
      await holder.query(`BEGIN; SELECT FROM countersign.sessions WHERE id = '${held.id}' FOR UPDATE`);
      const waiting = Promise.all(Array.from({ length: 5 }, () => refusedAfter(() => store.sessions.rotate(rotateInput(held.id, 0)))));
      expect(await store.sessions.rotate(rotateInput(free.id, 0))).toMatchObject({ outcome: 'rotated' });
      for (const after of await waiting) expect(after).toBeLessThan(1900);
      await holder.query('ROLLBACK');
      expect(await store.sessions.rotate(rotateInput(held.id, 0))).toMatchObject({ outcome: 'rotated' });
    });

    test('keep everybody waiting when they hold up as many acts as there are connections, and nobody for longer than the bound', async () => {
      const store = await open(url, { poolSize: 3, bounds: { deadlineMilliseconds: 2000 } });
      const { id } = await newSession(store);
      const holder = await connect();
      await holder.query(`BEGIN; SELECT FROM countersign.sessions WHERE id = '${id}' FOR UPDATE`);
      const all = Array.from({ length: 12 }, () => refusedAfter(() => store.sessions.rotate(rotateInput(id, 0))));
      for (const after of await Promise.all(all)) expect(after).toBeLessThan(2500);
      await holder.query('ROLLBACK');
      // What began to wait late may have been given up by us before the server gave it up.
      const { generation } = await sessionNow(store, id);
      expect(await store.sessions.rotate(rotateInput(id, generation))).toMatchObject({ outcome: 'rotated' });
    });

    test('do not keep purging from what it can have', async () => {
      const world = new World(postgresStore(url, { clock: 'context' }));
      worlds.push(world);
      const store = await world.open();
      const user = await createUser(store);
      const [held, free] = [await openSession(store, user.id), await openSession(store, user.id)];
      world.setTo(held.absoluteExpiresAt);
      const holder = await connect();
      await holder.query(`BEGIN; SELECT FROM countersign.sessions WHERE id = '${held.id}' FOR UPDATE`);
      expect(await store.purge(10)).toBe(false);
      expect(await store.sessions.find(free.id)).toBeNull();
      expect(await store.sessions.find(held.id)).not.toBeNull();
    });

    test('that close a circle with ours are given up by one, and the act is done again', async () => {
      const store = await open();
      const { id, userId } = await newSession(store);
      const other = await connect();
      await other.query(`BEGIN; SELECT FROM countersign.sessions WHERE id = '${id}' FOR UPDATE`);
      const deleting = store.users.delete(userId);
      await pause(300);
      const changing = other.query(`UPDATE countersign.users SET name = 'x' WHERE id = '${userId}'`).then(
        () => other.query('COMMIT'),
        () => other.query('ROLLBACK'),
      );
      expect(await deleting).toMatchObject({ outcome: 'written' });
      await changing;
      expect(await sessionNow(store, id)).toMatchObject({ endReason: 'user_deleted' });
    });

    test('a server that serializes everything: of many at once exactly one rotates, and the others find its generation', async () => {
      const pool = new pg.Pool({ connectionString: url, options: '-c default_transaction_isolation=serializable' });
      const store = await open(pool);
      const { id } = await newSession(store);
      const results = await Promise.all(Array.from({ length: 32 }, () => store.sessions.rotate(rotateInput(id, 0))));
      expect(results.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(1);
      for (const result of results) if (result.outcome === 'not_rotated') expect(result.found?.session.generation).toBe(1);
      await worlds.pop()?.close();
      await pool.end();
    });
  });

  test.each(['55P03', '57014', '25P03', '25P04'])(
    'an act that the server gives up (%s) is refused, and is no reason to refuse others',
    async (code) => {
      const store = await open();
      const { id } = await newSession(store);
      await server.query(
        `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '${code}'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON countersign.users FOR EACH ROW EXECUTE FUNCTION public.fail()`,
        database(),
      );
      await refusedAfter(() => createUser(store));
      const found = await Promise.all(Array.from({ length: 60 }, () => store.sessions.find(id)));
      expect(found).toMatchObject(Array(60).fill({ session: { id } }));
    },
  );

  describe('revocations are read', () => {
    /** As a node does, all the time. */
    async function openListening(address: Opening['address'] = url): Promise<OpenStore> {
      const store = await open(address, { poolSize: 2, bounds: { deadlineMilliseconds: 2000, maxActs: 10 } });
      await store.hints!.subscribe(() => undefined);
      return store;
    }

    async function timeOf(act: () => Promise<unknown>): Promise<number> {
      const startedAt = performance.now();
      await act();
      return performance.now() - startedAt;
    }

    test('while as many acts wait as may, and before the first of them is answered', async () => {
      const store = await openListening();
      const { id, userId } = await newSession(store);
      const { position } = await store.revocations.read(null);
      const holder = await connect();
      await holder.query(`BEGIN; SELECT FROM countersign.sessions WHERE id = '${id}' FOR UPDATE`);
      const waiting = Promise.all(Array.from({ length: 10 }, () => refusedAfter(() => store.sessions.rotate(rotateInput(id, 0)))));
      await pause(200);
      await expect(store.now()).rejects.toMatchObject(unavailable);
      await server.query(
        `INSERT INTO countersign.revocations (kind, subject, value, revoked_at, expires_at) VALUES ('epoch', '${userId}', 1, 0, 4000000000000)`,
        database(),
      );
      expect((await store.revocations.read(position)).rows).toMatchObject([{ subject: userId }]);
      expect(await timeOf(() => store.revocations.read(position))).toBeLessThan(500);
      for (const after of await waiting) expect(after).toBeLessThan(2500);
      await holder.query('ROLLBACK');
    });

    test('by many at once', async () => {
      const store = await openListening();
      await Promise.all(Array.from({ length: 10 }, () => store.revocations.read(null)));
    });

    test('also when the connection for that has gone, or nothing arrives on it any more', async () => {
      const store = await openListening(server.url(database(), { port: proxy.port }));
      await Promise.all([store.now(), store.now()]);
      await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`);
      expect(await timeOf(() => store.revocations.read(null))).toBeLessThan(500);
      // That one is replaced.
      await pause(500);
      const reading = timeOf(() => store.revocations.read(null));
      proxy.blackHole();
      await pause(100);
      proxy.forward();
      const after = await reading;
      expect(after).toBeGreaterThan(1000);
      expect(after).toBeLessThan(1800);
      expect(await timeOf(() => store.revocations.read(null))).toBeLessThan(500);
    });
  });

  test('what fails again and again until its time is over is answered then, and the store can be closed', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 30 });
    const store = await open(pool, { bounds: { deadlineMilliseconds: 1000 } });
    await server.query(
      `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(0.12); RAISE 'not now' USING ERRCODE = 'serialization_failure'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON countersign.users FOR EACH ROW EXECUTE FUNCTION public.fail()`,
      database(),
    );
    // So many that for some of them the time is over in a pause between two attempts.
    const creating = Array.from({ length: 30 }, () => refusedAfter(() => createUser(store)));
    for (const after of await Promise.all(creating)) expect(after).toBeLessThan(1500);
    await store.close();
    await pool.end();
  });

  test('a commit for which no standby vouches in time is not acknowledged', async () => {
    const store = await open(url, { bounds: { deadlineMilliseconds: 1500 } });
    const { id, userId } = await newSession(store);
    await server.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
    await server.query('SELECT pg_reload_conf()');
    try {
      const rotate = async (): Promise<unknown> => store.sessions.rotate(rotateInput(id, (await sessionNow(store, id)).generation));
      // From when the server has read its settings.
      await expect.poll(() => rotate().catch((error: unknown) => error), { timeout: 10_000 }).toMatchObject(unavailable);
      for (const act of [() => store.sessions.end(id, 'logout'), () => store.users.setDisabled(userId, true)]) {
        expect(await refusedAfter(act)).toBeLessThan(1900);
      }
    } finally {
      await server.query('ALTER SYSTEM RESET synchronous_standby_names');
      await server.query('SELECT pg_reload_conf()');
    }
  });

  describe('a connection', () => {
    const endAll = (): Promise<unknown> =>
      server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database()}' AND application_name = 'countersign'`,
      );

    test('that the server ended while nobody used it is replaced, and no act notices', async () => {
      const store = await open();
      const { id } = await newSession(store);
      for (let generation = 0; generation < 5; generation += 1) {
        await endAll();
        await pause(50);
        expect(await store.sessions.rotate(rotateInput(id, generation))).toMatchObject({ outcome: 'rotated' });
      }
    });

    test('that is lost while something is read is replaced, and it is read again', async () => {
      const store = await throughProxy();
      const { id } = await newSession(store);
      proxy.forward({ delayMilliseconds: 200 });
      const finding = Promise.all(Array.from({ length: 4 }, () => store.sessions.find(id)));
      await pause(100);
      proxy.cut();
      expect(await finding).toMatchObject(Array(4).fill({ session: { id } }));
    });

    test('that is lost before the end of a transaction is replaced, and the transaction is done once', async () => {
      const store = await throughProxy();
      const { id: userId } = await createUser(store);
      const holder = await connect();
      await holder.query(`BEGIN; SELECT FROM countersign.users WHERE id = '${userId}' FOR UPDATE`);
      const opening = store.sessions.open(openInput(userId));
      await pause(300);
      proxy.cut();
      await holder.query('COMMIT');
      const opened = await opening;
      expect(opened).not.toBeNull();
      expect((await store.sessions.list(userId)).map(({ id }) => id)).toEqual([opened!.session.id]);
    });

    test('whose answer to a write is lost leaves it unknown, says so, and writes nothing twice', async () => {
      const store = await throughProxy({ bounds: { deadlineMilliseconds: 1500 } });
      const { id, userId } = await newSession(store);
      proxy.blackHole('to client');
      await expect(store.sessions.rotate(rotateInput(id, 0))).rejects.toMatchObject(unavailable);
      await expect(store.sessions.endAll(userId)).rejects.toMatchObject(unavailable);
      proxy.forward();
      expect((await sessionNow(store, id)).generation).toBe(1);
      // The second found the pool's connection lost, and never reached the server.
      expect((await store.users.find({ id: userId }))!.sessionEpoch).toBeLessThanOrEqual(1);
    });

    test('on which nothing arrives any more is given up within the bound, and not used again', async () => {
      const store = await throughProxy({ bounds: { deadlineMilliseconds: 1500 } });
      const { id } = await newSession(store);
      proxy.blackHole();
      const after = await Promise.all(Array.from({ length: 20 }, () => refusedAfter(() => store.sessions.find(id))));
      expect(Math.max(...after)).toBeLessThan(2000);
      proxy.forward();
      expect(await store.sessions.find(id)).toMatchObject({ session: { id } });
      await expect.poll(() => proxy.open).toBeLessThanOrEqual(10);
    });

    test('has what we rely on, whatever the database says, and nothing weaker than that', async () => {
      await server.query(`ALTER DATABASE ${database()} SET synchronous_commit = off`);
      await server.query(`ALTER DATABASE ${database()} SET default_transaction_isolation = serializable`);
      const show = async (): Promise<Record<string, string>> => {
        const store = await open();
        const seen: Record<string, string> = {};
        await server.query(`CREATE TABLE IF NOT EXISTS seen (name text, setting text); TRUNCATE seen`, database());
        await server.query(
          `CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen SELECT name, setting FROM pg_settings WHERE source = 'session' OR name = 'synchronous_commit'; RETURN NEW; END $$;
          CREATE OR REPLACE TRIGGER note BEFORE INSERT ON countersign.users FOR EACH ROW EXECUTE FUNCTION public.note()`,
          database(),
        );
        await createUser(store);
        for (const { name, setting } of await server.query('SELECT * FROM seen', database())) seen[String(name)] = String(setting);
        return seen;
      };
      expect(await show()).toMatchObject({
        synchronous_commit: 'on',
        default_transaction_isolation: 'read committed',
        search_path: 'pg_catalog',
        lock_timeout: '4000',
        statement_timeout: '4500',
        idle_in_transaction_session_timeout: '4500',
      });
      await server.query(`ALTER DATABASE ${database()} SET synchronous_commit = remote_apply`);
      expect(await show()).toMatchObject({ synchronous_commit: 'remote_apply' });
    });

    test('is not left behind when the store is closed', async () => {
      const store = await open();
      await Promise.all(Array.from({ length: 20 }, () => store.now()));
      const ours = (): Promise<unknown[]> =>
        server.query(`SELECT FROM pg_stat_activity WHERE datname = '${database()}' AND application_name = 'countersign'`);
      expect(await ours()).not.toEqual([]);
      await store.close();
      await expect.poll(ours).toEqual([]);
    });
  });

  describe('an address', () => {
    test('where nobody listens, that is no host, or that never answers is refused within the bound', async () => {
      await proxy.refuse();
      const nowhere = server.url(database(), { port: proxy.port });
      expect(await refusedAfter(() => open(nowhere))).toBeLessThan(1000);
      expect(await refusedAfter(() => open('postgres://postgres@nowhere.invalid/x'))).toBeLessThan(5500);
      await proxy.accept();
      proxy.blackHole();
      expect(await refusedAfter(() => open(nowhere))).toBeLessThan(5500);
    });

    test('a password never shows, whatever goes wrong', async () => {
      const password = 'Tr0ub4dor-and-3';
      await server.query(`CREATE ROLE keeper LOGIN PASSWORD '${password}'`);
      await server.query(`GRANT ALL ON DATABASE ${database()} TO keeper`);
      await server.requirePasswords();
      const at = (secret: string, rest = `@127.0.0.1:${server.port}/${database()}`): string => `postgres://keeper:${secret}${rest}`;
      const store = await open(at(password), { poolSize: 2 });
      const errors: unknown[] = [];
      const note = (act: () => Promise<unknown>): Promise<unknown> => act().catch((error: unknown) => errors.push(error));
      for (const wrong of [
        at(`${password}x`),
        at(password, '@127.0.0.1:1/x'),
        at(password, `@127.0.0.1:${server.port}/none`),
        at(password, '@nowhere.invalid/x'),
        at(password, '@%%%/x?sslmode=bad&sslcert=/none'),
      ]) {
        await note(async () => open(wrong));
      }
      expect(errors[0]).toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining('password authentication failed') as string,
      });
      await createUser(store, { id: 'usr_taken' });
      await note(() => createUser(store, { id: 'usr_taken' }));
      await server.query(`ALTER ROLE keeper PASSWORD 'another'`);
      await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keeper'`);
      await pause(100);
      await note(() => store.now());
      expect(errors).toHaveLength(7);
      expect(errors[6]).toMatchObject(unavailable);
      for (const error of errors) {
        const all = inspect(error, { depth: 20, showHidden: true }) + String((error as Error).stack);
        expect(all).not.toContain(password);
      }
    });
  });
});
