/** Signing keys over their life: published before they sign, rotated by age and by command, changed with the secret, never a valid token refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, createAuth, masterSecret, newSecret, type Auth, type AuthOptions, type SigningAlgorithm } from 'countersign';
import { nodeHandler } from 'countersign/node';
import { sqlite } from 'countersign/sqlite';
import type { OpenStore, Store } from '../../dist/model/store.js';

const minute = 60_000;
const day = 86_400_000;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

let folder: string;
let now: number;
let secret: string;
let auth: Auth;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-keys-'));
  now = Date.now();
  secret = newSecret();
});

afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await auth.close();
  rmSync(folder, { recursive: true });
});

function options(more: Partial<AuthOptions> = {}): AuthOptions {
  return {
    publicUrl: 'http://localhost:4000',
    secret: masterSecret(secret),
    store: sqlite(join(folder, 'auth.db')),
    clock: { now: () => now },
    logger: quiet,
    ...more,
  };
}

async function open(more: Partial<AuthOptions> = {}): Promise<void> {
  auth = await createAuth(options(more));
}

/** As the upkeep that runs every half minute would, at once. */
async function reopen(more: Partial<AuthOptions> = {}): Promise<void> {
  await auth.close();
  await open(more);
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

async function post(path: string, body: object): Promise<{ status: number; document: Tokens & { code?: string } }> {
  const request = new Request(`http://localhost:4000${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const response = await auth.fetch(request, { remoteAddress: null });
  return { status: response.status, document: (await response.json()) as Tokens & { code?: string } };
}

async function logIn(): Promise<Tokens> {
  if (!(await auth.users.find({ username: 'alice' }))) await auth.users.create({ username: 'alice', password: 'correct horse' });
  return (await post('/api/auth/login', { identifier: 'alice', password: 'correct horse', delivery: 'bearer' })).document;
}

const refresh = (refreshToken: string): ReturnType<typeof post> => post('/api/auth/refresh', { refreshToken });
const kidOf = (token: string): string => decodeProtectedHeader(token).kid ?? '';
const publishedKids = (): unknown[] => auth.keys.jwks().keys.map((key) => (key as { kid: unknown }).kid);

function codeOf(accessToken: string): string {
  try {
    auth.getPrincipal({ headers: { authorization: `Bearer ${accessToken}` } });
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
}

async function serve(): Promise<URL> {
  server = createServer(nodeHandler(auth));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/.well-known/jwks.json`);
}

describe.each<SigningAlgorithm>(['ES256', 'EdDSA', 'RS256'])('other services verify %s', (algorithm) => {
  it('with jose and nothing but the address of the key set', async () => {
    await open({ tokens: { algorithm } });
    const { accessToken } = await logIn();
    const rules = {
      issuer: 'http://localhost:4000',
      audience: 'http://localhost:4000',
      typ: 'at+jwt',
      algorithms: [algorithm],
      currentDate: new Date(now),
    };
    const { payload } = await jwtVerify(accessToken, createRemoteJWKSet(await serve()), rules);
    expect(payload).toMatchObject({ roles: ['user'], azv: 0, sep: 0, amr: ['pwd'] });
  });
});

it('HS256 publishes nothing, for its only key is a secret', async () => {
  await open({ tokens: { algorithm: 'HS256' } });
  expect(codeOf((await logIn()).accessToken)).toBe('accepted');
  expect(auth.keys.jwks().keys).toEqual([]);
});

it('a rotation by command publishes the next key first, which signs once every cache has it', async () => {
  await open();
  const before = await logIn();
  await auth.keys.rotate();
  await auth.keys.rotate();
  expect(publishedKids()).toHaveLength(2);
  expect(kidOf((await logIn()).accessToken)).toBe(kidOf(before.accessToken));
  now += 7 * minute;
  await reopen();
  const after = await logIn();
  expect(kidOf(after.accessToken)).not.toBe(kidOf(before.accessToken));
  expect([codeOf(before.accessToken), codeOf(after.accessToken)]).toEqual(['accepted', 'accepted']);
  expect(publishedKids()).toHaveLength(2);
});

it('a key is replaced by age, is published until its last token has expired, and expired tokens of it are told from foreign ones for as long as people can come back', async () => {
  await open({ tokens: { rotateKeysEvery: '10d' } });
  const old = await logIn();
  now += 10 * day;
  await reopen({ tokens: { rotateKeysEvery: '10d' } });
  expect(publishedKids()).toHaveLength(2);
  now += 10 * minute;
  await reopen({ tokens: { rotateKeysEvery: '10d' } });
  const fresh = await logIn();
  expect(kidOf(fresh.accessToken)).not.toBe(kidOf(old.accessToken));
  now += day;
  await reopen({ tokens: { rotateKeysEvery: '10d' } });
  expect(publishedKids()).toEqual([kidOf(fresh.accessToken)]);
  expect(codeOf(old.accessToken)).toBe('token_expired');
  now += 40 * day;
  await reopen({ tokens: { rotateKeysEvery: '400d' } });
  await reopen({ tokens: { rotateKeysEvery: '400d' } });
  expect(codeOf(old.accessToken)).toBe('token_invalid');
});

it('a rotation of compromised keys makes every access token count as expired at once, and logs nobody out', async () => {
  await open();
  const before = await logIn();
  await auth.keys.rotate({ compromised: true });
  expect(codeOf(before.accessToken)).toBe('token_expired');
  const after = await refresh(before.refreshToken);
  expect([after.status, codeOf(after.document.accessToken)]).toEqual([200, 'accepted']);
  expect(publishedKids()).toEqual([kidOf(after.document.accessToken)]);
});

it('another process that shares the file learns of compromised keys within a second', async () => {
  await open();
  const before = await logIn();
  const other = await createAuth(options());
  await other.keys.rotate({ compromised: true });
  await other.close();
  await expect.poll(() => codeOf(before.accessToken), { timeout: 3000 }).toBe('token_expired');
  const after = await refresh(before.refreshToken);
  await expect.poll(async () => codeOf((await logIn()).accessToken), { timeout: 3000 }).toBe('accepted');
  expect(after.status).toBe(200);
});

/** The embedded store, in which reading the keys fails as often as the test says. */
class KeysInHand implements Store {
  readonly kind = 'in hand';
  failures = 0;

  failNext(times: number): void {
    this.failures = times;
  }

  async open(context: Parameters<Store['open']>[0]): Promise<OpenStore> {
    const store = await sqlite(join(folder, 'auth.db')).open(context);
    const list = (): ReturnType<typeof store.keys.list> => (this.failures-- > 0 ? Promise.reject(new Error('not now')) : store.keys.list());
    const keys = { ...store.keys, list };
    return new Proxy(store, { get: (target, name) => (name === 'keys' ? keys : (Reflect.get(target, name) as unknown)) });
  }
}

it('a process that cannot read the new keys at first tries again soon, for what it signs meanwhile is refused', async () => {
  const store = new KeysInHand();
  const logged = vi.fn();
  await open({ store, logger: { ...quiet, error: logged } });
  await logIn();
  const other = await createAuth(options());
  store.failNext(4);
  await other.keys.rotate({ compromised: true });
  await other.close();
  await expect.poll(() => store.failures, { timeout: 5000 }).toBeLessThan(0);
  await expect.poll(async () => codeOf((await logIn()).accessToken)).toBe('accepted');
  expect(logged).toHaveBeenCalledTimes(1);
});

it('two processes that start at once on a new store agree on one key', async () => {
  const both = await Promise.all([createAuth(options()), createAuth(options())]);
  auth = both[0];
  expect(both[0].keys.jwks().keys).toHaveLength(1);
  expect(both[1].keys.jwks()).toEqual(both[0].keys.jwks());
  await both[1].close();
});

describe('changing the master secret', () => {
  it('by putting the new one first logs nobody out, and the old one can go when its time is over', async () => {
    await open();
    const old = secret;
    const before = await logIn();
    let newer = newSecret();
    await reopen();
    // One in 256 has the key id of the old one, which is refused at start; then another is made.
    for (;;) {
      try {
        await reopen({ secret: masterSecret([newer, old]) });
        break;
      } catch {
        newer = newSecret();
      }
    }
    expect(codeOf(before.accessToken)).toBe('accepted');
    const { status, document } = await refresh(before.refreshToken);
    expect(status).toBe(200);
    await reopen({ secret: masterSecret(newer) });
    expect(codeOf(document.accessToken)).toBe('accepted');
    expect((await refresh(document.refreshToken)).status).toBe(200);
    expect((await refresh(before.refreshToken)).document.code).toBe('refresh_token_invalid');
  });

  it('without keeping the old one stops the start with a sentence that says what to do', async () => {
    await open();
    await auth.close();
    await expect(createAuth(options({ secret: masterSecret(newSecret()) }))).rejects.toThrow(ConfigError);
    await expect(createAuth(options({ secret: masterSecret(newSecret()) }))).rejects.toThrow(/the new one first, then the old one/);
  });

  it('to a wrong one, even when a key is due, leaves the store as it was for the right one', async () => {
    await open();
    await auth.close();
    now += 100 * day;
    await expect(createAuth(options({ secret: masterSecret(newSecret()) }))).rejects.toThrow(ConfigError);
    await open();
    expect(codeOf((await logIn()).accessToken)).toBe('accepted');
  });
});

it('a longer life that was configured before still counts, so that its tokens are neither refused nor forgotten', async () => {
  await open({ tokens: { accessTtl: '2h' } });
  const { accessToken } = await logIn();
  await reopen({ tokens: { accessTtl: '5m' } });
  now += 60 * minute;
  await expect.poll(() => codeOf(accessToken), { timeout: 3000 }).toBe('accepted');
});
