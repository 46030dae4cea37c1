/** The feed that other services read: everything that was revoked, then whatever is, at once; and nothing that holds up the issuer. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { sqlite } from 'countersign/sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import type { OpenStore, Revocation, RevocationPage, Store } from '../../dist/model/store.js';
import { RevocationStreams } from '../../dist/http/revocation-streams.js';
import { FeedReader } from '../support/feed-reader.js';
import { send } from '../support/http.js';
import { overEveryCarrier, withApp } from '../support/over-each-carrier.js';
import { startApp, type TestApp } from '../support/start-app.js';
import { newServiceKey } from '../support/start-service.js';

const path = '/.well-known/countersign/revocations';
const opened: (FeedReader | TestApp)[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) {
    if (each instanceof FeedReader) each.close();
    else await each.stop();
  }
});

async function open(app: TestApp, headers: NodeJS.Dict<string> = {}, key?: string): Promise<FeedReader> {
  const reader = await FeedReader.open(app.port, key ?? (await newServiceKey(app)), headers);
  opened.push(reader);
  return reader;
}

overEveryCarrier('the revocation feed', (at) => {
  test('begins with the facts of the issuer and all that was revoked, and goes on with what is', async () => {
    const { app } = at;
    const [first, second] = [await app.signedIn(), await app.signedIn()];
    await first.logout();
    const reader = await open(app);
    expect(reader.response.statusCode).toBe(200);
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/^[\w-]{16}$/),
    });
    await reader.untilFresh();
    const { keys } = app.auth.keys.jwks();
    expect(reader.events[0]).toEqual({
      event: 'issuer',
      id: undefined,
      data: { issuer: app.publicUrl, roles: { user: [], admin: [] }, longestAccessSeconds: 900, keys },
    });
    expect(reader.subjects).toContain(first.sessionId);
    expect(reader.of('fresh')[0]).toMatchObject({ id: expect.any(String), data: { age: expect.any(Number) } });

    const startedAt = performance.now();
    await second.logout();
    await reader.until('the second one', () => reader.subjects.includes(second.sessionId));
    expect(performance.now() - startedAt).toBeLessThan(900);
    await reader.untilFresh();
    await reader.untilFresh();
    expect(reader.hasEnded).toBe(false);
  });

  test('goes on where a reader was that comes back', async () => {
    const { app } = at;
    const [before, meanwhile] = [await app.signedIn(), await app.signedIn()];
    const reader = await open(app);
    await before.logout();
    await reader.until('the first', () => reader.subjects.includes(before.sessionId));
    await app.internals.core.feed.catchUp();
    await reader.untilFresh();
    const position = reader.lastId;
    reader.close();
    await meanwhile.logout();
    await app.internals.core.feed.catchUp();
    const again = await open(app, { 'last-event-id': position });
    await again.untilFresh();
    expect(again.subjects).toEqual([meanwhile.sessionId]);
    for (const foreign of ['another:1', '999999', 'x'.repeat(300), `${position} `, 'ä']) {
      const anew = await open(app, { 'last-event-id': encodeURI(foreign) });
      await anew.untilFresh();
      expect(anew.subjects, foreign).toEqual(expect.arrayContaining([before.sessionId, meanwhile.sessionId]));
    }
  });

  test('is for keys with its scope alone', async () => {
    const { app } = at;
    const admin = await app.signedIn({ roles: ['admin'], delivery: 'bearer' });
    const key = await newServiceKey(app);
    const outcome = async (headers: readonly (readonly [string, string])[], method = 'GET'): Promise<string> =>
      (await send({ port: app.port, path, method, headers })).outcome;
    expect(await outcome([])).toBe('401 token_missing');
    expect(await outcome([['Authorization', `Bearer ${admin.accessToken!}`]])).toBe('401 token_invalid');
    expect(await outcome([['Authorization', `Bearer ${key.slice(0, -1)}`]])).toBe('401 token_invalid');
    expect(await outcome([['Cookie', `__Host-cs-access=${admin.accessToken!}`]])).toBe('401 token_missing');
    expect(await outcome([['Authorization', `Bearer ${key}`]], 'POST')).toBe('405 method_not_allowed');
    const head = await send({ port: app.port, path, method: 'HEAD', headers: [['Authorization', `Bearer ${key}`]] });
    expect([head.outcome, head.header('content-type'), head.text]).toEqual(['200', 'text/event-stream', '']);
  });
});

describe('a reader', () => {
  const at = withApp({ roles: { user: ['article:read'], admin: [] } });

  test('whose key is of another scope is refused', async () => {
    const key = await newServiceKey(at.app, ['article:read']);
    expect((await send({ port: at.app.port, path, headers: [['Authorization', `Bearer ${key}`]] })).outcome).toBe('403 insufficient_scope');
  });

  test('is let go of when his key is revoked, or its owner disabled', async () => {
    const { app } = at;
    const { id } = await app.auth.users.create({ username: 'two-readers' });
    const make = () => app.auth.apiKeys.create({ userId: id, name: 'x', scopes: ['revocations:read'] });
    const [one, two] = [await make(), await make()];
    const [first, second] = [await open(app, {}, one.secret), await open(app, {}, two.secret)];
    await Promise.all([first.untilFresh(), second.untilFresh()]);
    await app.auth.apiKeys.revoke(one.apiKey.id);
    await first.until('the end', () => first.hasEnded, 1000);
    expect((await send({ port: app.port, path, headers: [['Authorization', `Bearer ${one.secret}`]] })).status).toBe(401);
    expect(second.hasEnded).toBe(false);
    await app.auth.users.setDisabled(id, true);
    await second.until('the end', () => second.hasEnded, 1000);
  });

  test('is let go of when his key expires', async () => {
    const { app } = at;
    const { id } = await app.auth.users.create({ username: 'for-an-hour' });
    const { secret } = await app.auth.apiKeys.create({ userId: id, name: 'x', scopes: ['revocations:read'], expiresIn: '1h' });
    const [reader, other] = [await open(app, {}, secret), await open(app)];
    await app.advance({ minutes: 59 });
    await Promise.all([reader.untilFresh(), reader.untilFresh()]);
    expect(reader.hasEnded).toBe(false);
    await app.advance({ minutes: 1 });
    await reader.until('the end', () => reader.hasEnded, 2000);
    expect(other.hasEnded).toBe(false);
  });

  test('who was let go of and does not take what is left is cut off after seconds', async () => {
    const { app } = at;
    const { id } = await app.auth.users.create({ username: 'let-go' });
    const { apiKey } = await app.auth.apiKeys.create({ userId: id, name: 'x', scopes: ['revocations:read'] });
    const stream = new RevocationStreams(app.internals.core).open({ userId: id, sessionId: apiKey.id, validUntil: Infinity }, null);
    // Something waits, and nobody comes for it.
    stream.read(0);
    await pause(100);
    expect(stream.readableLength).toBeGreaterThan(0);
    await app.auth.apiKeys.revoke(apiKey.id);
    for (let second = 0; !stream.closed && second < 8; second += 1) await pause(1000);
    expect(stream.closed).toBe(true);
  });

  test('who is a person reads for as long as he is an administrator, whatever he rotates; the service account that he gave a key goes on', async () => {
    const { app } = at;
    const read = async (secret: string): Promise<string> => {
      const url = `http://127.0.0.1:${String(app.port)}${path}`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${secret}` } });
      if (response.status === 200) await response.body?.cancel();
      return response.status === 200 ? '200' : `${String(response.status)} ${((await response.json()) as { code: string }).code}`;
    };
    const boss = await app.signedIn({ roles: ['admin'] });
    await app.createUser({ roles: ['admin'] });
    const service = await app.auth.users.create({ username: 'given-by-boss' });
    const body = { name: 'Feed', scopes: ['revocations:read'] };
    const [own, given] = [
      (await boss.post('/api/auth/api-keys', body)).json,
      (await boss.post(`/api/admin/users/${service.id}/api-keys`, body)).json,
    ];
    const reader = await open(app, {}, own.secret as string);
    await reader.untilFresh();
    await app.auth.users.setRoles(boss.userId, ['user']);
    await reader.until('the end', () => reader.hasEnded, 1000);
    expect(await read(own.secret as string)).toBe('403 insufficient_scope');
    const rotated = await app.auth.apiKeys.rotate(own.apiKey.id as string);
    expect(await read(rotated.secret)).toBe('403 insufficient_scope');
    expect(await read(given.secret as string)).toBe('200');
    await expect(app.auth.apiKeys.create({ ...body, userId: boss.userId }), 'nor by the application').rejects.toMatchObject({
      fields: [{ path: 'scopes' }],
    });
    await app.auth.users.setRoles(boss.userId, ['admin']);
    expect(await read(rotated.secret)).toBe('200');
  });

  test('is one of a hundred with the same key, and no more', async () => {
    const { app } = at;
    const key = await newServiceKey(app);
    const readers = await Promise.all(Array.from({ length: 100 }, () => open(app, {}, key)));
    expect(readers.every(({ response }) => response.statusCode === 200)).toBe(true);
    const refused = await send({ port: app.port, path, headers: [['Authorization', `Bearer ${key}`]] });
    expect([refused.outcome, refused.header('retry-after')]).toEqual(['429 too_many_attempts', '10']);
    await (await open(app)).untilFresh();
    readers[0]!.close();
    await pause(200);
    await (await open(app, {}, key)).untilFresh();
  });

  test('learns of a new key of the issuer at once', async () => {
    const { app } = at;
    const reader = await open(app);
    await reader.untilFresh();
    await app.auth.keys.rotate({ compromised: true });
    await reader.until('the new keys', () => reader.of('issuer').length === 2, 500);
    const [before, after] = reader.of('issuer').map(({ data }) => (data.keys as { kid: string }[]).map(({ kid }) => kid));
    expect(after).not.toEqual(before);
    expect(reader.subjects).toEqual(expect.arrayContaining(before!));
  });
});

/** The embedded store, but for what is read of revocations, which the test has in hand. */
class SourceInHand implements Store {
  readonly kind = 'in hand';
  rows: Revocation[] = [];
  /** As of another database after a fail-over. */
  epoch = 1;
  reads = 0;
  fails = false;
  /** At the end of each position. */
  suffix = '';
  /** While set, what begins there or later is not answered. */
  heldFrom = Infinity;
  #release = (): void => undefined;
  #held: Promise<void> | null = null;

  async open(context: Parameters<Store['open']>[0]): Promise<OpenStore> {
    const store = await sqlite(':memory:').open(context);
    const revocations = { read: (position: string | null) => this.#read(position) };
    return new Proxy(store, {
      get: (target, name) => (name === 'revocations' ? revocations : (Reflect.get(target, name) as unknown)),
    });
  }

  revoke(...subjects: readonly string[]): void {
    for (const subject of subjects) this.rows.push({ kind: 'session', subject, value: 0, revokedAt: 0, expiresAt: 4e12 });
  }

  goOn(): void {
    this.heldFrom = Infinity;
    this.#release();
    this.#held = null;
  }

  async #read(position: string | null): Promise<RevocationPage> {
    this.reads += 1;
    if (this.fails) throw new Error('no database');
    const [epoch, read] = position?.split(':').map(Number) ?? [];
    const start = epoch === this.epoch ? (read ?? 0) : 0;
    if (start >= this.heldFrom) await (this.#held ??= new Promise((resolve) => (this.#release = resolve)));
    const rows = this.rows.slice(start, start + 5000);
    const end = start + rows.length;
    return { rows, position: `${this.epoch}:${end}${this.suffix}`, more: end < this.rows.length, now: 0 };
  }
}

async function startWithSource(rows = 0): Promise<{ app: TestApp; source: SourceInHand }> {
  const source = new SourceInHand();
  for (let row = 0; row < rows; row += 1) source.revoke(`ses_${String(row).padStart(22, '0')}`);
  const app = await startApp({ store: source });
  opened.push(app);
  return { app, source };
}

describe('the store', () => {
  test('is read once for all readers who want the same, and each row comes to each of them', async () => {
    const { app, source } = await startWithSource(23_456);
    const key = await newServiceKey(app);
    const before = source.reads;
    const readers = await Promise.all(Array.from({ length: 20 }, () => open(app, {}, key)));
    await Promise.all(readers.map((reader) => reader.untilFresh()));
    for (const reader of readers) {
      expect(new Set(reader.subjects).size).toBe(23_456);
      expect(reader.subjects).toHaveLength(23_456);
      expect(Math.max(...reader.of('revocations').map(({ data }) => (data as unknown[]).length))).toBe(250);
    }
    // Five pages, and what the feed itself reads each second.
    expect(source.reads - before).toBeLessThan(5 + 8);
  });

  test('may have long positions: PostgreSQL names the transactions that are under way', async () => {
    const { app, source } = await startWithSource(3);
    source.suffix = `:${'1234567,'.repeat(180)}`;
    const reader = await open(app);
    source.revoke('ses_before');
    await reader.until('the one before', () => reader.subjects.includes('ses_before'));
    await reader.untilFresh();
    reader.close();
    source.revoke('ses_meanwhile');
    const again = await open(app, { 'last-event-id': reader.lastId });
    await again.until('the one meanwhile', () => again.subjects.length > 0);
    expect([reader.lastId.length, again.subjects]).toEqual([1444, ['ses_meanwhile']]);
  });

  test('is read for nobody while nothing happens', async () => {
    const { app, source } = await startWithSource(10);
    const key = await newServiceKey(app);
    const readers = await Promise.all(Array.from({ length: 50 }, () => open(app, {}, key)));
    await Promise.all(readers.map((reader) => reader.untilFresh()));
    const before = source.reads;
    await pause(3000);
    expect(source.reads - before).toBeLessThanOrEqual(4);
    expect(readers.every((reader) => reader.of('fresh').length >= 3)).toBe(true);
    source.revoke('ses_new');
    await Promise.all(readers.map((reader) => reader.until('the new one', () => reader.subjects.at(-1) === 'ses_new')));
    expect(source.reads - before).toBeLessThanOrEqual(6);
  });

  test('that is down makes knowledge older, which readers are told; what answers next is read from its start', async () => {
    const { app, source } = await startWithSource(3);
    const reader = await open(app);
    await reader.untilFresh();
    source.fails = true;
    await pause(2500);
    const ages = reader.of('fresh').map(({ data }) => data.age as number);
    expect(ages.at(-1)).toBeGreaterThan(1500);
    expect(reader.hasEnded).toBe(false);
    source.epoch = 2;
    source.rows = [];
    source.revoke('ses_only_there', 'ses_and_this');
    source.fails = false;
    await reader.until('what only the other server has', () => reader.subjects.includes('ses_only_there'));
    await reader.until('freshness of the other', () => reader.lastId === '2:2');
    await reader.until('a lower age', () => (reader.of('fresh').at(-1)?.data.age as number) < 1500);
  });
});

describe('while the feed reads everything again', () => {
  /** Where the first page was read, and no more. */
  async function startAgain(): Promise<{ app: TestApp; source: SourceInHand; before: FeedReader }> {
    const { app, source } = await startWithSource(12_000);
    const before = await open(app);
    await before.untilFresh();
    source.fails = true;
    await pause(1200);
    source.heldFrom = 5000;
    source.epoch = 2;
    source.fails = false;
    await before.until('the first page again', () => before.subjects.length === 17_000);
    return { app, source, before };
  }

  const rowsBeforeFresh = ({ events }: FeedReader): number =>
    events
      .slice(
        0,
        events.findIndex(({ event }) => event === 'fresh'),
      )
      .filter(({ event }) => event === 'revocations')
      .reduce((sum, { data }) => sum + (data as unknown[]).length, 0);

  test('nobody who has not all of it is told that he has', async () => {
    const { app, source, before } = await startAgain();
    const place = before.lastId;
    const [anew, further] = [await open(app), await open(app, { 'last-event-id': place })];
    await anew.until('the first page', () => anew.subjects.length === 17_000);
    await pause(1500);
    expect([anew.of('fresh').length, further.of('fresh').length]).toEqual([0, 0]);
    source.goOn();
    await Promise.all([anew.untilFresh(), further.untilFresh()]);
    expect([place, rowsBeforeFresh(anew), rowsBeforeFresh(further)]).toEqual(['2:5000', 24_000, 7000]);
  });

  test('whoever had all goes on being told how old that is', async () => {
    const { source, before } = await startAgain();
    const count = before.of('fresh').length;
    await before.until('two words more', () => before.of('fresh').length >= count + 2);
    expect(before.of('fresh').at(-1)?.data.age).toBeGreaterThan(2000);
    source.goOn();
    await before.until('a lower age', () => (before.of('fresh').at(-1)?.data.age as number) < 1500);
    expect(before.subjects).toHaveLength(24_000);
  });
});

describe('a reader who takes nothing', () => {
  test('is cut off after seconds, holds up nobody and fills no memory', async () => {
    const { app } = await startWithSource(400_000);
    const key = await newServiceKey(app);
    const idle = connect(app.port, '127.0.0.1');
    idle.on('error', () => undefined);
    idle.pause();
    idle.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`);
    const connections = (): Promise<number> => new Promise((resolve) => app.server!.getConnections((_, count) => resolve(count)));
    await pause(500);
    const [before, held] = [await connections(), process.memoryUsage().rss];
    const reader = await open(app, {}, key);
    await reader.until('all of it', () => reader.of('fresh').length > 0, 20_000);
    expect(new Set(reader.subjects).size).toBe(400_000);
    for (let second = 0; (await connections()) > before && second < 10; second += 1) await pause(1000);
    expect(await connections(), 'the idle one is gone, the other has come').toBe(before);
    expect(process.memoryUsage().rss - held).toBeLessThan(300 * 1024 * 1024);
    idle.resume();
    await once(idle, 'close');
  });
});

describe('an issuer that stops', () => {
  test.each(['Express', 'stand-alone server', 'fetch handler'] as const)('ends all streams at once (%s)', async (carrier) => {
    const app = await startApp({ carrier });
    const key = await newServiceKey(app);
    const readers = await Promise.all(Array.from({ length: 5 }, () => FeedReader.open(app.port, key)));
    await Promise.all(readers.map((reader) => reader.untilFresh()));
    const startedAt = performance.now();
    await app.stop();
    expect(performance.now() - startedAt).toBeLessThan(500);
    await readers[0]!.until('the end', () => readers.every(({ hasEnded }) => hasEnded), 500);
  });

  test('and whose application only closes its server is not held up by a stream', async () => {
    const app = await startApp({ carrier: 'Express' });
    const reader = await FeedReader.open(app.port, await newServiceKey(app));
    await reader.untilFresh();
    const closed = new Promise((resolve) => app.server!.close(resolve));
    await reader.until('the end', () => reader.hasEnded, 2000);
    await closed;
    await app.stop();
  });
});
