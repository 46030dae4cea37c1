/**
 * The ports of the store of record: what every store promises, whatever the database.
 * Instants are integers, milliseconds since 1970 UTC, by the store's own clock. Each method is one atomic act: when its promise resolves the
 * write is durable; when it rejects nothing of it was written, except for `StoreUnavailableError`, after which the outcome may be unknown.
 */
import type { ApiKeyStore } from './api-key.js';
import type { Clock, Delivery, Logger } from './app-types.js';
import type { RevocationHints } from './bus.js';
import type { FactorChange, FactorStore, SingleUse } from './factors.js';
import type { EventStore } from './event-store.js';
import type { CounterStore } from './limits.js';
import type { NewOutboxRecord, OutboxStore } from './outbox.js';
import type { ProofStore } from './proofs.js';

/** A database that can be opened; made by `sqlite(file)` and its like, opened by `createAuth`. */
export interface Store {
  readonly kind: string;
  open(context: StoreContext): Promise<OpenStore>;
}

export interface StoreContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The access-token life configured now; the store remembers longer ones until they have run out. */
  readonly accessTtlSeconds: number;
  /**
   * `use` makes what is missing and brings the schema up to date. `inspect` refuses a schema that is not, and writes nothing to the database,
   * neither on opening nor later: acts that write are rejected.
   */
  readonly mode: 'use' | 'inspect';
  /** Called after the commit and before the promise of the act resolves. */
  onRevocations(rows: readonly Revocation[]): void;
}

export interface OpenStore {
  readonly kind: string;
  /** Whether processes on other machines, whose settings may lag behind, can share this store. */
  readonly shared: boolean;
  /**
   * The greatest access-token life that was configured by any process and has not run out, in seconds. Kept current, at the latest with each
   * reading of revocations: to be read anew each time.
   */
  readonly longestAccessSeconds: number;
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly keys: KeyStore;
  readonly apiKeys: ApiKeyStore;
  readonly revocations: RevocationStore;
  readonly counters: CounterStore;
  readonly outbox: OutboxStore;
  readonly proofs: ProofStore;
  readonly factors: FactorStore;
  readonly events: EventStore;
  /** What the database itself tells of other processes' revocations; null where it tells nothing. */
  readonly hints: RevocationHints | null;
  /** Milliseconds by the store's own clock. Rejects when the store cannot be reached. */
  now(): Promise<number>;
  appliedMigrations(): Promise<readonly AppliedMigration[]>;
  /**
   * After a backup was restored: ends every session, revokes every API key, voids every one-time proof, empties the outbox and marks every signing
   * key compromised, in one transaction; starts a new feed epoch.
   */
  restoreEpoch(): Promise<void>;
  /**
   * Removes rows that have expired for good, the oldest first: at most `limit` of each kind, and fewer where that would keep others waiting for
   * more than some milliseconds. True when there may be more. What another process is removing is left to it.
   */
  purge(limit: number): Promise<boolean>;
  /** Finishes what was begun. Safe to call twice. */
  close(): Promise<void>;
}

export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly appliedAt: number;
}

// ── users ──────────────────────────────────────────────────────────────────────────────────────

export interface UserRecord {
  readonly id: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly roles: readonly string[];
  /** The application's own fields; any JSON object. */
  readonly profile: object;
  readonly mfaEnabled: boolean;
  /** Sessions and tokens with a smaller epoch have ended. */
  readonly sessionEpoch: number;
  /** Access tokens with a smaller version carry old roles or claims. */
  readonly authzVersion: number;
  readonly disabledAt: number | null;
  readonly createdAt: number;
}

export interface NewUserRecord {
  readonly id: string;
  readonly username: string | null;
  /** Canonical form of `username`; unique. */
  readonly usernameKey: string | null;
  readonly email: string | null;
  /** Canonical form of `email`. At most one user can sign in by it. */
  readonly emailKey: string | null;
  readonly emailVerified: boolean;
  /**
   * What happens when another user already signs in by this address: `refuse` answers taken; `yield` creates the user all the same, who then
   * cannot sign in by it, so that registration does not tell a stranger which addresses have accounts. With `emailVerified`, a holder who
   * never proved that it is his gives it up in either case.
   */
  readonly onEmailTaken: 'refuse' | 'yield';
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly profile: object;
  readonly passwordHash: string | null;
  /** Default: now. */
  readonly createdAt?: number;
  /** Default: he is enabled. */
  readonly disabledAt?: number | null;
}

/** All that is kept of a user himself. */
export interface StoredUser extends PasswordCredential {
  /** False for one who gave his address, but does not sign in by it, because another does. */
  readonly signsInByEmail: boolean;
}

export type ImportOutcome = 'created' | 'id_taken' | 'username_taken' | 'email_taken';

/** A user and what his password is checked with. */
export interface PasswordCredential {
  readonly user: UserRecord;
  readonly passwordHash: string | null;
}

/** By what a user is looked up; keys are canonical forms. */
export type UserKey = { readonly id: string } | { readonly usernameKey: string } | { readonly emailKey: string };

/** What a user's own fields may be changed to; absent fields stay. */
export interface UserChanges {
  readonly name?: string | null;
  readonly profile?: object;
}

/** The role that may use the admin routes, and that one enabled user always has. */
export const adminRole = 'admin';

/** `last_admin`: the act would leave no enabled user with the role `admin`; nothing was written. */
export type UserWriteOutcome =
  { readonly outcome: 'written'; readonly user: UserRecord } | { readonly outcome: 'not_found' | 'last_admin' };

/** Rows of the outbox that are written in the transaction of the act, if it does what it is for. */
export type Outgoing = readonly NewOutboxRecord[];

export interface UserStore {
  /** Unique user name and address, also when two processes create at once. */
  create(
    user: NewUserRecord,
    outgoing?: Outgoing,
  ): Promise<{ readonly outcome: 'created'; readonly user: UserRecord } | { readonly outcome: 'username_taken' | 'email_taken' }>;
  /** As `create` one after the other, in one transaction; what is taken is passed over. What became of each, in order. */
  createAll(users: readonly NewUserRecord[]): Promise<readonly ImportOutcome[]>;
  /** By id, from the one after `after`; the last page is shorter than `limit`. */
  readAll(page: { readonly after: string; readonly limit: number }): Promise<readonly StoredUser[]>;
  find(key: UserKey): Promise<UserRecord | null>;
  findCredential(key: UserKey): Promise<PasswordCredential | null>;
  update(id: string, changes: UserChanges): Promise<UserRecord | null>;
  /** Puts a stronger hash of the same password; only while `from` is still the hash. False: it was not, nothing was written. */
  rehashPassword(id: string, from: string, to: string): Promise<boolean>;
  /** Sets a password without knowing the old one; ends all sessions (epoch, revocation) and revokes all API keys of the user. */
  setPassword(id: string, passwordHash: string, outgoing?: Outgoing): Promise<UserRecord | null>;
  /** New roles, a greater `authzVersion` and its revocation row. */
  setRoles(id: string, roles: readonly string[]): Promise<UserWriteOutcome>;
  /** Disabling also ends all sessions. Setting what is already so changes nothing. */
  setDisabled(id: string, disabled: boolean): Promise<UserWriteOutcome>;
  /** A greater `authzVersion` and its revocation row, so that every access token is renewed. False: no such user. */
  raiseAuthzVersion(id: string): Promise<boolean>;
  /** Removes the user, his API keys, one-time proofs and second factor; his sessions end and keep nothing personal, and his events lose their addresses. */
  delete(id: string): Promise<UserWriteOutcome>;
  /** Newest first; `query` matches user name, e-mail and name anywhere, without regard to case, wildcards taken literally. */
  list(page: { readonly query: string | null; readonly limit: number; readonly after: UserCursor | null }): Promise<{
    readonly items: readonly UserRecord[];
    readonly next: UserCursor | null;
  }>;
}

/** The place of the last user of a page. */
export interface UserCursor {
  readonly createdAt: number;
  readonly id: string;
}

// ── sessions ───────────────────────────────────────────────────────────────────────────────────

/** Why a session ended before its time. */
export type SessionEndReason =
  'logout' | 'replaced' | 'replay' | 'ended_by_user' | 'ended_by_admin' | 'evicted' | 'user_deleted' | 'restored';

export interface SessionRecord {
  readonly id: string;
  readonly userId: string;
  /** SHA-256 of the session secret, 32 bytes. */
  readonly secretDigest: Uint8Array;
  /** Number of the refresh token that is current. */
  readonly generation: number;
  /**
   * When generation `G-1`, `G-2` … were retired, newest first. Reaches back at least to every retirement within the replay window that was
   * in force, but holds at most `maxRetirements` instants.
   */
  readonly retirements: readonly number[];
  /** The generation that a late double was last served in, or null. */
  readonly lateDoubleGeneration: number | null;
  readonly delivery: Delivery;
  readonly remember: boolean;
  /** The user's `sessionEpoch` when the session was opened. */
  readonly epoch: number;
  readonly authenticatedAt: number;
  readonly factors: readonly string[];
  readonly device: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly idleExpiresAt: number;
  readonly absoluteExpiresAt: number;
  readonly endedAt: number | null;
  readonly endReason: SessionEndReason | null;
}

/** Upper bound of `SessionRecord.retirements`. */
export const maxRetirements = 16;

export interface NewSessionRecord {
  readonly id: string;
  readonly userId: string;
  readonly secretDigest: Uint8Array;
  readonly delivery: Delivery;
  readonly remember: boolean;
  readonly factors: readonly string[];
  /** When the factors were proved, where that was not now. */
  readonly provedAt?: number;
  readonly device: string;
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
}

/** A session with the live row of its user; `user` is null when he is gone. */
export interface SessionAndUser {
  readonly session: SessionRecord;
  readonly user: UserRecord | null;
  /** When this was read, by the store's clock. */
  readonly now: number;
}

/** A session that is alive: not ended, not expired, of an enabled user, not older than his epoch. */
export interface LiveSession extends SessionAndUser {
  readonly user: UserRecord;
}

/** A session without what only its refresh tokens are judged by. */
export type HeldSession = Omit<SessionRecord, 'secretDigest' | 'retirements' | 'lateDoubleGeneration'>;

/** What a rotation found and wrote: all that its holder is served by. */
export interface RotatedSession {
  readonly session: HeldSession;
  readonly user: UserRecord;
  /** When it was rotated, by the store's clock. */
  readonly now: number;
}

export interface OpenSessionInput {
  readonly session: NewSessionRecord;
  /** The user's epoch that was read together with the password hash: the session is opened only while it is still that and he is enabled. */
  readonly epoch: number;
  /** A session of whichever user that ends (`replaced`) in the same transaction. */
  readonly replaces: string | null;
  /** Live sessions of the user beyond this number end (`evicted`), the least recently used first. */
  readonly maxSessions: number;
  /** Of `open` and `replace`: used up by it. When one of them is good no more, no session is opened and nothing is written. */
  readonly uses?: readonly SingleUse[];
}

export interface RotateInput {
  readonly sessionId: string;
  readonly secretDigest: Uint8Array;
  /** Whether the token came in a body: only a bearer session's may, and no other session's. */
  readonly bearer: boolean;
  /** The generation that the row must have now. */
  readonly from: number;
  /** The generation that it gets. */
  readonly to: number;
  /** Idle timeout of a session with `remember`, and of one without. */
  readonly idleSeconds: number;
  readonly transientIdleSeconds: number;
  readonly replayWindowSeconds: number;
}

export interface SessionStore {
  /** Null: the epoch had moved on, or the user is gone or disabled; nothing was written. */
  open(input: OpenSessionInput): Promise<LiveSession | null>;
  /** As `open`, but only while `replaces` is alive and of the same user: for step-up. */
  replace(input: OpenSessionInput & { readonly replaces: string }): Promise<LiveSession | null>;
  /**
   * New password, greater epoch (all sessions end), and a new session for this device, in one transaction; only while `fromHash` is still the
   * hash and `replaces` is alive. Null: it was not, nothing was written.
   */
  changePassword(
    input: OpenSessionInput & {
      readonly replaces: string;
      readonly fromHash: string;
      readonly toHash: string;
      readonly outgoing?: Outgoing;
    },
  ): Promise<LiveSession | null>;
  /**
   * The user's second factor is another, his epoch is greater (all sessions end), and this device has a new session, in one transaction; only
   * while `replaces` is alive and the change applies. Null: it was not, or does not; nothing was written.
   */
  changeFactor(
    input: OpenSessionInput & { readonly replaces: string; readonly change: FactorChange; readonly outgoing?: Outgoing },
  ): Promise<LiveSession | null>;
  find(id: string): Promise<SessionAndUser | null>;
  /** Live sessions of a user, the most recently used first. */
  list(userId: string): Promise<readonly SessionRecord[]>;
  /**
   * The one conditional write of a refresh. Re-checks everything itself: secret, delivery, generation, ended, idle and absolute expiry, user
   * enabled, epoch. When it does not apply nothing is written and `found` tells what is there.
   */
  rotate(
    input: RotateInput,
  ): Promise<
    | { readonly outcome: 'rotated'; readonly live: RotatedSession }
    | { readonly outcome: 'not_rotated'; readonly found: SessionAndUser | null }
  >;
  /**
   * Marks that the parent of `generation` was served again after the window; only while the session is alive, `generation` is current and
   * neither it nor the one before was marked. False: nothing was written.
   */
  recordLateDouble(id: string, generation: number): Promise<boolean>;
  /** Ends one session and writes its revocation row; whose it was. Null: there is none that had not ended. */
  end(id: string, reason: SessionEndReason, how?: { readonly userId?: string; readonly outgoing?: Outgoing }): Promise<string | null>;
  /** Ends the live sessions of a user but one; how many. */
  endOthers(userId: string, exceptId: string, reason: SessionEndReason): Promise<number>;
  /** One increment of the user's epoch and one revocation row. False: no such user. */
  endAll(userId: string): Promise<boolean>;
  /** As `endAll`; the user's second factor and recovery codes are gone, too. False: he has no second factor; nothing was written. */
  removeFactor(userId: string, outgoing?: Outgoing): Promise<boolean>;
}

// ── signing keys ───────────────────────────────────────────────────────────────────────────────

export type SigningAlgorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256';

export interface SigningKeyRecord {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** Public part (RFC 7517); null for HS256. */
  readonly publicJwk: Readonly<Record<string, unknown>> | null;
  /** Private part, sealed under the master secret. */
  readonly sealedPrivate: Uint8Array;
  readonly createdAt: number;
  /** From when it signs; it stops when the next one begins. */
  readonly signsFrom: number;
  readonly compromisedAt: number | null;
}

export interface KeyStore {
  /** In the order in which they were added: instants can be equal, or go back with a clock. */
  list(): Promise<readonly SigningKeyRecord[]>;
  /** Adds a key only while `kid` is still the newest one (null: while there is none), so that two nodes never add two. */
  addAfter(newest: string | null, key: SigningKeyRecord): Promise<boolean>;
  /** Adds a key that signs at once, marks all others compromised and writes their revocation rows, in one transaction. */
  replaceCompromised(key: SigningKeyRecord): Promise<void>;
  /** Seals a private part anew, under a newer master secret. */
  reseal(kid: string, sealedPrivate: Uint8Array): Promise<void>;
  remove(kids: readonly string[]): Promise<void>;
}

// ── revocations ────────────────────────────────────────────────────────────────────────────────

/**
 * What makes stateless tokens revocable. `session`: subject is the session, which has ended, or the API key, which is revoked. `epoch` and
 * `authz`: subject is the user, tokens with a smaller `sep` or `azv` than `value` are over or stale. `key`: subject is a `kid` that is
 * compromised.
 */
export interface Revocation {
  readonly kind: 'session' | 'epoch' | 'authz' | 'key';
  readonly subject: string;
  readonly value: number;
  readonly revokedAt: number;
  /** When no token can be alive any more that this concerns. */
  readonly expiresAt: number;
}

/** On PostgreSQL a position names the transactions that are under way. */
export const longestPosition = 2000;

export interface RevocationPage {
  readonly rows: readonly Revocation[];
  /** Where to go on. Opaque to the reader; at most `longestPosition` visible ASCII characters. */
  readonly position: string;
  /** True when there may be more to read at once. */
  readonly more: boolean;
  /** When this was read, by the clock of `revokedAt`. */
  readonly now: number;
}

export interface RevocationStore {
  /**
   * Unexpired rows after `position` (null: from the start), oldest first. A position of another feed epoch reads from the start, and so does one
   * of another server, such as a replica that was promoted: readers keep theirs whatever failed in between.
   */
  read(position: string | null): Promise<RevocationPage>;
}

/** The database cannot be reached, is full, or did not say whether it committed. Answered as 503 `store_unavailable`. */
export class StoreUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailableError';
  }
}
