/** Moving from SQLite to PostgreSQL: everything is there afterwards, whatever happens meanwhile, and never two stores are in use. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgres } from 'countersign/postgres';
import { sqlite } from 'countersign/sqlite';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { moveStore, undoMove, type Move, type MoveReport, type MoveStep } from '../../dist/flows/move-store.js';
import { openMoveTarget } from '../../dist/stores/postgres/import-rows.js';
import { openStore } from '../../dist/stores/postgres/open-store.js';
import { openMoveSource } from '../../dist/stores/sqlite/export-rows.js';
import { systemRandom } from '../../src/crypto/random.js';
import { systemClock } from '../../src/crypto/system-clock.js';
import type { NewApiKeyRecord } from '../../src/model/api-key.js';
import type { OpenStore, Store } from '../../src/model/store.js';
import type { MoveSource, MoveTarget } from '../../src/model/store-move.js';
import { movedTables } from '../../src/stores/moved-tables.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { newRow } from './outbox-contract.js';
import { issue } from './proof-records.js';
import {
  accessTtlSeconds,
  createUser,
  newKey,
  newUser,
  openInput,
  openSession,
  rotateInput,
  secretDigest,
  World,
} from './store-under-test.js';

const ignore = (): void => undefined;
const silent = { info: ignore, warn: ignore, error: ignore };

describe.skipIf(!hasPostgres())('to a real server', () => {
  let server: PostgresServer;
  let folder: string;
  let file: string;
  let url: string;
  let here: World;
  let store: OpenStore;
  let opened: { close(): void }[];
  let pools: pg.Pool[];

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    file = join(folder, 'countersign.db');
    url = await server.createDatabase();
    useFile(file);
    store = await here.open();
    opened = [];
    pools = [];
    there = undefined;
  });

  afterEach(async () => {
    for (const each of opened) each.close();
    await here.close();
    await there?.close();
    await Promise.all(pools.map((pool) => pool.end()));
    await rm(folder, { recursive: true });
  });

  let there: World | undefined;

  function useFile(path: string): void {
    file = path;
    here = new World(sqlite(file));
  }

  function useTarget(address: string): void {
    url = address;
  }

  /** The same acts on the new store, at the same time by the same clock. */
  async function openThere(): Promise<OpenStore> {
    const opening = { address: url, schema: 'countersign', poolSize: 4, clock: 'context' } as const;
    const made: Store = { kind: 'postgres', open: (context) => openStore(opening, context) };
    there ??= new World(made);
    there.setTo(here.now);
    return there.open();
  }

  async function openSource(): Promise<MoveSource> {
    const source = await openMoveSource(file);
    opened.push(source);
    return source;
  }

  async function openTarget(): Promise<MoveTarget> {
    const target = await openMoveTarget({ url, schema: 'countersign' }, silent);
    opened.push(target);
    return target;
  }

  /** Moves, with parts of it in other hands. */
  async function move({
    target,
    source,
    ...rest
  }: { target?: Partial<MoveTarget>; source?: Partial<MoveSource> } & Partial<Omit<Move, 'source' | 'target'>> = {}): Promise<MoveReport> {
    const parts = { source: await openSource(), target: await openTarget() };
    try {
      return await moveStore({
        source: inOtherHands(parts.source, source),
        target: inOtherHands(parts.target, target),
        clock: systemClock,
        random: systemRandom,
        onProgress: ignore,
        signal: new AbortController().signal,
        ...rest,
      });
    } finally {
      parts.source.close();
      parts.target.close();
      opened = [];
    }
  }

  async function undo(): Promise<string> {
    const parts = { source: await openSource(), target: await openTarget() };
    try {
      return await undoMove(parts);
    } finally {
      parts.source.close();
      parts.target.close();
      opened = [];
    }
  }

  /** What both stores answer to whoever asks for everything. */
  async function everything(of: OpenStore, users: readonly string[], sessions: readonly string[]): Promise<unknown> {
    return {
      users: await Promise.all(users.map((id) => of.users.findCredential({ id }))),
      list: await of.users.list({ query: null, limit: 1000, after: null }),
      sessions: await Promise.all(sessions.map((id) => of.sessions.find(id))),
      live: await Promise.all(users.map((id) => of.sessions.list(id))),
      keys: await of.keys.list(),
      apiKeys: await of.apiKeys.list({ userId: null, limit: 100, after: null }),
      apiKey: await of.apiKeys.find('key_1'),
      proof: await of.proofs.find('prf_1'),
      factor: await of.factors.findTotp('usr_a'),
      outboxDue: await of.outbox.nextDue(),
      revocations: (await of.revocations.read(null)).rows,
      longestAccessSeconds: of.longestAccessSeconds,
    };
  }

  test('every column of every table of PostgreSQL is on the list of what moves', async () => {
    await openThere();
    const rows = (await server.query(
      `SELECT table_name AS name, column_name AS column, data_type AS type, is_generated FROM information_schema.columns WHERE table_schema = 'countersign'`,
      url.split('/').at(-1),
    )) as { name: string; column: string; type: string }[];
    const byTable = new Map<string, Map<string, string>>();
    for (const { name, column, type } of rows) byTable.set(name, (byTable.get(name) ?? new Map<string, string>()).set(column, type));
    byTable.delete('meta');
    byTable.delete('migrations');
    // What only PostgreSQL has: the transaction that wrote a row, and what a statement leaves for its own answer.
    byTable.get('revocations')?.delete('xact');
    byTable.get('counters')?.delete('added');
    const types = {
      text: ['text'],
      integer: ['bigint'],
      flag: ['boolean'],
      json: ['json', 'jsonb'],
      bytes: ['bytea'],
      instants: ['ARRAY'],
    };
    expect([...byTable.keys()].sort()).toEqual(movedTables.map(({ name }) => name).sort());
    for (const { name, columns } of movedTables) {
      expect([...(byTable.get(name)?.keys() ?? [])].sort(), name).toEqual(Object.keys(columns).sort());
      for (const [column, kind] of Object.entries(columns))
        expect(types[kind], `${name}.${column}`).toContain(byTable.get(name)?.get(column));
    }
  });

  test('everything survives: accounts, sessions in whatever state, keys in their order, revocations and how long they live', async () => {
    await here.open({ accessTtlSeconds: 7200 });
    const apiKey = (id: string): NewApiKeyRecord => ({
      id,
      userId: 'usr_a',
      name: 'Nightly "report"',
      scopes: ['read', 'write'],
      secretDigest,
      lifetimeSeconds: 86_400,
    });
    const profile = { city: 'Oslo', nested: { list: [1, 2.5, null] }, odd: '\u0000\ud800', big: Number.MAX_SAFE_INTEGER };
    const user = await createUser(store, {
      id: 'usr_a',
      username: 'Ada',
      usernameKey: 'ada',
      email: 'Ada@example.com',
      emailKey: 'ada@example.com',
      emailVerified: true,
      name: 'Ünï "quoted", {braced} \\ \u{1F600}',
      roles: ['user', 'admin'],
      profile,
      passwordHash: '$argon2id$…',
    });
    await createUser(store, { id: 'usr_b', username: null, usernameKey: null, passwordHash: null, roles: [] });
    await createUser(store, { id: 'usr_gone' });
    const ids = ['rotated', 'late', 'ended', 'bearer', 'expired', 'orphan'];
    const [rotated, late, ended] = await Promise.all([
      openSession(store, user.id, { id: 'rotated' }),
      openSession(store, user.id, { id: 'late', remember: false }),
      openSession(store, user.id, { id: 'ended', device: 'Lynx, "text" {only}' }),
      openSession(store, 'usr_b', { id: 'bearer', delivery: 'bearer', factors: ['pwd', 'otp'] }),
      openSession(store, 'usr_b', { id: 'expired', absoluteSeconds: 1 }),
      openSession(store, 'usr_gone', { id: 'orphan' }),
    ]);
    for (const from of [0, 1, 2]) {
      here.advance(1500);
      await store.sessions.rotate(rotateInput(rotated.id, from));
    }
    await store.sessions.rotate(rotateInput(late.id, 0));
    here.advance(90_000);
    expect(await store.sessions.recordLateDouble(late.id, 1)).toBe(true);
    await store.sessions.end(ended.id, 'ended_by_user');
    await store.users.setRoles('usr_b', ['user']);
    await store.users.delete('usr_gone');
    await store.users.setDisabled('usr_b', true);
    const [k1, k2, k3] = ['z', 'm', 'a'].map((kid) => newKey({ kid, sealedPrivate: new Uint8Array([0, 255, 92]) })) as [
      never,
      never,
      never,
    ];
    await store.apiKeys.create({ key: apiKey('key_1'), epoch: null, maxKeys: 5 });
    await store.apiKeys.rotate({ id: 'key_1', fromDigest: secretDigest, toDigest: new Uint8Array(32).fill(9), overlapSeconds: 60 });
    await store.apiKeys.recordUse('key_1', new Uint8Array(32).fill(9));
    await store.apiKeys.create({ key: apiKey('key_2'), epoch: null, maxKeys: 5 });
    await store.apiKeys.revoke('key_2');
    await issue(store, { id: 'prf_1', userId: 'usr_a', codeDigest: null });
    await store.factors.beginTotp('usr_a', new Uint8Array([0, 92, 255]));
    await store.outbox.add([newRow({ sealedPayload: new Uint8Array([0, 255, 92]) })]);
    const waiting = await store.outbox.claim(1, 60);
    const counting = { key: 'login:ada', amount: 1, windowSeconds: 900, most: 3 };
    for (let count = 0; count < 3; count += 1) await store.counters.add([counting]);
    await store.keys.addAfter(null, k1);
    await store.keys.addAfter('z', k2);
    await store.keys.replaceCompromised(k3);

    const before = await everything(store, ['usr_a', 'usr_b', 'usr_gone'], ids);
    const position = (await store.revocations.read(null)).position;
    const report = await move();
    expect(report).toMatchObject({
      outcome: 'moved',
      to: expect.stringMatching(/^PostgreSQL at 127\.0\.0\.1:\d+, database test_\d+, schema countersign$/),
    });
    expect(report.tables).toEqual(
      expect.arrayContaining([
        { table: 'users', rows: 2 },
        { table: 'sessions', rows: 6 },
        { table: 'signing_keys', rows: 3 },
      ]),
    );

    const target = await openThere();
    expect(await everything(target, ['usr_a', 'usr_b', 'usr_gone'], ids)).toEqual(before);
    // Whoever had read the old feed starts over.
    expect((await target.revocations.read(position)).rows).toEqual((before as { revocations: unknown }).revocations);
    await target.outbox.postpone(waiting[0]!.id, 1, 0);
    expect(await target.outbox.claim(1, 60)).toMatchObject([{ sealedPayload: new Uint8Array([0, 255, 92]), attempts: 2 }]);
    expect(await target.counters.add([counting])).toMatchObject([{ added: false, count: 3 }]);
    // Life goes on where it was: a rotation, a login under the same names, a new revocation that is read as news, a new key behind the others.
    expect(await target.sessions.rotate(rotateInput('rotated', 3))).toMatchObject({
      outcome: 'rotated',
      live: { session: { generation: 4 } },
    });
    expect(await target.users.create(newUser({ usernameKey: 'ada' }))).toEqual({ outcome: 'username_taken' });
    const now = (await target.revocations.read(null)).position;
    await target.sessions.end('rotated', 'logout');
    expect((await target.revocations.read(now)).rows).toMatchObject([{ kind: 'session', subject: 'rotated' }]);
    expect(await target.keys.addAfter('a', newKey({ kid: 'next' }))).toBe(true);
  });

  test('what is written while it copies is there, too: new, changed, gone, and names that change hands', async () => {
    const users = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        createUser(store, { id: `usr_${index}`, email: `${index}@example.com`, emailKey: `${index}@example.com` }),
      ),
    );
    const sessions = await Promise.all(users.map(({ id }) => openSession(store, id)));
    const late: string[] = [];
    let round = 0;
    const live = async (): Promise<void> => {
      round += 1;
      const index = round % 20;
      const [user, created, emailKey] = [`usr_${index}`, `usr_new_${round}`, `${index}@example.com`];
      await store.sessions.rotate(rotateInput(sessions[index]!.id, Math.floor(round / 20)));
      await store.users.setPassword(user, `hash ${round}`);
      await store.counters.add([{ key: `login:${index}`, amount: 1, windowSeconds: 900 }]);
      await store.sessions.open(openInput(user, {}, { epoch: Math.ceil(round / 20) }));
      late.push(created);
      // Takes the address from a holder who never proved that it is his.
      await createUser(store, { id: created, email: emailKey, emailKey, emailVerified: true, onEmailTaken: 'yield' });
      if (round % 3 === 0) await store.users.delete(`usr_${(index + 7) % 20}`);
    };
    const steps: MoveStep['doing'][] = [];
    const report = await move({
      target: {
        async insert(this: MoveTarget, rows) {
          for (let count = 0; count < 100; count += 1) await live();
          return this.insert(rows);
        },
        async replace(this: MoveTarget, changes) {
          // Not for ever, or it would never catch up.
          if (steps.at(-1) !== 'switching' && round < 210) await live();
          return this.replace(changes);
        },
      },
      onProgress: ({ doing }) => steps.push(doing),
    });
    expect(report.outcome).toBe('moved');
    expect(round).toBeGreaterThan(200);
    expect(new Set(steps)).toEqual(new Set(['copying', 'comparing', 'catching up', 'switching']));
    await here.close();
    const source = await openSource();
    source.removeMark();
    source.close();
    opened = [];
    useFile(file);
    store = await here.open();
    const ids = [...users.map(({ id }) => id), ...late];
    const target = await openThere();
    const sessionIds = sessions.map(({ id }) => id);
    expect(await everything(target, ids, sessionIds)).toEqual(await everything(store, ids, sessionIds));
    const countings = users.map((_, index) => ({ key: `login:${index}`, amount: 0, windowSeconds: 900 }));
    const counted = await store.counters.add(countings);
    expect(counted.every(({ count }) => count > 0)).toBe(true);
    expect(await target.counters.add(countings)).toEqual(counted);
  });

  test('a name that changed hands can arrive before its old holder gave it away', async () => {
    const emailKey = 'ada@example.com';
    await createUser(store, { id: 'usr_2', email: emailKey, emailKey });
    const [source, target] = [await openSource(), await openTarget()];
    source.startRecording('move-1');
    await target.begin();
    for (const rows of source.readAll()) await target.insert(rows);
    await createUser(store, { id: 'usr_1', email: emailKey, emailKey, emailVerified: true });
    for (const expected of ['usr_1', 'usr_2']) {
      const changes = await source.locked('move-1', () => source.takeChanges(1));
      expect(changes.map(({ keys }) => keys)).toEqual([[expected]]);
      for (const change of changes) await target.replace(change);
    }
    expect(await target.count(movedTables[0]!)).toBe(2);
  });

  describe('a move that is interrupted', () => {
    const fault = new Error('planted fault');
    const fail = (): never => {
      throw fault;
    };

    beforeEach(async () => {
      const user = await createUser(store, { id: 'usr_1' });
      await openSession(store, user.id, { id: 'ses_1' });
    });

    test.each([
      ['before it copies', { target: { insert: fail } }],
      ['while it copies', { target: { readAll: fail } }],
      ['while it catches up', { source: { takeChanges: fail } }],
      ['when it counts', { target: { count: async () => -1 } }],
      ['before the target is committed', { target: { commit: fail } }],
      ['between the two commits', { source: { markMoved: fail } }],
    ] as [string, Parameters<typeof move>[0]][])(
      '%s leaves the source in use, no process on the target, and the next one starts over',
      async (when, parts) => {
        await expect(move(parts), when).rejects.toThrow();
        expect(await store.sessions.rotate(rotateInput('ses_1', 0))).toMatchObject({ outcome: 'rotated' });
        if (when === 'between the two commits') {
          const refusal = /is being filled by `countersign migrate-store`/;
          await expect(openThere()).rejects.toThrow(refusal);
          await expect(there?.open({ mode: 'inspect' })).rejects.toThrow(refusal);
        }
        expect(await move()).toMatchObject({ outcome: 'moved' });
        expect(await (await openThere()).sessions.find('ses_1')).toMatchObject({ session: { generation: 1 } });
      },
    );

    test('behind both commits leaves neither in use, and the next one finishes it', async () => {
      await expect(move({ target: { open: fail } })).rejects.toThrow(fault);
      await expect(store.sessions.find('ses_1')).rejects.toThrow('it has moved to PostgreSQL');
      await expect(openThere()).rejects.toThrow('is being filled');
      expect(await move()).toMatchObject({ outcome: 'finished' });
      expect(await (await openThere()).sessions.find('ses_1')).toMatchObject({ session: { generation: 0 } });
      expect(await move()).toMatchObject({ outcome: 'already_moved' });
    });

    test('by a signal stops between two steps', async () => {
      const stopping = new AbortController();
      const onProgress = (): void => stopping.abort(new Error('stopped'));
      await expect(move({ onProgress, signal: stopping.signal })).rejects.toThrow('stopped');
      expect(await store.sessions.rotate(rotateInput('ses_1', 0))).toMatchObject({ outcome: 'rotated' });
      const source = await openSource();
      await expect(source.locked('any', ignore)).rejects.toThrow('Another `countersign migrate-store` has begun');
    });

    test('rows that arrive as others than they are stop it', async () => {
      const garbled: Partial<MoveTarget> = {
        insert(this: MoveTarget, { table, rows }) {
          return this.insert({ table, rows: rows.map((row) => ('epoch' in row ? { ...row, epoch: 7 } : row)) });
        },
      };
      await expect(move({ target: garbled })).rejects.toThrow('The rows of sessions did not arrive as they are here; nothing was moved.');
      expect(await store.sessions.rotate(rotateInput('ses_1', 0))).toMatchObject({ outcome: 'rotated' });
    });
  });

  describe('a target is refused', () => {
    test('that holds users of somebody, or a key: a server has started on it', async () => {
      const target = await openThere();
      await target.keys.addAfter(null, newKey());
      await expect(move()).rejects.toThrow(
        '--to: It is in use by Countersign already: name an empty database, or another schema with --schema.',
      );
      expect(await store.now()).toBeGreaterThan(0);
    });

    test('that another has been moved to', async () => {
      await move();
      await here.close();
      useFile(join(folder, 'other.db'));
      store = await here.open();
      await expect(move()).rejects.toThrow('in use by Countersign already');
    });

    test('once the database has moved elsewhere', async () => {
      await move();
      useTarget(await server.createDatabase());
      await expect(move()).rejects.toThrow(
        /The database has moved to PostgreSQL at \S+, database test_\d+, schema countersign already, and not to/,
      );
    });

    test('whose clock differs', async () => {
      const clock = { now: () => systemClock.now() - 60_000 };
      await expect(move({ clock })).rejects.toThrow(/The clock of PostgreSQL .* differs from the one here by 60 seconds/);
    });

    test('that belongs to another program, cannot be reached, or lets nobody in, without telling the password', async () => {
      await server.query('CREATE SCHEMA countersign; CREATE TABLE countersign.notes ()', url.split('/').at(-1));
      await expect(move()).rejects.toThrow('is that of another program');
      useTarget('postgres://ada:hunter2@127.0.0.1:1/auth');
      const unreachable = await move().then(ignore, (error: unknown) => error as Error);
      expect(unreachable?.name).toBe('StoreUnavailableError');
      expect(unreachable?.message).not.toContain('hunter2');
      useTarget(server.url('nowhere'));
      await expect(move()).rejects.toThrow('--to: The database cannot be used: PostgreSQL says: database "nowhere" does not exist');
    });
  });

  test('an empty database that was prepared is as good as none', async () => {
    await (await openThere()).close();
    there = undefined;
    expect(await move()).toMatchObject({ outcome: 'moved' });
  });

  test('of two moves at once the first is stopped by the second, and nothing is lost', async () => {
    const user = await createUser(store);
    let second: Promise<unknown> | undefined;
    const first = move({
      target: {
        async *readAll(this: MoveTarget, table) {
          second ??= openSource().then((source) => source.startRecording('another'));
          await second;
          yield* this.readAll(table);
        },
      },
    });
    await expect(first).rejects.toThrow('Another `countersign migrate-store` has begun since; this one stops.');
    expect(await move()).toMatchObject({ outcome: 'moved' });
    expect(await (await openThere()).users.find({ id: user.id })).toMatchObject({ id: user.id });
  });

  describe('undone', () => {
    test('the file is the database again, and can be moved anew', async () => {
      const user = await createUser(store);
      const session = await openSession(store, user.id);
      await move();
      expect(await undo()).toBe('undone');
      expect(await store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ outcome: 'rotated' });
      await expect(openThere()).rejects.toThrow('is being filled');
      expect(await move()).toMatchObject({ outcome: 'moved' });
      expect(await (await openThere()).sessions.find(session.id)).toMatchObject({ session: { generation: 1 } });
    });

    test('it is refused once something was written to the target, or while a process is connected to it', async () => {
      const user = await createUser(store);
      await move();
      const target = await openThere();
      await target.users.find({ id: user.id });
      await expect(undo()).rejects.toThrow('--to: Processes of Countersign are connected to it: stop them first.');
      await target.sessions.open(openInput(user.id, { secretDigest }));
      await target.close();
      await expect(undo()).rejects.toThrow(/holds something else than what was moved there: going back would lose what was written since/);
      await expect(store.now()).rejects.toThrow('it has moved to');
    });

    test('who was cut off in that moment, or came by a pool of his own, neither writes to the target nor goes by it any more', async () => {
      const user = await createUser(store, { id: 'usr_1' });
      const session = await openSession(store, user.id);
      await move();
      const pool = new pg.Pool({ connectionString: url }).on('error', ignore);
      pools.push(pool);
      there = new World(postgres(pool));
      there.setTo(here.now);
      const left = await there.open();
      const { position } = await left.revocations.read(null);
      expect(await undo()).toBe('undone');
      const acts: (() => Promise<unknown>)[] = [
        () => createUser(left),
        () => left.users.setPassword(user.id, 'another'),
        () => left.users.delete(user.id),
        () => left.sessions.open(openInput(user.id)),
        () => left.sessions.rotate(rotateInput(session.id, 0)),
        () => left.sessions.end(session.id, 'logout'),
        () => left.keys.addAfter(null, newKey()),
        () => left.counters.add([{ key: 'login:ada', amount: 1, windowSeconds: 900 }]),
        () => left.purge(10),
        () => left.restoreEpoch(),
        () => left.revocations.read(position),
      ];
      const refusal = expect.objectContaining({
        name: 'StoreUnavailableError',
        message: expect.stringContaining('has moved back to the file'),
      });
      for (const act of acts) await expect(act(), act.toString()).rejects.toThrow(refusal);
      expect(await store.sessions.rotate(rotateInput(session.id, 0))).toMatchObject({ outcome: 'rotated' });

      // Moved again it is in use again, by him as well.
      expect(await move()).toMatchObject({ outcome: 'moved' });
      expect(await left.sessions.rotate(rotateInput(session.id, 1))).toMatchObject({ outcome: 'rotated' });
      await left.revocations.read(position);
    });

    test('what an interrupted move had left in the file is cleaned up', async () => {
      const source = await openSource();
      source.startRecording('killed');
      expect(await undo()).toBe('not_moved');
      expect(accessTtlSeconds).toBe(store.longestAccessSeconds);
    });
  });
});

/** The same, but for some methods; as `this` these get the original. */
function inOtherHands<Part extends object>(part: Part, others: Partial<Part> = {}): Part {
  return new Proxy(part, {
    get(whole, name) {
      const method = (others as Record<string | symbol, unknown>)[name] ?? Reflect.get(whole, name, whole);
      return typeof method === 'function' ? (method.bind(whole) as unknown) : method;
    },
  });
}
