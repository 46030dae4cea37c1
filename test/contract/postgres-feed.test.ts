/** The feed of revocations on PostgreSQL: commits in any order, a server that restarts or is replaced, and the hints that something is to be read. */
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OpenStore, RevocationPage } from '../../src/model/store.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { postgresStore } from './postgres-under-test.js';
import { createUser, World } from './store-under-test.js';

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

const insertSql = (subject: string): string => `
  INSERT INTO countersign.revocations (kind, subject, value, revoked_at, expires_at) VALUES ('session', '${subject}', 0, 0, 4000000000000)`;

describe.skipIf(!hasPostgres())('the feed', () => {
  let server: PostgresServer;
  let url: string;
  let world: World;
  let store: OpenStore;
  let clients: Client[];

  beforeAll(async () => {
    server = await PostgresServer.start({ max_connections: '200' });
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    url = await server.createDatabase();
    world = new World(postgresStore(url));
    store = await world.open();
    clients = [];
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await world.close();
  });

  /** Another program's transaction, with a revocation that is not committed. */
  async function beginRevoking(subject: string): Promise<Client> {
    const client = await server.connect(nameOf(url));
    clients.push(client);
    await client.query('BEGIN');
    await client.query(insertSql(subject));
    return client;
  }

  const revoke = (subject: string): Promise<unknown> => server.query(insertSql(subject), nameOf(url));

  /** Reads to the end from a position; the subjects, and where to go on. */
  async function readAll(position: string | null): Promise<{ subjects: string[]; position: string }> {
    const subjects: string[] = [];
    let page: RevocationPage = await store.revocations.read(position);
    for (;;) {
      subjects.push(...page.rows.map(({ subject }) => subject));
      if (!page.more) return { subjects, position: page.position };
      page = await store.revocations.read(page.position);
    }
  }

  test('a revocation that is committed after one with a greater number arrives', async () => {
    const start = await readAll(null);
    const late = await beginRevoking('late');
    await revoke('early');
    const first = await readAll(start.position);
    expect(first.subjects).toEqual(['early']);
    await late.query('COMMIT');
    const second = await readAll(first.position);
    expect(second.subjects).toEqual(['late']);
    expect((await readAll(second.position)).subjects).toEqual([]);
  });

  test('one whose transaction is open for seconds arrives, and nothing else is lost or held up meanwhile', async () => {
    let { position } = await readAll(null);
    const late = await beginRevoking('late');
    const seen: string[] = [];
    const until = performance.now() + 3000;
    const written: string[] = [];
    while (performance.now() < until) {
      const subject = `ses_${written.length}`;
      await revoke(subject);
      written.push(subject);
      const read = await readAll(position);
      expect(read.subjects).toEqual([subject]);
      seen.push(...read.subjects);
      ({ position } = read);
    }
    await late.query('COMMIT');
    expect((await readAll(position)).subjects).toEqual(['late']);
    expect(seen).toEqual(written);
  });

  test('one that is rolled back does not', async () => {
    const { position } = await readAll(null);
    const client = await beginRevoking('never');
    const read = await readAll(position);
    await client.query('ROLLBACK');
    await revoke('other');
    expect((await readAll(read.position)).subjects).toEqual(['other']);
  });

  test('many writers who commit in any order while it is read lose nothing', async () => {
    const perWriter = 60;
    const write = async (writer: number): Promise<void> => {
      const client = await server.connect(nameOf(url));
      clients.push(client);
      for (let index = 0; index < perWriter; index += 1) {
        await client.query('BEGIN');
        await client.query(insertSql(`${writer}/${index}`));
        await new Promise((resolve) => setTimeout(resolve, (writer * 7 + index * 13) % 23));
        await client.query('COMMIT');
      }
    };
    const writers = Array.from({ length: 12 }, (_, writer) => writer);
    let read = await readAll(null);
    const seen: string[] = [];
    const writing = Promise.all(writers.map(write)).then(() => 'written');
    for (let outcome = ''; outcome !== 'written'; seen.push(...read.subjects)) {
      outcome = await Promise.race([writing, new Promise<string>((resolve) => setTimeout(() => resolve(''), 1))]);
      read = await readAll(read.position);
    }
    expect(seen.toSorted()).toEqual(
      writers.flatMap((writer) => Array.from({ length: perWriter }, (_, index) => `${writer}/${index}`)).toSorted(),
    );
  });

  test('one that is committed between two pages, with a number that was passed already, arrives', async () => {
    const late = await beginRevoking('late');
    await server.query(
      `INSERT INTO countersign.revocations (kind, subject, value, revoked_at, expires_at)
      SELECT 'session', 'ses_' || n, 0, 0, 4000000000000 FROM generate_series(1, 12000) AS n`,
      nameOf(url),
    );
    const first = await store.revocations.read(null);
    expect(first).toMatchObject({ more: true, rows: { length: 5000 } });
    await late.query('COMMIT');
    const rest = await readAll(first.position);
    expect(rest.subjects).toEqual(Array.from({ length: 7000 }, (_, index) => `ses_${index + 5001}`));
    expect((await readAll(rest.position)).subjects).toEqual(['late']);
  });

  test('a position stays short though very many transactions are open, and nothing is lost by that', async () => {
    const open = await Promise.all(Array.from({ length: 150 }, (_, index) => beginRevoking(`open ${index}`)));
    await revoke('committed');
    const first = await readAll(null);
    expect(first.position.length).toBeLessThan(700);
    await Promise.all(open.map((client) => client.query('COMMIT')));
    const second = await readAll(first.position);
    expect(new Set(second.subjects)).toEqual(new Set(['committed', ...Array.from({ length: 150 }, (_, index) => `open ${index}`)]));
  });

  test('after a crash of which the server recovers by itself, what is written with numbers given before arrives', async () => {
    const client = await beginRevoking('lost');
    for (let index = 0; index < 50; index += 1) await client.query('ROLLBACK; BEGIN; SELECT pg_current_xact_id(); ROLLBACK');
    await revoke('before');
    for (let index = 0; index < 50; index += 1) await client.query('BEGIN; SELECT pg_current_xact_id(); ROLLBACK');
    const { position } = await readAll(null);
    const given = await lastTransaction();
    const [{ pid }] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows as [{ pid: number }];
    process.kill(pid, 'SIGKILL');
    await expect
      .poll(
        () =>
          revoke('after').then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(await lastTransaction()).toBeLessThan(given);
    expect((await readAll(position)).subjects).toEqual(['after']);
  });

  async function lastTransaction(): Promise<number> {
    const [row] = await server.query('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xmax');
    return Number(row?.['xmax']);
  }

  test('of a server that was started again, all is read anew', async () => {
    await revoke('before');
    const { position } = await readAll(null);
    await server.shutDown();
    await server.launch();
    await revoke('after');
    expect((await readAll(position)).subjects).toEqual(['before', 'after']);
  });

  test('of a standby that took over between two readings, all is read anew, and before it took over nothing is', async () => {
    const proxy = await TcpProxy.start(server.port);
    const standby = await server.startStandby();
    try {
      const through = new World(postgresStore(server.url(nameOf(url), { port: proxy.port })));
      store = await through.open();
      await revoke('before');
      const { position } = await readAll(null);
      await expect.poll(() => standby.query(`SELECT subject FROM countersign.revocations`, nameOf(url))).toHaveLength(1);
      proxy.redirect(standby.port);
      proxy.cut();
      await expect(readAll(position)).rejects.toMatchObject({
        name: 'StoreUnavailableError',
        message: expect.stringContaining('standby') as string,
      });
      await standby.promote();
      await standby.query(insertSql('after'), nameOf(url));
      expect((await readAll(position)).subjects).toEqual(['before', 'after']);
      await through.close();
    } finally {
      proxy.close();
      await standby.remove();
    }
  });

  test('very many rows that were read cost nothing when it is read again', async () => {
    await server.query(
      `INSERT INTO countersign.revocations (kind, subject, value, revoked_at, expires_at)
      SELECT 'session', 'ses_' || n, 0, 0, 4000000000000 FROM generate_series(1, 300000) AS n`,
      nameOf(url),
    );
    await server.query('ANALYZE countersign.revocations', nameOf(url));
    // The position of a reader who is through with them.
    const { position } = await store.revocations.read(null);
    const [feedEpoch, startedAt, , , , xmax, running] = position.split('.');
    const through = [feedEpoch, startedAt, xmax, running, '300000'].join('.');
    await store.revocations.read(through);
    const startedReading = performance.now();
    for (let index = 0; index < 20; index += 1) expect((await store.revocations.read(through)).rows).toEqual([]);
    expect((performance.now() - startedReading) / 20).toBeLessThan(25);
  });
});

describe.skipIf(!hasPostgres())('hints', () => {
  let server: PostgresServer;
  let proxy: TcpProxy;
  let url: string;
  let world: World;
  let writer: OpenStore;
  let reader: OpenStore;
  let hints: number;
  let unsubscribe: () => void;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    url = await server.createDatabase();
    proxy = await TcpProxy.start(server.port);
    world = new World(postgresStore(url));
    writer = await world.open();
    reader = await new World(postgresStore(server.url(nameOf(url), { port: proxy.port }))).open();
    hints = 0;
    unsubscribe = await reader.hints!.subscribe(() => (hints += 1));
  });
  afterEach(async () => {
    proxy.forward();
    await reader.close();
    await world.close();
    proxy.close();
  });

  async function revokeOnce(): Promise<void> {
    await writer.users.raiseAuthzVersion((await createUser(writer)).id);
  }

  const listeners = (): Promise<unknown[]> =>
    server.query(`SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'`, nameOf(url));

  test('arrive as soon as a revocation is committed, and for nothing else', async () => {
    await createUser(writer);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(hints).toBe(0);
    const startedAt = performance.now();
    await revokeOnce();
    await expect.poll(() => hints, { interval: 1 }).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test('arrive again after the connection was ended, and one is given for what may have been missed', async () => {
    const [listener] = (await listeners()) as [{ pid: number }];
    await server.query(`SELECT pg_terminate_backend(${listener.pid})`);
    await expect.poll(() => hints, { timeout: 5000 }).toBe(1);
    await revokeOnce();
    await expect.poll(() => hints).toBe(2);
  });

  test('arrive again after the network had swallowed the connection without a word', async () => {
    proxy.blackHole();
    await revokeOnce();
    await new Promise((resolve) => setTimeout(resolve, 500));
    proxy.forward();
    await expect.poll(() => hints, { timeout: 10_000 }).toBe(1);
    await revokeOnce();
    await expect.poll(() => hints).toBe(2);
  });

  test('arrive again after the server was away for a while', async () => {
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await server.launch();
    await expect.poll(() => hints, { timeout: 10_000 }).toBe(1);
    await revokeOnce();
    await expect.poll(() => hints).toBe(2);
  });

  test('of several subscriptions each gets its own', async () => {
    let others = 0;
    await reader.hints!.subscribe(() => (others += 1));
    unsubscribe();
    await revokeOnce();
    await expect.poll(() => others).toBe(1);
    expect(hints).toBe(0);
  });

  test('leave no connection behind when nobody wants them any more, nor when the store is closed', async () => {
    expect(await listeners()).toHaveLength(1);
    unsubscribe();
    await expect.poll(listeners).toHaveLength(0);
    await reader.hints!.subscribe(() => undefined);
    expect(await listeners()).toHaveLength(1);
    await reader.close();
    await expect.poll(listeners).toHaveLength(0);
  });

  test('cannot be subscribed to while the server cannot be reached, and that says so', async () => {
    await proxy.refuse();
    await expect(reader.hints!.subscribe(() => undefined)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  });
});
