import { beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../crypto/digest.js';
import { formatId, systemRandom } from '../crypto/random.js';
import type { ApiKeyAndUser, ApiKeyStore } from '../model/api-key.js';
import type { UserRecord } from '../model/store.js';
import { createPermissionsOf } from '../policy/roles.js';
import { createRevocationIndex } from '../revocation/revocation-index.js';
import { issueApiKey } from '../tokens/api-key.js';
import { ApiKeyVerifier } from './api-key-verifier.js';
import type { PendingError } from './pending-error.js';

const owner: UserRecord = {
  id: 'usr_owner',
  username: 'owner',
  email: null,
  emailVerified: false,
  name: null,
  roles: ['editor'],
  profile: {},
  mfaEnabled: false,
  sessionEpoch: 0,
  authzVersion: 0,
  disabledAt: null,
  createdAt: 0,
};

/** A store that counts what it is asked, and answers when it is told to. */
class CountingStore {
  readonly rows = new Map<string, ApiKeyAndUser>();
  reads = 0;
  uses = 0;
  fault: Error | null = null;
  atOnce = false;
  gate: Promise<void> = Promise.resolve();
  now = 0;

  readonly port = {
    find: (id: string) => {
      if (this.fault && this.atOnce) throw this.fault;
      return this.#find(id);
    },
    recordUse: async (id: string, secretDigest: Uint8Array) => {
      this.uses += 1;
      if (Buffer.compare(this.rows.get(id)!.key.secretDigest, secretDigest) === 0) this.change(id, { secretUsedAt: this.now });
      return true;
    },
  } as Partial<ApiKeyStore> as ApiKeyStore;

  async #find(id: string): Promise<ApiKeyAndUser | null> {
    this.reads += 1;
    const found = this.rows.get(id);
    await this.gate;
    if (this.fault) throw this.fault;
    return found ? { ...found, now: this.now } : null;
  }

  /** A key that is good for `lifetime` milliseconds. */
  add(lifetime: number | null = null): { id: string; key: string } {
    const [id, secret] = [formatId('key', systemRandom(16)), systemRandom(32)];
    const key = {
      id,
      userId: owner.id,
      name: 'x',
      scopes: ['article:write', 'article:delete'],
      secretDigest: sha256(secret),
      secretUsedAt: null,
      previousDigest: null,
      previousUntil: null,
      createdAt: this.now,
      rotatedAt: null,
      expiresAt: lifetime === null ? null : this.now + lifetime,
      lastUsedAt: null,
      revokedAt: null,
    };
    this.rows.set(id, { key, user: owner, hasPassword: true, now: 0 });
    return { id, key: issueApiKey(id, secret) };
  }

  change(id: string, key: Partial<ApiKeyAndUser['key']>, user: Partial<UserRecord> = {}): void {
    const before = this.rows.get(id)!;
    this.rows.set(id, { ...before, key: { ...before.key, ...key }, user: { ...before.user!, ...user } });
  }
}

const madeUp = (): string => issueApiKey(formatId('key', systemRandom(16)), systemRandom(32));
const strict = { revocation: 'strict' } as const;

let store: CountingStore;
let now: number;
let isFresh: boolean;
let logged: string[];
let index: ReturnType<typeof createRevocationIndex>;
let keys: ApiKeyVerifier;

beforeEach(() => {
  [store, now, isFresh, logged, index] = [new CountingStore(), 0, true, [], createRevocationIndex()];
  keys = new ApiKeyVerifier({
    store: store.port,
    index,
    feed: { isFresh: () => isFresh, waitUntilFresh: async () => isFresh },
    clock: { now: () => now },
    logger: { info: () => undefined, warn: () => undefined, error: (_, message) => void logged.push(message) },
    permissionsOf: createPermissionsOf(new Map([['editor', ['article:read', 'article:write']]])),
    trustedProxies: null,
    claimsOf: async () => undefined,
  });
});

function advance(milliseconds: number): void {
  now += milliseconds;
  store.now += milliseconds;
}

/** As a request meets it: without waiting. */
function outcome(key: string): string {
  try {
    return keys.find(key, { ...strict, now }).sessionId;
  } catch (error) {
    return (error as PendingError).code;
  }
}

async function outcomeOfVerify(key: string, remoteAddress?: string): Promise<string> {
  return keys.verify(key, { ...strict, request: { headers: {}, socket: { remoteAddress } } }).then(
    ({ sessionId }) => sessionId,
    (error: unknown) => (error as PendingError).code,
  );
}

describe('a key that is presented', () => {
  test('is looked up once for all who ask, and then known', async () => {
    const { id, key } = store.add();
    expect(outcome(key)).toBe('store_unavailable');
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => outcomeOfVerify(key))))).toEqual(new Set([id]));
    expect([store.reads, store.uses]).toEqual([1, 1]);
    expect(outcome(key)).toBe(id);
  });

  test('has what its scopes and its owner have in common, and no role', async () => {
    const { principal } = await keys.verify(store.add().key, strict);
    expect([...principal.permissions]).toEqual(['article:write']);
    expect(principal).toMatchObject({ userId: owner.id, roles: [], via: 'api_key', factors: [] });
    expect(Object.isFrozen(principal)).toBe(true);
  });

  test('is read again in the background before its minute is over, and waited for after that', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    advance(29_999);
    expect([outcome(key), store.reads]).toEqual([id, 1]);
    advance(1);
    expect([outcome(key), outcome(key), store.reads]).toEqual([id, id, 2]);
    await new Promise(setImmediate);
    advance(60_000);
    expect([outcome(key), store.reads]).toEqual(['store_unavailable', 3]);
  });

  test('is refused from the moment that its revocation is known here, whatever was read before', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    store.change(id, { revokedAt: 0 });
    index.apply([{ kind: 'session', subject: id, value: 0, revokedAt: 0, expiresAt: 1e9 }]);
    expect(outcome(key)).toBe('store_unavailable');
    expect(await outcomeOfVerify(key)).toBe('session_revoked');
    const { reads } = store;
    for (let times = 0; times < 100; times += 1) expect(outcome(key)).toBe('session_revoked');
    expect(store.reads).toBe(reads);
  });

  test('is not let in by a look-up that began before its revocation', async () => {
    const { id, key } = store.add();
    let open = (): void => undefined;
    store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const asked = outcomeOfVerify(key);
    store.change(id, { revokedAt: 0 });
    index.apply([{ kind: 'session', subject: id, value: 0, revokedAt: 0, expiresAt: 1e9 }]);
    open();
    expect(await asked).toBe('session_revoked');
  });

  test('is read again when something happened to its owner, and judged by what he is now', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    store.change(id, {}, { sessionEpoch: 1, authzVersion: 1, roles: [] });
    index.apply([
      { kind: 'epoch', subject: owner.id, value: 1, revokedAt: 0, expiresAt: 1e9 },
      { kind: 'authz', subject: owner.id, value: 1, revokedAt: 0, expiresAt: 1e9 },
    ]);
    expect([...(await keys.verify(key, strict)).principal.permissions]).toEqual([]);
    expect(store.reads).toBe(2);
  });

  test('does not outlive its expiry in memory, by the clock of the store', async () => {
    store.now = 500_000;
    const { id, key } = store.add(10_000);
    await keys.verify(key, strict);
    advance(9999);
    expect(outcome(key)).toBe(id);
    advance(1);
    expect(outcome(key)).toBe('token_expired');
  });

  test('is refused while revocations are not up to date, unless the route lets it pass', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    isFresh = false;
    expect(outcome(key)).toBe('revocation_unavailable');
    expect(keys.find(key, { revocation: 'available', now }).sessionId).toBe(id);
    expect(await outcomeOfVerify(store.add().key)).toBe('store_unavailable');
  });

  test('is looked up again at most once a minute to write down its use', async () => {
    const { id, key } = store.add();
    for (let second = 0; second < 120; second += 1) {
      await keys.verify(key, strict);
      if (store.uses > 0) store.change(id, { lastUsedAt: Math.floor(now / 60_000) * 60_000 });
      advance(1000);
    }
    expect(store.uses).toBe(2);
    expect(store.reads).toBeLessThanOrEqual(5);
  });

  test('is used for the first time under each secret, whenever the one before was used', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    store.change(id, { lastUsedAt: store.now });
    const secret = systemRandom(32);
    const { secretDigest: previousDigest } = store.rows.get(id)!.key;
    store.change(id, { secretDigest: sha256(secret), secretUsedAt: null, previousDigest, previousUntil: store.now + 60_000 });
    advance(30_000);
    await keys.verify(key, strict);
    expect(store.uses, 'under the one before').toBe(1);
    await keys.verify(issueApiKey(id, secret), strict);
    expect(store.uses).toBe(2);
    expect(store.rows.get(id)!.key.secretUsedAt).toBe(store.now);
  });
});

function breakDown(fault: Error | null, atOnce = false): void {
  Object.assign(store, { fault, atOnce });
}

describe('while the store cannot be reached', () => {
  test('an unknown key is 503 and never refused, a known one good for its minute, and nothing is remembered', async () => {
    const { id, key } = store.add();
    const { key: known } = store.add();
    await keys.verify(known, strict);
    breakDown(new Error('gone'));
    expect(await outcomeOfVerify(key)).toBe('store_unavailable');
    expect(logged).toEqual(['an API key could not be looked up']);
    advance(59_999);
    expect(outcome(known)).not.toBe('store_unavailable');
    advance(1);
    expect(await outcomeOfVerify(known)).toBe('store_unavailable');
    breakDown(null);
    expect(await outcomeOfVerify(key)).toBe(id);
  });

  test('also where it throws before it gives a promise', async () => {
    const { id, key } = store.add();
    breakDown(new Error('gone'), true);
    expect(await outcomeOfVerify(key)).toBe('store_unavailable');
    breakDown(null);
    expect(await outcomeOfVerify(key)).toBe(id);
  });
});

describe('a stranger', () => {
  async function flood(from?: string): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let times = 0; times < 1000; times += 1) {
      const code = await outcomeOfVerify(madeUp(), from);
      counts[code] = (counts[code] ?? 0) + 1;
    }
    return counts;
  }

  test('who misspells a key never reaches the store', async () => {
    const { key } = store.add();
    for (const wrong of [`${key}x`, key.slice(0, -1), `${key.slice(0, -1)}-`, 'csk_', `csk_${'0'.repeat(71)}`])
      expect(await outcomeOfVerify(wrong)).toBe('token_invalid');
    expect(store.reads).toBe(0);
  });

  test('who repeats one that is none makes one look-up in ten seconds', async () => {
    const key = madeUp();
    for (let times = 0; times < 50; times += 1) expect(await outcomeOfVerify(key)).toBe('token_invalid');
    expect(store.reads).toBe(1);
    advance(10_000);
    expect(await outcomeOfVerify(key)).toBe('token_invalid');
    expect(store.reads).toBe(2);
  });

  test('who makes them up with right checksums makes 200 look-ups a second; those who are known do not notice', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    const { key: fresh } = store.add();
    advance(60_000);
    expect(await flood()).toEqual({ token_invalid: 200, overloaded: 800 });
    expect(await outcomeOfVerify(key), 'though its minute is over').toBe(id);
    expect(await outcomeOfVerify(fresh)).toBe('overloaded');
    advance(500);
    expect(await flood()).toEqual({ token_invalid: 100, overloaded: 900 });
    advance(1000);
    expect(await outcomeOfVerify(fresh)).not.toBe('overloaded');
  });

  test('who does so from one address gets a quarter of that, and keeps out nobody who comes from elsewhere', async () => {
    expect(await flood('192.0.2.1')).toEqual({ token_invalid: 50, overloaded: 950 });
    const [there, elsewhere] = [store.add(), store.add()];
    expect(await outcomeOfVerify(there.key, '192.0.2.1')).toBe('overloaded');
    expect(await outcomeOfVerify(elsewhere.key, '192.0.2.2')).toBe(elsewhere.id);
    expect(await flood('192.0.2.1')).toEqual({ overloaded: 1000 });
    advance(1000);
    expect(await outcomeOfVerify(there.key, '192.0.2.1')).toBe(there.id);
    expect(await flood('192.0.2.1')).toEqual({ token_invalid: 50, overloaded: 950 });
  });

  test('is not meant by many genuine keys that are new here: what is found costs nothing', async () => {
    for (let times = 0; times < 1000; times += 1) expect(await outcomeOfVerify(store.add().key, '192.0.2.1')).toMatch(/^key_/);
  });

  test('and whoever is only counted make no look-up; a key that was known is still counted as itself while nothing can be read', async () => {
    const { id, key } = store.add();
    expect([keys.idOfKnown(key), keys.idOfKnown(madeUp()), keys.idOfKnown('csk_')]).toEqual([null, null, null]);
    expect(store.reads).toBe(0);
    await keys.verify(key, strict);
    advance(3_600_000);
    breakDown(new Error('gone'));
    expect([keys.idOfKnown(key), store.reads]).toEqual([id, 1]);
  });

  test('who has the id of a key and another secret learns nothing about its state', async () => {
    for (const change of [{}, { revokedAt: 0 }, { expiresAt: 0 }]) {
      const { id } = store.add();
      store.change(id, change);
      expect(await outcomeOfVerify(issueApiKey(id, systemRandom(32)))).toBe('token_invalid');
    }
  });
});

describe('memory', () => {
  test('holds ten thousand keys, and what is refused never displaces what is known', async () => {
    const { id, key } = store.add();
    await keys.verify(key, strict);
    for (let times = 0; times < 10_001; times += 1) {
      advance(6);
      if (times % 4000 === 0) await keys.verify(key, strict);
      await outcomeOfVerify(madeUp());
    }
    const { reads } = store;
    expect(outcome(key)).toBe(id);
    expect(store.reads).toBe(reads);
  });
});
