/** The feed that other services read, of a busy PostgreSQL: there no two reads end at the same position, and commits become visible in any order. */
import { setTimeout as pause } from 'node:timers/promises';
import { postgres } from 'countersign/postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenStore, Store } from '../../dist/model/store.js';
import { FeedReader } from '../support/feed-reader.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { startApp } from '../support/start-app.js';
import { newServiceKey } from '../support/start-service.js';

/** Counts what is read of revocations. */
class CountedStore implements Store {
  readonly kind = 'counted';
  readonly #store: Store;
  reads = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async open(context: Parameters<Store['open']>[0]): Promise<OpenStore> {
    const store = await this.#store.open(context);
    const read = (position: string | null): ReturnType<OpenStore['revocations']['read']> => {
      this.reads += 1;
      return store.revocations.read(position);
    };
    return new Proxy(store, { get: (target, name) => (name === 'revocations' ? { read } : (Reflect.get(target, name) as unknown)) });
  }
}

describe.skipIf(!hasPostgres())('on a busy PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start({ max_connections: '100' });
  });
  afterAll(() => server.remove());

  /** Commits revocations until it is stopped, each a moment after its number was drawn; the feed is woken by some. */
  async function write(database: string, name: string, isOver: () => boolean): Promise<string[]> {
    const client = await server.connect(database);
    const written: string[] = [];
    while (!isOver()) {
      const subject = `ses_${name}_${written.length}`;
      await client.query('BEGIN');
      await client.query(
        `INSERT INTO countersign.revocations (kind, subject, value, revoked_at, expires_at) VALUES ('session', $1, 0, 0, 4000000000000)`,
        [subject],
      );
      await pause((written.length * 7) % 10);
      await client.query('COMMIT');
      written.push(subject);
    }
    await client.end();
    return written;
  }

  /** Transactions that revoke nothing: each one moves the position. */
  async function work(database: string, isOver: () => boolean): Promise<void> {
    const client = await server.connect(database);
    while (!isOver()) await client.query('SELECT pg_current_xact_id() FROM generate_series(1, 3)');
    await client.end();
  }

  test('one read serves all readers, and each row comes to each of them', { timeout: 30_000 }, async () => {
    const url = await server.createDatabase();
    const store = new CountedStore(postgres(url));
    const app = await startApp({ store });
    const { feed } = app.internals.core;
    let steps = 0;
    feed.listen({ onCommitted: () => undefined, onStep: () => (steps += 1) });
    let isOver = false;
    const database = new URL(url).pathname.slice(1);
    const writing = Promise.all(Array.from({ length: 6 }, (_, index) => write(database, String(index), () => isOver)));
    const working = Promise.all([work(database, () => isOver), work(database, () => isOver)]);
    const waking = setInterval(() => feed.wake(), 20);
    const key = await newServiceKey(app);
    const before = { reads: store.reads, steps };
    const readers: FeedReader[] = [];
    for (let count = 0; count < 30; count += 1) {
      readers.push(await FeedReader.open(app.port, key));
      await pause(20);
    }
    await pause(1500);
    // One comes back.
    const [{ lastId }] = readers as [FeedReader];
    readers[0]!.close();
    readers.splice(0, 1, await FeedReader.open(app.port, key, { 'last-event-id': lastId }));
    await pause(1000);
    isOver = true;
    clearInterval(waking);
    const own = store.reads - before.reads - (steps - before.steps);
    const rows = (await writing).flat();
    await working;
    await Promise.all(readers.slice(1).map((reader) => reader.until('all', () => new Set(reader.subjects).size >= rows.length)));
    expect(steps - before.steps).toBeGreaterThan(50);
    expect(own, 'reads beside those of the feed').toBeLessThan(40);
    for (const reader of readers.slice(1)) {
      expect(new Set(reader.subjects)).toEqual(new Set(rows));
      expect(reader.of('fresh').length).toBeGreaterThanOrEqual(2);
    }
    for (const reader of readers) reader.close();
    await app.stop();
  });
});
