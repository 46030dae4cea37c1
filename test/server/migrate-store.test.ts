/** A server in use moves from its file to PostgreSQL: nobody is logged out, nothing that was answered is lost, and nobody stays behind. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadDriver } from '../../src/stores/sqlite/driver.js';
import { Experience, HonestClient } from '../support/honest-client.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { ServerHome, ServerProcess, type Ended } from './server-process.js';

describe.skipIf(!hasPostgres())('migrate-store', () => {
  let database: PostgresServer;
  let home: ServerHome;
  let url: string;
  let experience: Experience;
  let clients: HonestClient[];
  let slowNetwork: TcpProxy;

  const settings = {
    COUNTERSIGN_SECRET: newSecret(),
    COUNTERSIGN_ACCESS_TTL: '2s',
    // Clients read as fast as they can, and all from here: it is counted, and nobody is stopped by it.
    COUNTERSIGN_LOGIN_LIMIT: '999999/15m',
    COUNTERSIGN_API_LIMIT: '999999/1m',
  };

  beforeAll(async () => {
    database = await PostgresServer.start();
    await database.query("CREATE ROLE countersign LOGIN PASSWORD 'a-password-of-its-own'");
    await database.requirePasswords();
    slowNetwork = await TcpProxy.start(database.port);
    slowNetwork.forward({ delayMilliseconds: 50 });
  });
  afterAll(async () => {
    slowNetwork.close();
    await database.remove();
  });

  beforeEach(async () => {
    home = await ServerHome.open();
    const plain = await database.createDatabase();
    const name = plain.split('/').at(-1)!;
    await database.query(`ALTER DATABASE ${name} OWNER TO countersign`);
    url = plain.replace('postgres@', 'countersign:a-password-of-its-own@');
    [experience, clients] = [new Experience(), []];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await home.close();
  });

  function newClient(name: string): HonestClient {
    const client = new HonestClient(name, { port: () => home.port, experience });
    clients.push(client);
    return client;
  }

  function migrateStore(...args: readonly string[]): Promise<Ended> {
    return home.run(['migrate-store', '--to', url, ...args], { settings });
  }

  async function signedIn(name: string): Promise<HonestClient> {
    const client = newClient(name);
    await client.register();
    await client.login();
    return client;
  }

  /** What a program holds. */
  async function makeApiKey(user: string): Promise<string> {
    const args = ['api-key', 'create', '--user', user, '--name', 'nightly', '--scope', 'revocations:read', '--json'];
    const made = await home.run(args, { settings });
    expect(made.code, made.output).toBe(0);
    return (JSON.parse(made.output) as { secret: string }).secret;
  }

  test('moves a server under load: no session, no registration, no logout and no password is lost', { timeout: 180_000 }, async () => {
    const server = await home.start(settings);
    let isOver = false;
    const registered: HonestClient[] = [];
    const loggedOut: string[] = [];
    const changed: { client: HonestClient; old: string }[] = [];
    const reading = async (client: HonestClient): Promise<void> => {
      for (let round = 1; !isOver; round += 1) {
        await client.read();
        if (round % 10 === 0) await client.refresh();
        await pause(round % 7);
      }
    };
    const coming = async (prefix: string): Promise<void> => {
      for (let round = 0; !isOver; round += 1) {
        const client = newClient(`${prefix}-${round}`);
        await client.register();
        registered.push(client);
      }
    };
    const leaving = async (client: HonestClient): Promise<void> => {
      while (!isOver) {
        await client.login();
        await client.read();
        await client.logout();
        loggedOut.push(client.refreshToken);
      }
    };
    const changing = async (client: HonestClient): Promise<void> => {
      for (let round = 0; !isOver; round += 1) {
        const old = client.password;
        await client.changePassword(`${old.slice(0, 30)} ${round}`);
        changed.push({ client, old });
      }
    };
    const residents = await Promise.all(Array.from({ length: 8 }, (_, index) => signedIn(`resident-${index}`)));
    const sleeper = await signedIn('sleeper');
    expect((await home.run(['user', 'create', '--username', 'program', '--role', 'admin', '--no-password'], { settings })).code).toBe(0);
    const apiKey = await makeApiKey('program');
    const lives = [
      ...residents.map(reading),
      ...['north', 'south'].map(coming),
      ...(await Promise.all(['bob', 'eve'].map(signedIn))).map(leaving),
      ...(await Promise.all(['ida', 'ole'].map(signedIn))).map(changing),
    ];
    await pause(1500);

    const { code, output } = await migrateStore('--json');
    expect(code, output).toBe(0);
    expect(output).not.toContain('a-password-of-its-own');
    const report = JSON.parse(output.slice(output.indexOf('{\n'))) as { outcome: string; tables: { table: string; rows: number }[] };
    expect(report.outcome).toBe('moved');
    const before = { registered: registered.length, loggedOut: loggedOut.length, changed: changed.length };
    for (const count of Object.values(before)) expect(count).toBeGreaterThan(0);
    await pause(500);
    expect(await server.stop()).toBe(0);
    await home.start({ ...settings, COUNTERSIGN_STORE: url });
    await pause(3000);
    isOver = true;
    await Promise.all(lives);

    expect(experience.falseLogouts).toEqual([]);
    expect(experience.surprises).toEqual([]);
    // They all met the moment in which neither store was in use, and waited.
    expect(experience.repeated.some((what) => what.includes('503 store_unavailable'))).toBe(true);
    expect(
      experience.repeated.filter((what) => !/503 (?:store|revocation)_unavailable|ECONNREFUSED|ECONNRESET|socket hang up/.test(what)),
    ).toEqual([]);
    // Who did nothing meanwhile is signed in, with the token that he had; so is a program with its key.
    await sleeper.read();
    // Own accounts are for people: one who is known is told so, a stranger that he is none.
    const asProgram = await sleeper.send({ method: 'GET', path: '/api/users/me' }, { authorization: `Bearer ${apiKey}` });
    expect(asProgram.code).toBe('insufficient_scope');
    for (const client of registered) await client.login();
    for (const refreshToken of loggedOut) {
      const { code: refusal } = await sleeper.send({ method: 'POST', path: '/api/auth/refresh', json: { refreshToken } });
      expect(refusal).toMatch(/^(?:session_revoked|refresh_token_invalid)$/);
    }
    for (const { client, old } of changed) {
      const json = { username: client.username, password: old, delivery: 'bearer' };
      expect(await sleeper.send({ method: 'POST', path: '/api/auth/login', json })).toMatchObject({
        status: 401,
        code: 'invalid_credentials',
      });
    }
    for (const client of new Set(changed.map((change) => change.client))) await client.login();
    expect(experience.falseLogouts).toEqual([]);
    expect(experience.surprises).toEqual([]);
  });

  /** One that has begun to copy and is not soon done. */
  async function slowMove(): Promise<ServerProcess> {
    const moving = new ServerProcess(home, ['migrate-store', '--to', url.replace(`:${database.port}/`, `:${slowNetwork.port}/`)], settings);
    await moving.untilPrinted('copying');
    return moving;
  }

  async function recordings(): Promise<unknown[]> {
    const file = new (await loadDriver())(join(home.data, 'countersign.db'), { readOnly: true });
    const found = file.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'moving%'").all();
    file.close();
    return found;
  }

  test('while it copies, and after it was killed, everybody logs in as always', async () => {
    await home.start(settings);
    const ada = newClient('ada');
    await ada.register();
    const logInAgainAndAgain = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) {
        await ada.login();
        await ada.read();
      }
    };
    const killed = await slowMove();
    await logInAgainAndAgain();
    expect(killed.hasEnded).toBe(false);
    await killed.kill();
    await logInAgainAndAgain();
    expect([experience.repeated, experience.surprises]).toEqual([[], []]);
    expect((await migrateStore()).code).toBe(0);
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)('stopped by %s while it copies it leaves nothing in the file', async (signal) => {
    await home.start(settings);
    await signedIn('ada');
    const moving = await slowMove();
    expect(await recordings()).not.toEqual([]);
    moving.process.kill(signal);
    expect(await moving.ended()).toMatchObject({ code: 1, output: expect.stringContaining('Stopped; nothing was moved.') });
    expect(await recordings()).toEqual([]);
  });

  test('by a terminal that is closed it is stopped, though nobody hears what it says', async () => {
    await home.start(settings);
    await signedIn('ada');
    const moving = await slowMove();
    moving.process.stdout?.destroy();
    moving.process.stderr?.destroy();
    await pause(1200);
    moving.process.kill('SIGHUP');
    expect((await moving.ended()).code).toBe(1);
    expect(await recordings()).toEqual([]);
  });

  test('once it has moved, every process on the file refuses, and the next start says where it is and what to set', async () => {
    const server = await home.start({ ...settings, COUNTERSIGN_ACCESS_TTL: '15m' });
    const ada = await signedIn('ada');
    expect((await migrateStore()).output).toMatch(
      /Moved to PostgreSQL at 127\.0\.0\.1:\d+, database test_\d+, schema countersign in [\d.]+ s; at the end, writes waited for \d+ ms\./,
    );
    const refused = await fetch(`http://127.0.0.1:${home.port}/api/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken: ada.refreshToken }),
    });
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      503,
      '1',
      { code: 'store_unavailable' },
    ]);
    // What the store answered a moment ago holds for a second.
    const readiness = async (): Promise<unknown> => (await fetch(`http://127.0.0.1:${home.port}/health/ready`)).json();
    await expect.poll(readiness, { timeout: 5000 }).toMatchObject({ reasons: expect.arrayContaining(['store_unreachable']) });
    // Who only has to be let in is let in until the knowledge of revocations is too old; then he waits, too.
    await expect
      .poll(
        async () => {
          const answer = await fetch(`http://127.0.0.1:${home.port}/api/users/me`, {
            headers: { authorization: `Bearer ${ada.accessToken}` },
          });
          return ((await answer.json()) as { code?: string }).code;
        },
        { timeout: 15_000 },
      )
      .toMatch(/_unavailable$/);
    await server.stop();
    for (const printed of [
      await home.fail(settings),
      await home.run(['user', 'list'], { settings }),
      await home.run(['doctor'], { settings }),
    ]) {
      expect(printed.code).toBe(1);
      expect(printed.output).toMatch(
        /has moved to PostgreSQL at 127\.0\.0\.1:\d+, database test_\d+, schema countersign: set COUNTERSIGN_STORE/,
      );
      expect(printed.output).not.toContain('a-password-of-its-own');
    }
    expect((await migrateStore()).output).toContain('Everything was moved to PostgreSQL');
  });

  test('says what it would do, and undoes what it did as long as nobody went on from there', async () => {
    const server = await home.start(settings);
    const ada = await signedIn('ada');
    const dry = await migrateStore('--dry-run');
    expect(dry).toMatchObject({ code: 0, output: expect.stringMatching(/This would be moved to PostgreSQL [^]*users +1\n/) });
    expect(
      await database.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'countersign'", url.split('/').at(-1)),
    ).toEqual([]);

    expect((await migrateStore()).code).toBe(0);
    expect(await migrateStore('--dry-run')).toMatchObject({
      code: 1,
      output: expect.stringContaining('This would not be moved: the database has moved to'),
    });
    expect((await migrateStore('--undo')).output).toContain('The file is the database again');
    await ada.refresh();
    expect(experience.falseLogouts).toEqual([]);

    expect((await migrateStore()).code).toBe(0);
    await server.stop();
    const moved = await home.start({ ...settings, COUNTERSIGN_STORE: url });
    expect(await migrateStore('--undo')).toMatchObject({
      code: 1,
      output: expect.stringContaining('Processes of Countersign are connected to it'),
    });
    await ada.refresh();
    await moved.stop();
    const undone = await migrateStore('--undo');
    expect(undone).toMatchObject({ code: 1, output: expect.stringContaining('going back would lose what was written since') });
    expect(experience.falseLogouts).toEqual([]);
  });
});
