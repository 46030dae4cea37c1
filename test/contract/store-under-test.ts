/** What the contract's tests have in common: a store with a clock that is set by hand, and records that are valid unless a test says otherwise. */
import { afterEach, beforeEach } from 'vitest';
import type {
  LiveSession,
  NewSessionRecord,
  NewUserRecord,
  OpenSessionInput,
  OpenStore,
  Revocation,
  RotateInput,
  SessionRecord,
  SigningKeyRecord,
  Store,
  StoreContext,
  UserRecord,
} from '../../src/model/store.js';

/** Makes a store whose database is empty; opened twice it is the same database. */
export type MakeStore = () => Promise<{ readonly store: Store; remove(): Promise<void> }>;

export const accessTtlSeconds = 300;
/** What a revocation row outlives the longest access token by. */
export const marginSeconds = 1200;
export const startAt = 1_800_000_000_000;

export class World {
  #now: number = startAt;
  /** All that `onRevocations` was told, in order. */
  readonly told: Revocation[] = [];
  readonly #store: Store;
  readonly #opened: OpenStore[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  get now(): number {
    return this.#now;
  }

  setTo(instant: number): void {
    this.#now = instant;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  forgetTold(): void {
    this.told.length = 0;
  }

  /** The one that was opened first. */
  get store(): OpenStore {
    return this.#opened[0]!;
  }

  async open(overrides: Partial<StoreContext> = {}): Promise<OpenStore> {
    const ignore = (): void => undefined;
    const opened = await this.#store.open({
      clock: { now: () => this.now },
      logger: { info: ignore, warn: ignore, error: ignore },
      accessTtlSeconds,
      mode: 'use',
      onRevocations: (rows) => void this.told.push(...rows),
      ...overrides,
    });
    this.#opened.push(opened);
    return opened;
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((store) => store.close()));
  }
}

/** Registers what makes a fresh store before each test of the `describe` it is called in. */
export function eachWithStore(makeStore: MakeStore): { readonly world: World; readonly store: OpenStore } {
  let world: World;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    const made = await makeStore();
    remove = () => made.remove();
    world = new World(made.store);
    await world.open();
  });
  afterEach(async () => {
    await world.close();
    await remove();
  });
  return {
    get world() {
      return world;
    },
    get store() {
      return world.store;
    },
  };
}

let serial = 0;

function uniqueId(prefix: string): string {
  serial += 1;
  return `${prefix}_${String(serial).padStart(6, '0')}`;
}

export function newUser(overrides: Partial<NewUserRecord> = {}): NewUserRecord {
  const id = uniqueId('usr');
  return {
    id,
    username: id,
    usernameKey: id,
    email: null,
    emailKey: null,
    emailVerified: false,
    onEmailTaken: 'refuse',
    name: null,
    roles: ['user'],
    profile: {},
    passwordHash: 'hash-1',
    ...overrides,
  };
}

export async function createUser(store: OpenStore, overrides: Partial<NewUserRecord> = {}): Promise<UserRecord> {
  const created = await store.users.create(newUser(overrides));
  if (created.outcome !== 'created') throw new Error(created.outcome);
  return created.user;
}

export const secretDigest: Uint8Array = new Uint8Array(32).fill(7);

function newSession(userId: string, overrides: Partial<NewSessionRecord> = {}): NewSessionRecord {
  return {
    id: uniqueId('ses'),
    userId,
    secretDigest,
    delivery: 'cookie',
    remember: true,
    factors: ['pwd'],
    device: 'Firefox on Linux',
    idleSeconds: 1000,
    absoluteSeconds: 5000,
    ...overrides,
  };
}

export function openInput(
  userId: string,
  session: Partial<NewSessionRecord> = {},
  overrides: Partial<OpenSessionInput> = {},
): OpenSessionInput {
  return { session: newSession(userId, session), epoch: 0, replaces: null, maxSessions: 50, ...overrides };
}

export async function openSession(store: OpenStore, userId: string, overrides: Partial<NewSessionRecord> = {}): Promise<SessionRecord> {
  return live(await store.sessions.open(openInput(userId, overrides))).session;
}

export function live(session: LiveSession | null): LiveSession {
  if (session === null) throw new Error('No session was opened.');
  return session;
}

export function rotateInput(sessionId: string, from: number, overrides: Partial<RotateInput> = {}): RotateInput {
  return {
    sessionId,
    secretDigest,
    bearer: false,
    from,
    to: from + 1,
    idleSeconds: 1000,
    transientIdleSeconds: 100,
    replayWindowSeconds: 60,
    ...overrides,
  };
}

export function newKey(overrides: Partial<SigningKeyRecord> = {}): SigningKeyRecord {
  return {
    kid: uniqueId('key'),
    algorithm: 'ES256',
    publicJwk: { kty: 'EC', x: 'x' },
    sealedPrivate: new Uint8Array([1, 2, 3]),
    createdAt: startAt,
    signsFrom: startAt,
    compromisedAt: null,
    ...overrides,
  };
}

/** A row as it is told when it is written `laterBy` milliseconds after the start. */
export function revocation(kind: Revocation['kind'], subject: string, value: number, laterBy = 0): Revocation {
  const revokedAt = startAt + laterBy;
  return { kind, subject, value, revokedAt, expiresAt: revokedAt + (accessTtlSeconds + marginSeconds) * 1000 };
}

export async function sessionNow(store: OpenStore, id: string): Promise<SessionRecord> {
  const found = await store.sessions.find(id);
  if (found === null) throw new Error('There is no such session.');
  return found.session;
}

/** Whether the session still counts as one of its user's. */
export async function isListed(store: OpenStore, { userId, id }: SessionRecord): Promise<boolean> {
  return (await store.sessions.list(userId)).some((session) => session.id === id);
}
