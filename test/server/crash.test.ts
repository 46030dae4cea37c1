/**
 * The server is killed, without a chance to finish anything, while many clients refresh; then started again, three times. Nobody is logged out, and
 * nothing that was answered is lost (F2, H1): a client whose answer was lost repeats with the token that it has, as any client does.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sqlite } from 'countersign/sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ServerHome } from './server-process.js';

const users = 5;
const sessionsPerUser = 20;
const refreshesPerClient = 10;
const refreshes = users * sessionsPerUser * refreshesPerClient;
const killAfter = [refreshes * 0.2, refreshes * 0.5, refreshes * 0.8];
const password = 'correct horse battery staple';

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

/** Bytes 18 to 21 of a refresh token are its generation. */
function generationOf(refreshToken: string): number {
  return Buffer.from(refreshToken.slice('csr_'.length), 'base64url').readUInt32BE(18);
}

interface SignedIn {
  readonly session: { readonly id: string };
  readonly accessToken?: string;
  readonly refreshToken?: string;
  readonly csrfToken?: string;
}

/** Half of them are pages that keep cookies, half are programs that keep tokens. */
class RefreshingClient {
  sessionId = '';
  done = 0;
  /** Answers that did not arrive: the server died before it, or the network did. */
  lost = 0;
  /** While the network is down: the server answers, and nobody hears it. */
  isDeaf = false;
  /** Each answer that a client must take for being signed out. */
  readonly logouts: string[] = [];
  readonly #url: string;
  readonly #isProgram: boolean;
  #refreshToken = '';
  #accessToken = '';
  #csrfToken = '';

  constructor(port: number, isProgram: boolean) {
    this.#url = `http://127.0.0.1:${port}/api`;
    this.#isProgram = isProgram;
  }

  async login(username: string): Promise<void> {
    const response = await this.#post('/auth/login', { username, password, ...(this.#isProgram ? { delivery: 'bearer' } : {}) });
    expect(response.status).toBe(200);
    await this.#keep(response);
  }

  /** One attempt with the token that it has. */
  async refresh(): Promise<void> {
    const before = this.generation;
    const response = await this.#post('/auth/refresh', this.#isProgram ? { refreshToken: this.#refreshToken } : undefined).catch(
      () => null,
    );
    const arrived = response !== null && !this.isDeaf && (await this.#keep(response).catch(() => false));
    if (!arrived) this.lost += 1;
    else if (response.status === 200) {
      this.done += 1;
      expect(this.generation).toBe(before + 1);
    }
  }

  get generation(): number {
    return generationOf(this.#refreshToken);
  }

  /** Status of a request with the newest access token. */
  async profile(): Promise<number> {
    const headers: Record<string, string> = this.#isProgram
      ? { authorization: `Bearer ${this.#accessToken}` }
      : { cookie: `cs-access=${this.#accessToken}` };
    return (await fetch(`${this.#url}/users/me`, { headers })).status;
  }

  #post(path: string, body: object | undefined): Promise<Response> {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    if (!this.#isProgram && this.#refreshToken !== '') {
      headers['cookie'] = `cs-access=${this.#accessToken}; cs-refresh=${this.#refreshToken}`;
      headers['x-csrf-token'] = this.#csrfToken;
    }
    return fetch(this.#url + path, { method: 'POST', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }

  /** True when it was read to its end; rejects when it broke off. */
  async #keep(response: Response): Promise<boolean> {
    const text = await response.text();
    if (response.status === 401) this.logouts.push(text);
    if (response.status !== 200) return true;
    const { session, accessToken, refreshToken, csrfToken } = JSON.parse(text) as SignedIn;
    const cookie = (name: string): string =>
      response.headers
        .getSetCookie()
        .find((line) => line.startsWith(`${name}=`))
        ?.slice(name.length + 1)
        .split(';', 1)[0] ?? '';
    this.sessionId = session.id;
    this.#refreshToken = refreshToken ?? cookie('cs-refresh');
    this.#accessToken = accessToken ?? cookie('cs-access');
    this.#csrfToken = csrfToken ?? '';
    return true;
  }
}

/** What the database holds while no server has it open. */
async function generationsAtRest(clients: readonly RefreshingClient[]): Promise<Map<string, { generation: number; ended: boolean }>> {
  const store = await sqlite(join(place.data, 'countersign.db')).open({
    clock: { now: () => Date.now() },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    accessTtlSeconds: 900,
    mode: 'inspect',
    onRevocations: () => undefined,
  });
  const rows = await Promise.all(
    clients.map(async ({ sessionId }) => [sessionId, (await store.sessions.find(sessionId))!.session] as const),
  );
  await store.close();
  return new Map(rows.map(([id, { generation, endedAt }]) => [id, { generation, ended: endedAt !== null }]));
}

async function signInAll(port: number): Promise<RefreshingClient[]> {
  const clients: RefreshingClient[] = [];
  for (let user = 0; user < users; user += 1) {
    const username = `user-${user}`;
    const body = JSON.stringify({ username, password });
    await fetch(`http://127.0.0.1:${port}/api/auth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const own = Array.from({ length: sessionsPerUser }, (_, index) => new RefreshingClient(port, index % 2 === 0));
    await Promise.all(own.map((client) => client.login(username)));
    clients.push(...own);
  }
  return clients;
}

test(
  'kill -9 in the middle of 1,000 refreshes: every client goes on, and nothing that was answered is lost',
  { timeout: 120_000 },
  async () => {
    let server = await place.start({ COUNTERSIGN_LOG_LEVEL: 'warn' });
    const clients = await signInAll(place.port);
    const doneByAll = (): number => clients.reduce((sum, { done }) => sum + done, 0);
    const lostByAll = (): number => clients.reduce((sum, { lost }) => sum + lost, 0);
    let committedButNotHeard = 0;

    for (const count of [...killAfter, refreshes]) {
      let isUp = true;
      const untilDoneOrDown = async (client: RefreshingClient): Promise<void> => {
        const lostBefore = client.lost;
        while (isUp && client.done < refreshesPerClient && client.lost === lostBefore) await client.refresh();
      };
      const work = Promise.all(clients.map(untilDoneOrDown));
      if (count === refreshes) {
        await work;
        break;
      }
      while (doneByAll() < count) await pause(1);
      const lostBefore = lostByAll();
      for (const client of clients) client.isDeaf = true;
      while (lostByAll() < lostBefore + 10) await pause(1);
      const killed = server.kill();
      isUp = false;
      // Whoever waits for an answer learns now that there is none.
      await Promise.all([killed, work]);

      const atRest = await generationsAtRest(clients);
      for (const client of clients) {
        const { generation, ended } = atRest.get(client.sessionId)!;
        expect(ended).toBe(false);
        // The one that the client has, or the next, of which it was not told.
        expect([client.generation, client.generation + 1]).toContain(generation);
        committedButNotHeard += generation - client.generation;
      }
      server = await place.start({ COUNTERSIGN_LOG_LEVEL: 'warn' });
      for (const client of clients) client.isDeaf = false;
    }

    expect(clients.flatMap(({ logouts }) => logouts)).toEqual([]);
    expect(doneByAll()).toBe(refreshes);
    // Otherwise nothing was shown: answers must have been lost, and writes without their answers.
    expect(lostByAll()).toBeGreaterThan(killAfter.length * 10);
    expect(committedButNotHeard).toBeGreaterThanOrEqual(killAfter.length * 10);

    // Ten refreshes, ten generations: a repetition is answered with the successor that was there already, never with one more.
    expect(new Set(clients.map(({ generation }) => generation))).toEqual(new Set([refreshesPerClient]));
    expect(new Set(await Promise.all(clients.map((client) => client.profile())))).toEqual(new Set([200]));
    expect(server.output).not.toContain('session.replayed');
    expect(server.output).not.toContain('error');

    await server.stop();
    const atRest = await generationsAtRest(clients);
    expect(new Set(clients.map(({ sessionId }) => atRest.get(sessionId)!.generation))).toEqual(new Set([refreshesPerClient]));
  },
);
