/** What is particular to opening the PostgreSQL store: its options, its schema, and a pool of one's own. */
import { postgres, type PostgresPool } from 'countersign/postgres';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OpenStore, Store, StoreContext } from '../../src/model/store.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { createUser, openSession, rotateInput, World } from './store-under-test.js';

describe('what it is made with', () => {
  test.each([
    ['', {}],
    ['mysql://localhost/x', {}],
    ['./data/countersign.db', {}],
    ['postgres:localhost', {}],
    ['postgres://localhost/x', { schema: '' }],
    ['postgres://localhost/x', { schema: 'Upper' }],
    ['postgres://localhost/x', { schema: 'pg_own' }],
    ['postgres://localhost/x', { schema: 'a"; DROP TABLE users; --' }],
    ['postgres://localhost/x', { schema: 'a'.repeat(49) }],
    ['postgres://localhost/x', { poolSize: 0 }],
    ['postgres://localhost/x', { poolSize: 1.5 }],
  ])('%j with %j is refused', (url, options) => {
    expect(() => postgres(url, options)).toThrow(expect.objectContaining({ name: 'ConfigError' }) as Error);
  });

  test('all problems are told at once, and the URL is not', () => {
    try {
      postgres('mysql://ada:secret@localhost/x', { schema: 'X', poolSize: 0 });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ problems: { length: 3 } });
      expect(String(error)).not.toContain('secret');
    }
  });

  test('without the package pg it says how to get it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    try {
      await cp(fileURLToPath(new URL('../../dist', import.meta.url)), join(folder, 'dist'), { recursive: true });
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
      const program = `import { postgres } from './dist/stores/postgres/index.js';
        await postgres('postgres://localhost/x').open({}).catch(({ name, message }) => console.log(name, message));`;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: folder });
      expect(stdout).toContain('ConfigError store: The package pg');
      expect(stdout).toContain('npm i pg');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe.skipIf(!hasPostgres())('on a server', () => {
  let server: PostgresServer;
  let url: string;
  let worlds: World[];

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    url = await server.createDatabase();
    worlds = [];
  });
  afterEach(async () => {
    await Promise.all(worlds.map((world) => world.close()));
  });

  const query = (sql: string): Promise<Record<string, unknown>[]> => server.query(sql, new URL(url).pathname.slice(1));

  function open(store: Store = postgres(url), overrides: Partial<StoreContext> = {}): Promise<OpenStore> {
    const world = new World(store);
    worlds.push(world);
    return world.open(overrides);
  }

  async function expectRefusal(sentence: string, store?: Store, mode: StoreContext['mode'] = 'use'): Promise<void> {
    await expect(open(store, { mode })).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(sentence) as string,
    });
  }

  const schemas = async (): Promise<unknown[]> =>
    (await query(`SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY 1`)).map(
      ({ nspname }) => nspname,
    );

  describe('the schema', () => {
    test('a migration that was changed after it was applied is refused', async () => {
      await (await open()).close();
      await query(`UPDATE countersign.migrations SET checksum = 'x'`);
      await expectRefusal('was changed after it was applied');
      await expectRefusal('was changed after it was applied', undefined, 'inspect');
    });

    test('one that a newer version has changed is refused', async () => {
      await (await open()).close();
      await query(`INSERT INTO countersign.migrations VALUES (99, 'future', 'x', 0)`);
      await expectRefusal('run a newer Countersign');
    });

    test('one of another program is refused, and left as it is', async () => {
      await query('CREATE TABLE public.migrations (id integer)');
      await expectRefusal('another program', postgres(url, { schema: 'public' }));
      expect(await query(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace`)).toEqual([{ relname: 'migrations' }]);
      await open();
    });

    test('inspecting refuses one that is not there, and makes none', async () => {
      await expectRefusal('countersign migrate', undefined, 'inspect');
      expect(await schemas()).toEqual(['public']);
    });

    test('two in one database are two stores', async () => {
      const [one, two] = [await open(), await open(postgres(url, { schema: 'other' }))];
      const user = await createUser(one);
      expect(await two.users.find({ id: user.id })).toBeNull();
      await one.users.raiseAuthzVersion(user.id);
      expect((await two.revocations.read(null)).rows).toEqual([]);
      expect(await schemas()).toEqual(['countersign', 'other', 'public']);
    });

    test('one that was prepared is used by a role that may make none', async () => {
      await query('CREATE ROLE app LOGIN');
      await query('CREATE SCHEMA countersign AUTHORIZATION app');
      const own = server.url(new URL(url).pathname.slice(1), { user: 'app' });
      const store = await open(postgres(own));
      await createUser(store);
      await expectRefusal('permission denied', postgres(own, { schema: 'another' }));
    });

    test('a column that a newer version adds does not disturb those that run', async () => {
      const store = await open();
      const { id, userId } = await openSession(store, (await createUser(store)).id);
      const useAll = (generation: number): Promise<unknown> =>
        Promise.all([
          store.sessions.rotate(rotateInput(id, generation)),
          store.sessions.list(userId),
          store.users.setRoles(userId, []),
          store.keys.list(),
          store.apiKeys.find('nothing'),
          store.apiKeys.list({ userId, limit: 1, after: null }),
          store.counters.add([{ key: 'k', amount: 1, windowSeconds: 60 }]),
          store.revocations.read(null),
        ]);
      // On each connection, so that each has prepared them.
      for (let generation = 0; generation < 10; generation += 1) await useAll(generation);
      for (const table of [
        'users',
        'sessions',
        'revocations',
        'signing_keys',
        'api_keys',
        'proofs',
        'totp_factors',
        'recovery_codes',
        'outbox',
        'counters',
      ])
        await query(`ALTER TABLE countersign.${table} ADD COLUMN next text`);
      for (let generation = 10; generation < 20; generation += 1) await useAll(generation);
      expect((await store.sessions.find(id))?.session.generation).toBe(20);
    });
  });

  test('a database of another encoding is refused', async () => {
    await query(`CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0`);
    await expectRefusal('UTF8', postgres(server.url('latin')));
  });

  test('a database that is not there, and a user who may not, are for the operator to mend', async () => {
    await expectRefusal('does not exist', postgres(server.url('nothing_here')));
    await expectRefusal('does not exist', postgres(server.url('postgres', { user: 'nobody_here' })));
    await expectRefusal('after the "?"', postgres(`${url}?sslcert=/nothing/here`));
  });

  test('a server that could lose what was acknowledged is warned of', async () => {
    const warnings: [object, string][] = [];
    const ignore = (): void => undefined;
    await open(undefined, { logger: { info: ignore, error: ignore, warn: (...line) => void warnings.push(line) } });
    expect(warnings).toEqual([[{ settings: 'fsync' }, expect.stringContaining('fsync off')]]);
  });

  describe('a pool of one`s own', () => {
    let pool: pg.Pool;
    beforeEach(() => {
      pool = new pg.Pool({ connectionString: url, max: 4 });
    });
    afterEach(() => pool.end());

    test('is used, listened through, and left open', async () => {
      const own: PostgresPool = pool;
      const store = await open(postgres(own));
      let hints = 0;
      await store.hints!.subscribe(() => (hints += 1));
      const user = await createUser(store);
      await store.users.raiseAuthzVersion(user.id);
      await expect.poll(() => hints).toBe(1);
      await store.close();
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await expect.poll(() => pool.totalCount - pool.idleCount).toBe(0);
    });

    test('keeps the settings of its connections but the one that makes commits durable', async () => {
      await query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = off`);
      const store = await open(postgres(pool));
      await store.now();
      const show = async (name: string): Promise<unknown> => (await pool.query<Record<string, unknown>>(`SHOW ${name}`)).rows[0]?.[name];
      expect(await show('synchronous_commit')).toBe('on');
      expect(await show('statement_timeout')).toBe('0');
      expect(await show('search_path')).toBe('"$user", public');
    });

    test('may read its types as it likes', async () => {
      pg.types.setTypeParser(pg.types.builtins.INT8, (text: string) => BigInt(text));
      pg.types.setTypeParser(pg.types.builtins.BOOL, () => 'neither');
      try {
        const store = await open(postgres(pool));
        const { id, userId } = await openSession(store, (await createUser(store)).id);
        expect(await store.sessions.find(id)).toMatchObject({
          session: { generation: 0, remember: true },
          user: { id: userId, sessionEpoch: 0 },
        });
        expect((await pool.query<Record<string, unknown>>('SELECT 1::bigint AS one')).rows).toEqual([{ one: 1n }]);
      } finally {
        pg.types.setTypeParser(pg.types.builtins.INT8, (text: string) => text);
        pg.types.setTypeParser(pg.types.builtins.BOOL, (text: string) => text === 't');
      }
    });
  });
});
