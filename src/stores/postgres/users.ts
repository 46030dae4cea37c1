/** Users: the acts of `UserStore` as statements. */
import { adminRole } from '../../model/store.js';
import type {
  NewUserRecord,
  Outgoing,
  PasswordCredential,
  UserChanges,
  UserCursor,
  UserKey,
  UserRecord,
  UserStore,
  UserWriteOutcome,
} from '../../model/store.js';
import { foldCase, searchTextOf } from '../search-text.js';
import { listInSlices, usersOfSlice, type UserSlices } from '../user-slices.js';
import type { Run } from './connections.js';
import { removalOfBelongings } from './belongings.js';
import type { Database } from './database.js';
import { outboxWriter, type OutboxWriter } from './outbox-writer.js';
import { lockKey, prepared, revoking, timed, type Statement, type Wording } from './statements.js';
import { columns, userFromRow, type CredentialRow, type UserRow } from './user-rows.js';

/** Where the first page starts: above every user, so that one statement seeks into the index for each page. */
const beforeAll: UserCursor = { createdAt: Number.MAX_SAFE_INTEGER, id: '' };

/** Below every user. */
const afterAll: Pick<UserRow, 'created_at' | 'id'> = { created_at: Number.MIN_SAFE_INTEGER, id: '' };

/** A deleted user's tokens have a smaller epoch, whatever it was. */
const deletedEpoch = Number.MAX_SAFE_INTEGER;

/** As the index of enabled admins says it. */
const isEnabledAdmin = (user: string): string => `(${user}.roles ? '${adminRole}' AND ${user}.disabled_at IS NULL)`;

export class UserStatements {
  readonly findById: Statement;
  readonly findByUsername: Statement;
  readonly findByEmail: Statement;
  readonly lockByEmail: Statement;
  readonly releaseEmail: Statement;
  readonly insert: Statement;
  readonly lock: Statement;
  readonly lockAdmins: Statement;
  readonly update: Statement;
  readonly rehash: Statement;
  readonly setPassword: Statement;
  readonly setRoles: Statement;
  readonly disable: Statement;
  readonly enable: Statement;
  readonly raiseAuthzVersion: Statement;
  readonly remove: Statement;
  readonly endSessionsOfDeleted: Statement;
  readonly removeBelongings: Statement;
  readonly revokeApiKeys: Statement;
  readonly list: Statement;
  readonly search: Statement;
  readonly endOfSlice: Statement;

  constructor(wording: Wording) {
    const { users, sessions, apiKeys } = wording;
    const find = (column: string): string => `SELECT ${columns}, password_hash FROM ${users} WHERE ${column} = $1`;
    const change = (assignments: string, condition = 'true'): string =>
      `UPDATE ${users} SET ${assignments}, updated_at = terms.now FROM terms WHERE id = $2 AND ${condition} RETURNING ${columns}`;
    const newEpoch = { kind: 'epoch', subject: 'changed.id', value: 'changed.session_epoch' } as const;
    const newAuthz = { kind: 'authz', subject: 'changed.id', value: 'changed.authz_version' } as const;
    /** Holds unless the user is the last enabled one with the role `admin`. Only under the lock that all take who may end one. */
    const leavesAnAdmin = `(NOT ${isEnabledAdmin('users')} OR EXISTS (
      SELECT FROM ${users} AS other WHERE other.id <> users.id AND ${isEnabledAdmin('other')}))`;
    this.findById = prepared(find('id'));
    this.findByUsername = prepared(find('username_key'));
    this.findByEmail = prepared(find('email_login_key'));
    this.lock = prepared(`${find('id')} FOR NO KEY UPDATE`);
    this.lockByEmail = prepared(`${find('email_login_key')} FOR NO KEY UPDATE`);
    this.lockAdmins = prepared(`SELECT pg_advisory_xact_lock(${lockKey(wording, 'admins')})`);
    this.releaseEmail = timed(wording, change('email_login_key = NULL'));
    this.insert = timed(
      wording,
      `created AS (
        INSERT INTO ${users} (id, username, username_key, email, email_verified, email_login_key, name, roles, profile, mfa_enabled,
          password_hash, session_epoch, authz_version, disabled_at, created_at, updated_at, search_text)
        SELECT $2, $3, $4, $5, $6, $7, $8, $9, $10, false, $11, 0, 0, $13::bigint, coalesce($14::bigint, terms.now), terms.now, $12 FROM terms RETURNING ${columns})`,
      'SELECT created.*, terms.now, terms.life FROM created, terms',
    );
    this.update = timed(wording, change('name = $3, profile = $4, search_text = $5'));
    this.rehash = timed(wording, change('password_hash = $4', 'password_hash = $3'));
    this.setPassword = revoking(wording, change('password_hash = $3, session_epoch = session_epoch + 1'), newEpoch);
    this.setRoles = revoking(
      wording,
      change('roles = $3, authz_version = authz_version + 1', `($4::boolean OR ${leavesAnAdmin})`),
      newAuthz,
    );
    this.disable = revoking(wording, change('disabled_at = terms.now, session_epoch = session_epoch + 1', leavesAnAdmin), newEpoch);
    this.enable = timed(wording, change('disabled_at = NULL'));
    this.raiseAuthzVersion = revoking(wording, change('authz_version = authz_version + 1'), newAuthz);
    this.remove = revoking(wording, `DELETE FROM ${users} WHERE id = $2 AND ${leavesAnAdmin} RETURNING ${columns}`, {
      kind: 'epoch',
      subject: 'changed.id',
      value: String(deletedEpoch),
    });
    this.endSessionsOfDeleted = timed(
      wording,
      `UPDATE ${sessions} SET device = '', ended_at = coalesce(ended_at, terms.now), end_reason = coalesce(end_reason, 'user_deleted')
      FROM terms WHERE user_id = $2`,
    );
    this.removeBelongings = removalOfBelongings(wording);
    this.revokeApiKeys = revoking(
      wording,
      `UPDATE ${apiKeys} SET revoked_at = terms.now FROM terms WHERE user_id = $2 AND revoked_at IS NULL RETURNING id`,
      { kind: 'session', subject: 'changed.id', value: '0' },
    );
    const after = (selected: string): string =>
      `SELECT ${selected} FROM ${users} WHERE (created_at, id) < ($1::bigint, $2) ORDER BY created_at DESC, id DESC`;
    this.list = prepared(`${after(columns)} LIMIT $3::bigint`);
    this.search = prepared(
      `SELECT ${columns} FROM (${after(`${columns}, search_text`)} LIMIT ${usersOfSlice}) AS slice
      WHERE strpos(search_text, $3) > 0 AND (created_at, id) >= ($5::bigint, $6) ORDER BY created_at DESC, id DESC LIMIT $4::bigint`,
    );
    this.endOfSlice = prepared(`${after('created_at, id')} LIMIT 1 OFFSET ${usersOfSlice - 1}`);
  }
}

export function userStore(database: Database, wording: Wording): Omit<UserStore, 'createAll' | 'readAll'> {
  const users = new Users(database, new UserStatements(wording), outboxWriter(wording));
  return {
    create: (user, outgoing) => users.create(user, outgoing),
    find: async (key) => (await users.find(key))?.user ?? null,
    findCredential: (key) => users.find(key),
    update: (id, changes) => users.update(id, changes),
    rehashPassword: (id, from, to) => users.rehash(id, from, to),
    setPassword: (id, passwordHash, outgoing) => users.setPassword(id, passwordHash, outgoing),
    setRoles: (id, roles) => users.setRoles(id, roles),
    setDisabled: (id, disabled) => users.setDisabled(id, disabled),
    raiseAuthzVersion: (id) => users.raiseAuthzVersion(id),
    delete: (id) => users.remove(id),
    list: (page) => listInSlices(page, (slice) => users.listSlice(slice)),
  };
}

class Users {
  readonly #database: Database;
  readonly #statements: UserStatements;
  readonly #write: OutboxWriter;

  constructor(database: Database, statements: UserStatements, write: OutboxWriter) {
    this.#database = database;
    this.#statements = statements;
    this.#write = write;
  }

  /** Who takes a name at the same time is refused by the unique index, and looks again: then the name is seen to be taken. */
  create(user: NewUserRecord, outgoing?: Outgoing): ReturnType<UserStore['create']> {
    return this.#database.transaction(async (run) => {
      const created = await createUser(run, this.#statements, user);
      if (created.outcome === 'created') await this.#write(run, outgoing);
      return created;
    });
  }

  async find(key: UserKey): Promise<PasswordCredential | null> {
    const [row] = await this.#findRows(key);
    return row === undefined ? null : { user: userFromRow(row), passwordHash: row.password_hash };
  }

  #findRows(key: UserKey): Promise<CredentialRow[]> {
    const { findById, findByUsername, findByEmail } = this.#statements;
    if ('id' in key) return this.#database.read(findById, key.id);
    if ('usernameKey' in key) return this.#database.read(findByUsername, key.usernameKey);
    return this.#database.read(findByEmail, key.emailKey);
  }

  update(id: string, changes: UserChanges): Promise<UserRecord | null> {
    const { lock, update } = this.#statements;
    return this.#database.transaction(async (run) => {
      const [user] = await run<UserRow>(lock, [id]);
      if (user === undefined) return null;
      const name = changes.name === undefined ? user.name : changes.name;
      return userIn(await run(update, [id, name, jsonOf(changes.profile ?? user.profile), searchTextOf({ ...user, name })]));
    });
  }

  async rehash(id: string, from: string, to: string): Promise<boolean> {
    return (await this.#database.write(this.#statements.rehash, id, from, to)).length === 1;
  }

  setPassword(id: string, passwordHash: string, outgoing?: Outgoing): Promise<UserRecord | null> {
    return this.#database.transaction(async (run) => {
      const user = await setPassword(run, this.#statements, { id, passwordHash });
      if (user !== null) await this.#write(run, outgoing);
      return user;
    });
  }

  setRoles(id: string, roles: readonly string[]): Promise<UserWriteOutcome> {
    const keepsAdmin = roles.includes(adminRole);
    return this.#leavingAnAdmin(async (run) => {
      const user = userIn(await run<UserRow>(this.#statements.setRoles, [id, JSON.stringify(roles), keepsAdmin]));
      return user === null ? this.#unwritten(run, id) : { outcome: 'written', user };
    });
  }

  setDisabled(id: string, disabled: boolean): Promise<UserWriteOutcome> {
    const { lock, disable, enable } = this.#statements;
    return this.#leavingAnAdmin(async (run) => {
      const before = userIn(await run<UserRow>(lock, [id]));
      if (before === null) return { outcome: 'not_found' };
      if ((before.disabledAt !== null) === disabled) return { outcome: 'written', user: before };
      const user = userIn(await run<UserRow>(disabled ? disable : enable, [id]));
      return user === null ? { outcome: 'last_admin' } : { outcome: 'written', user };
    });
  }

  async raiseAuthzVersion(id: string): Promise<boolean> {
    return (await this.#database.write(this.#statements.raiseAuthzVersion, id)).length === 1;
  }

  remove(id: string): Promise<UserWriteOutcome> {
    return this.#leavingAnAdmin(async (run) => {
      const user = userIn(await run<UserRow>(this.#statements.remove, [id]));
      if (user === null) return this.#unwritten(run, id);
      await run(this.#statements.endSessionsOfDeleted, [id]);
      await run(this.#statements.removeBelongings, [id]);
      return { outcome: 'written', user };
    });
  }

  /** One at a time in all processes, so that two admins cannot demote each other. */
  #leavingAnAdmin(work: (run: Run) => Promise<UserWriteOutcome>): Promise<UserWriteOutcome> {
    return this.#database.transaction(async (run) => {
      await run(this.#statements.lockAdmins);
      return work(run);
    });
  }

  /** Why a write that the last-admin rule guards changed nothing. */
  async #unwritten(run: Run, id: string): Promise<UserWriteOutcome> {
    return { outcome: (await run(this.#statements.findById, [id])).length === 0 ? 'not_found' : 'last_admin' };
  }

  listSlice({ query, limit, after }: Parameters<UserSlices['listSlice']>[0]): ReturnType<UserSlices['listSlice']> {
    const { list, search, endOfSlice } = this.#statements;
    const { createdAt, id } = after ?? beforeAll;
    return this.#database.reading(async (run) => {
      if (query === null) return { users: (await run<UserRow>(list, [createdAt, id, limit])).map(userFromRow), reached: null };
      const [end] = await run<Pick<UserRow, 'created_at' | 'id'>>(endOfSlice, [createdAt, id]);
      // No further than to the end as it was found, though somebody was deleted meanwhile: what is beyond comes with the next slice.
      const { created_at: endCreatedAt, id: endId } = end ?? afterAll;
      const found = await run<UserRow>(search, [createdAt, id, foldCase(query), limit, endCreatedAt, endId]);
      return { users: found.map(userFromRow), reached: end === undefined ? null : { createdAt: end.created_at, id: end.id } };
    });
  }
}

/** Inside the transaction of its caller. */
export async function createUser(
  run: Run,
  { findByUsername, lockByEmail, releaseEmail, insert }: UserStatements,
  user: NewUserRecord,
): Promise<Awaited<ReturnType<UserStore['create']>>> {
  if (user.usernameKey !== null && (await run(findByUsername, [user.usernameKey])).length > 0) return { outcome: 'username_taken' };
  const [holder] = user.emailKey === null ? [] : await run<UserRow>(lockByEmail, [user.emailKey]);
  const givesItUp = holder?.email_verified === false && user.emailVerified;
  if (givesItUp) await run(releaseEmail, [holder.id]);
  const emailTaken = holder !== undefined && !givesItUp;
  if (emailTaken && user.onEmailTaken === 'refuse') return { outcome: 'email_taken' };
  const [created] = await run<UserRow>(insert, [
    user.id,
    user.username,
    user.usernameKey,
    user.email,
    user.emailVerified,
    emailTaken ? null : user.emailKey,
    user.name,
    JSON.stringify(user.roles),
    jsonOf(user.profile),
    user.passwordHash,
    searchTextOf(user),
    user.disabledAt ?? null,
    user.createdAt ?? null,
  ]);
  return { outcome: 'created', user: userFromRow(created as UserRow) };
}

/** Inside the transaction of its caller; the sessions end with it, and the API keys are revoked. */
export async function setPassword(
  run: Run,
  statements: UserStatements,
  { id, passwordHash }: { readonly id: string; readonly passwordHash: string },
): Promise<UserRecord | null> {
  const user = userIn(await run<UserRow>(statements.setPassword, [id, passwordHash]));
  if (user !== null) await run(statements.revokeApiKeys, [id]);
  return user;
}

export function userIn([row]: readonly UserRow[]): UserRecord | null {
  return row === undefined ? null : userFromRow(row);
}

/** @throws {TypeError} for what JSON would leave out in silence, so that no store keeps less than it was given. */
function jsonOf(profile: object): string {
  return JSON.stringify(profile, (_, value: unknown) => {
    if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError('A profile must be JSON.');
    return value;
  });
}
