/** Two servers on one PostgreSQL, as `docs/guide/scale.md` sets them up: any of them serves anybody, and what one revokes the other refuses. */
import { setTimeout as pause } from 'node:timers/promises';
import { masterSecret, newSecret } from 'countersign';
import { postgres } from 'countersign/postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { send, type HttpAnswer } from '../support/http.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { startApp, type TestApp } from '../support/start-app.js';
import { ServerHome, type ServerProcess } from './server-process.js';

const password = 'correct horse battery staple';
const publicUrl = 'http://localhost:4000';

interface SignedIn {
  readonly accessToken: string;
  readonly refreshToken: string;
}

describe.skipIf(!hasPostgres())('two nodes on one PostgreSQL', () => {
  let database: PostgresServer;
  let homes: ServerHome[];
  let settings: NodeJS.Dict<string>;

  beforeEach(async () => {
    database = await PostgresServer.start({ log_statement: 'all' });
    homes = [await ServerHome.open(), await ServerHome.open()];
    const address = new URL(await database.createDatabase());
    address.password = 'hunter2-of-the-database';
    settings = { COUNTERSIGN_STORE: address.href, COUNTERSIGN_SECRET: newSecret(), COUNTERSIGN_PUBLIC_URL: publicUrl };
  });
  afterEach(async () => {
    await Promise.all(homes.map((home) => home.close()));
    await database.remove();
  });

  const startNodes = (): Promise<ServerProcess[]> => Promise.all(homes.map((home) => home.start(settings)));

  const post = (node: ServerProcess, path: string, body: object): Promise<HttpAnswer> =>
    send({ port: node.port, method: 'POST', path, headers: [['content-type', 'application/json']], body: JSON.stringify(body) });

  const profile = (node: ServerProcess, { accessToken }: SignedIn): Promise<HttpAnswer> =>
    send({ port: node.port, path: '/api/users/me', headers: [['authorization', `Bearer ${accessToken}`]] });

  async function signIn(node: ServerProcess, username: string): Promise<SignedIn> {
    const answer = await post(node, '/api/auth/login', { username, password, delivery: 'bearer' });
    expect(answer.status).toBe(200);
    return answer.json as SignedIn;
  }

  const register = async (node: ServerProcess, username: string): Promise<void> => {
    expect((await post(node, '/api/auth/register', { username, password })).status).toBe(201);
  };

  test('serve each other’s users; a logout on one is refused by the other within milliseconds', async () => {
    const [one, two] = (await startNodes()) as [ServerProcess, ServerProcess];
    await register(one, 'ada');
    const milliseconds: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const session = await signIn(two, 'ada');
      expect([(await profile(one, session)).status, (await profile(two, session)).status]).toEqual([200, 200]);
      expect((await post(one, '/api/auth/logout', { refreshToken: session.refreshToken })).status).toBe(200);
      const loggedOutAt = performance.now();
      while ((await profile(two, session)).code !== 'session_revoked') await pause(1);
      milliseconds.push(performance.now() - loggedOutAt);
      expect((await post(two, '/api/auth/refresh', { refreshToken: session.refreshToken })).code).toBe('session_revoked');
    }
    // Far below the second at which each reads by itself.
    expect(milliseconds.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
    expect(Math.max(...milliseconds)).toBeLessThan(2000);
  });

  test('race for one refresh token: one lineage, nobody is logged out', async () => {
    const nodes = await startNodes();
    await register(nodes[0]!, 'ada');
    let { refreshToken } = await signIn(nodes[0]!, 'ada');
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, index) => post(nodes[index % 2]!, '/api/auth/refresh', { refreshToken })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
      const successors = new Set(answers.map(({ json }) => (json as SignedIn).refreshToken));
      expect(successors.size).toBe(1);
      [refreshToken] = [...successors] as [string];
    }
  });

  test('count failed logins together: guessing at both brings no more guesses', async () => {
    const limited = { ...settings, COUNTERSIGN_LOGIN_LIMIT: '6/15m' };
    const nodes = await Promise.all(homes.map((home) => home.start(limited)));
    await register(nodes[0]!, 'ada');
    const guess = (index: number): Promise<HttpAnswer> =>
      post(nodes[index % 2]!, '/api/auth/login', { username: 'ada', password: 'wrong password' });
    const outcomes: (string | undefined)[] = [];
    for (let index = 0; index < 12; index += 1) outcomes.push((await guess(index)).code);
    expect(outcomes.filter((code) => code === 'invalid_credentials')).toHaveLength(6);
    expect(outcomes.slice(6)).toEqual(Array.from({ length: 6 }, () => 'too_many_attempts'));
    // At the same moment, too.
    await database.query('DELETE FROM countersign.counters', new URL(settings['COUNTERSIGN_STORE']!).pathname.slice(1));
    const together = await Promise.all(Array.from({ length: 20 }, (_, index) => guess(index)));
    expect(together.filter(({ code }) => code === 'invalid_credentials').length).toBeLessThanOrEqual(6);
  });

  test('rotate their keys while they serve: each accepts every token, the old ones and the new ones', async () => {
    const secret = masterSecret(newSecret());
    const store = postgres(settings['COUNTERSIGN_STORE']!);
    const startAt = Date.now();
    const apps = await Promise.all([0, 1].map(() => startApp({ store, secret, startAt })));
    try {
      const tokens: string[] = [];
      const accept = ({ auth }: TestApp, all: readonly string[]): void => {
        for (const token of all) auth.getPrincipal({ headers: { authorization: `Bearer ${token}` } });
      };
      const signInAtBoth = async (): Promise<void> => {
        for (const app of apps) tokens.push((await app.signedIn({ delivery: 'bearer' })).accessToken!);
      };
      const kids = (): number =>
        new Set(tokens.map((token) => (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid)).size;
      await signInAtBoth();
      await apps[0]!.auth.keys.rotate();
      // For seven minutes, within which the new key begins to sign, by one of them after the other.
      for (let minute = 0; minute < 7; minute += 1) {
        for (const app of apps) await app.advance({ minutes: 1 });
        // What each does twice a minute.
        await apps[minute % 2]!.internals.core.keys.refresh();
        await signInAtBoth();
        for (const app of apps) accept(app, tokens);
      }
      expect([tokens.length, kids()]).toEqual([16, 2]);
    } finally {
      await Promise.all(apps.map((app) => app.stop()));
    }
  });

  test('one that starts and one that stops are not noticed by whoever is asked by the other', async () => {
    const one = await homes[0]!.start(settings);
    await register(one, 'ada');
    const session = await signIn(one, 'ada');
    const two = await homes[1]!.start(settings);
    expect(await one.stop()).toBe(0);
    expect((await profile(two, session)).status).toBe(200);
    expect((await post(two, '/api/auth/refresh', { refreshToken: session.refreshToken })).status).toBe(200);
  });

  test('while the database is gone answer 503 within a bound, and go on when it is back', async () => {
    const [one] = (await startNodes()) as [ServerProcess, ServerProcess];
    await register(one, 'ada');
    const session = await signIn(one, 'ada');
    await database.kill();
    const askedAt = performance.now();
    const refused = await post(one, '/api/auth/refresh', { refreshToken: session.refreshToken });
    expect([refused.status, refused.code]).toEqual([503, 'store_unavailable']);
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
    expect(performance.now() - askedAt).toBeLessThan(8000);
    await database.launch();
    await expect.poll(async () => (await send({ port: one.port, path: '/health/ready' })).status, { timeout: 15_000 }).toBe(200);
    expect((await post(one, '/api/auth/refresh', { refreshToken: session.refreshToken })).status).toBe(200);
  });

  test('the password of the database is printed nowhere', async () => {
    const node = await homes[0]!.start({ ...settings, COUNTERSIGN_LOG_LEVEL: 'debug' });
    const doctor = await homes[0]!.run(['doctor'], { settings: { ...settings, PORT: String(homes[1]!.port) } });
    expect(doctor.output).toMatch(/COUNTERSIGN_STORE\s+postgres:\/\/…@127\.0\.0\.1:/);
    expect(doctor.output).toContain('The schema is up to date');
    const migrate = await homes[0]!.run(['migrate'], { settings });
    expect(migrate.code).toBe(0);
    await database.kill();
    const failed = await homes[1]!.fail(settings);
    expect(failed.code).toBe(1);
    expect(failed.output).toContain('The database cannot be opened');
    await post(node, '/api/auth/login', { username: 'ada', password });
    for (const { output } of [node, doctor, migrate, failed]) expect(output).not.toContain('hunter2');
  });
});
