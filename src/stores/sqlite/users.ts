/** Users: the acts of `UserStore`, as they run on the database thread. */
import { adminRole } from '../../model/store.js';
import type {
  NewUserRecord,
  PasswordCredential,
  UserChanges,
  UserCursor,
  UserKey,
  UserRecord,
  UserWriteOutcome,
} from '../../model/store.js';
import { foldCase, searchTextOf } from '../search-text.js';
import { usersOfSlice } from '../user-slices.js';
import type { ActArguments, ActResult, ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteParameters, SqliteStatement } from './driver.js';
import { Factors } from './factors.js';
import type { Outbox } from './outbox.js';
import { columns, userFromRow, type CredentialRow, type UserRow } from './user-rows.js';

interface StoredRow extends CredentialRow {
  readonly email_login_key: string | null;
}

/** Where the first page starts: above every user, so that one statement seeks into the index for each page. */
const beforeAll: UserCursor = { createdAt: Number.MAX_SAFE_INTEGER, id: '' };

/** A deleted user's tokens have a smaller epoch, whatever it was. */
const deletedEpoch = Number.MAX_SAFE_INTEGER;

/** Its first part is that of the index: whose roles do not hold the word is not looked at. */
const isEnabledAdmin = (user: string): string =>
  `(${user}.disabled_at IS NULL AND instr(${user}.roles, '"${adminRole}"') > 0 AND EXISTS (SELECT 1 FROM json_each(${user}.roles) AS role WHERE role.value = '${adminRole}'))`;

/** Holds unless the user is the last enabled one with the role `admin`. In the same statement as the write, so that two admins cannot demote each other. */
const leavesAnAdmin = `(NOT ${isEnabledAdmin('users')} OR EXISTS (SELECT 1 FROM users AS other WHERE other.id <> users.id AND ${isEnabledAdmin('other')}))`;

class UserStatements {
  readonly insert: SqliteStatement;
  readonly findById: SqliteStatement;
  readonly readAll: SqliteStatement;
  readonly findByUsername: SqliteStatement;
  readonly findByEmail: SqliteStatement;
  readonly releaseEmail: SqliteStatement;
  readonly update: SqliteStatement;
  readonly rehash: SqliteStatement;
  readonly setPassword: SqliteStatement;
  readonly setRoles: SqliteStatement;
  readonly disable: SqliteStatement;
  readonly enable: SqliteStatement;
  readonly raiseAuthzVersion: SqliteStatement;
  readonly remove: SqliteStatement;
  readonly endSessionsOfDeleted: SqliteStatement;
  readonly removeApiKeys: SqliteStatement;
  readonly removeProofs: SqliteStatement;
  readonly eraseAddresses: SqliteStatement;
  readonly revokeApiKeys: SqliteStatement;
  readonly list: SqliteStatement;
  readonly search: SqliteStatement;
  readonly endOfSlice: SqliteStatement;

  constructor(database: SqliteDatabase) {
    const find = (column: string): SqliteStatement =>
      database.prepare(`SELECT ${columns}, password_hash FROM users WHERE ${column} = :key`);
    const change = (assignments: string, condition = 'true'): SqliteStatement =>
      database.prepare(`UPDATE users SET ${assignments}, updated_at = :now WHERE id = :id AND ${condition} RETURNING ${columns}`);
    this.insert = database.prepare(`
      INSERT INTO users (id, username, username_key, email, email_verified, email_login_key, name, roles, profile, mfa_enabled, password_hash,
        session_epoch, authz_version, disabled_at, created_at, updated_at, search_text)
      VALUES (:id, :username, :usernameKey, :email, :emailVerified, :emailLoginKey, :name, :roles, :profile, 0, :passwordHash, 0, 0, :disabledAt,
        :createdAt, :now, :searchText)`);
    this.findById = find('id');
    this.readAll = database.prepare(
      `SELECT ${columns}, password_hash, email_login_key FROM users WHERE id > :after ORDER BY id LIMIT :limit`,
    );
    this.findByUsername = find('username_key');
    this.findByEmail = find('email_login_key');
    this.releaseEmail = database.prepare('UPDATE users SET email_login_key = NULL, updated_at = :now WHERE id = :id');
    this.update = change('name = :name, profile = :profile, search_text = :searchText');
    this.rehash = change('password_hash = :to', 'password_hash = :from');
    this.setPassword = change('password_hash = :passwordHash, session_epoch = session_epoch + 1');
    this.setRoles = change('roles = :roles, authz_version = authz_version + 1', `(:keepsAdmin OR ${leavesAnAdmin})`);
    this.disable = change('disabled_at = :now, session_epoch = session_epoch + 1', leavesAnAdmin);
    this.enable = change('disabled_at = NULL');
    this.raiseAuthzVersion = change('authz_version = authz_version + 1');
    this.remove = database.prepare(`DELETE FROM users WHERE id = :id AND ${leavesAnAdmin} RETURNING ${columns}`);
    this.endSessionsOfDeleted = database.prepare(`
      UPDATE sessions SET device = '', ended_at = coalesce(ended_at, :now), end_reason = coalesce(end_reason, 'user_deleted') WHERE user_id = :id`);
    this.removeApiKeys = database.prepare('DELETE FROM api_keys WHERE user_id = :id');
    this.removeProofs = database.prepare('DELETE FROM proofs WHERE user_id = :id');
    this.eraseAddresses = database.prepare(`
      UPDATE events SET address = NULL, address_salt = NULL WHERE coalesce(actor_id, user_id) = :id AND address IS NOT NULL`);
    this.revokeApiKeys = database.prepare('UPDATE api_keys SET revoked_at = :now WHERE user_id = :id AND revoked_at IS NULL RETURNING id');
    const after = (selected: string): string =>
      `SELECT ${selected} FROM users WHERE (created_at, id) < (:createdAt, :id) ORDER BY created_at DESC, id DESC`;
    this.list = database.prepare(`${after(columns)} LIMIT :limit`);
    this.search = database.prepare(`
      SELECT ${columns} FROM (${after(`${columns}, search_text`)} LIMIT ${usersOfSlice})
      WHERE instr(search_text, :query) > 0 ORDER BY created_at DESC, id DESC LIMIT :limit`);
    this.endOfSlice = database.prepare(`${after('created_at, id')} LIMIT 1 OFFSET ${usersOfSlice - 1}`);
  }
}

export function userActs(database: SqliteDatabase, outbox: Outbox): ActsOf<'users'> {
  const users = new Users(database);
  return {
    'users.create': (scope, user, outgoing) => {
      const created = users.create(scope, user);
      if (created.outcome === 'created') outbox.write(scope, outgoing);
      return created;
    },
    'users.createAll': (scope, records) => users.createAll(scope, records),
    'users.readAll': (_, page) => users.readAll(page),
    'users.find': (_, key) => users.find(key)?.user ?? null,
    'users.findCredential': (_, key) => users.find(key),
    'users.update': (scope, id, changes) => users.update(scope, id, changes),
    'users.rehashPassword': ({ now }, ...[id, from, to]) => users.rehash({ id, from, to, now }),
    'users.setPassword': (scope, ...[id, passwordHash, outgoing]) =>
      outbox.with(scope, outgoing, users.setPassword(scope, id, passwordHash)),
    'users.setRoles': (scope, id, roles) => users.setRoles(scope, id, roles),
    'users.setDisabled': (scope, id, disabled) => users.setDisabled(scope, id, disabled),
    'users.raiseAuthzVersion': (scope, id) => users.raiseAuthzVersion(scope, id),
    'users.delete': (scope, id) => users.remove(scope, id),
    'users.listSlice': (_, slice) => users.listSlice(slice),
  };
}

export class Users {
  readonly #statements: UserStatements;
  readonly #factors: Factors;

  constructor(database: SqliteDatabase) {
    this.#statements = new UserStatements(database);
    this.#factors = new Factors(database);
  }

  create({ now }: ActScope, user: NewUserRecord): ActResult<'users.create'> {
    if (user.usernameKey !== null && this.find({ usernameKey: user.usernameKey }) !== null) return { outcome: 'username_taken' };
    const holder = user.emailKey === null ? null : this.find({ emailKey: user.emailKey })?.user;
    const givesItUp = holder?.emailVerified === false && user.emailVerified;
    if (givesItUp) this.#statements.releaseEmail.run({ id: holder.id, now });
    const emailTaken = Boolean(holder) && !givesItUp;
    if (emailTaken && user.onEmailTaken === 'refuse') return { outcome: 'email_taken' };
    this.#statements.insert.run({
      id: user.id,
      username: user.username,
      usernameKey: user.usernameKey,
      email: user.email,
      emailVerified: user.emailVerified ? 1 : 0,
      emailLoginKey: emailTaken ? null : user.emailKey,
      name: user.name,
      roles: JSON.stringify(user.roles),
      profile: JSON.stringify(user.profile),
      passwordHash: user.passwordHash,
      createdAt: user.createdAt ?? now,
      disabledAt: user.disabledAt ?? null,
      searchText: searchTextOf(user),
      now,
    });
    return { outcome: 'created', user: (this.find({ id: user.id }) as PasswordCredential).user };
  }

  createAll(scope: ActScope, users: readonly NewUserRecord[]): ActResult<'users.createAll'> {
    return users.map((user) => (this.find({ id: user.id }) === null ? this.create(scope, user).outcome : 'id_taken'));
  }

  readAll({ after, limit }: ActArguments<'users.readAll'>[0]): ActResult<'users.readAll'> {
    return (this.#statements.readAll.all({ after, limit }) as StoredRow[]).map((row) => ({
      user: userFromRow(row),
      passwordHash: row.password_hash,
      signsInByEmail: row.email_login_key !== null,
    }));
  }

  find(key: UserKey): PasswordCredential | null {
    const row = this.#findRow(key);
    return row === undefined ? null : { user: userFromRow(row), passwordHash: row.password_hash };
  }

  #findRow(key: UserKey): CredentialRow | undefined {
    const { findById, findByUsername, findByEmail } = this.#statements;
    if ('id' in key) return findById.get({ key: key.id }) as CredentialRow | undefined;
    if ('usernameKey' in key) return findByUsername.get({ key: key.usernameKey }) as CredentialRow | undefined;
    return findByEmail.get({ key: key.emailKey }) as CredentialRow | undefined;
  }

  /** He cannot sign in by his address any more. */
  releaseEmail({ now }: ActScope, id: string): void {
    this.#statements.releaseEmail.run({ id, now });
  }

  update({ now }: ActScope, id: string, changes: UserChanges): UserRecord | null {
    const user = this.find({ id })?.user;
    if (user === undefined) return null;
    const name = changes.name === undefined ? user.name : changes.name;
    const profile = JSON.stringify(changes.profile ?? user.profile);
    return changedUser(this.#statements.update, { id, name, profile, searchText: searchTextOf({ ...user, name }), now });
  }

  rehash(change: { id: string; from: string; to: string; now: number }): boolean {
    return changedUser(this.#statements.rehash, change) !== null;
  }

  setPassword(scope: ActScope, id: string, passwordHash: string): UserRecord | null {
    const user = changedUser(this.#statements.setPassword, { id, passwordHash, now: scope.now });
    if (user === null) return null;
    scope.revoke('epoch', id, user.sessionEpoch);
    endReturned(scope, this.#statements.revokeApiKeys, { id, now: scope.now });
    return user;
  }

  setRoles(scope: ActScope, id: string, roles: readonly string[]): UserWriteOutcome {
    const keepsAdmin = roles.includes(adminRole) ? 1 : 0;
    const user = changedUser(this.#statements.setRoles, { id, roles: JSON.stringify(roles), keepsAdmin, now: scope.now });
    if (user === null) return this.#unwritten(id);
    scope.revoke('authz', id, user.authzVersion);
    return { outcome: 'written', user };
  }

  setDisabled(scope: ActScope, id: string, disabled: boolean): UserWriteOutcome {
    const before = this.find({ id })?.user;
    if (before === undefined) return { outcome: 'not_found' };
    if ((before.disabledAt !== null) === disabled) return { outcome: 'written', user: before };
    const user = changedUser(disabled ? this.#statements.disable : this.#statements.enable, { id, now: scope.now });
    if (user === null) return { outcome: 'last_admin' };
    if (disabled) scope.revoke('epoch', id, user.sessionEpoch);
    return { outcome: 'written', user };
  }

  raiseAuthzVersion(scope: ActScope, id: string): boolean {
    const user = changedUser(this.#statements.raiseAuthzVersion, { id, now: scope.now });
    if (user !== null) scope.revoke('authz', id, user.authzVersion);
    return user !== null;
  }

  remove(scope: ActScope, id: string): UserWriteOutcome {
    const user = changedUser(this.#statements.remove, { id });
    if (user === null) return this.#unwritten(id);
    this.#statements.endSessionsOfDeleted.run({ id, now: scope.now });
    this.#statements.removeApiKeys.run({ id });
    this.#statements.removeProofs.run({ id });
    this.#factors.forget(id);
    this.#statements.eraseAddresses.run({ id });
    scope.revoke('epoch', id, deletedEpoch);
    return { outcome: 'written', user };
  }

  /** Why a write that the last-admin rule guards changed nothing. */
  #unwritten(id: string): UserWriteOutcome {
    return { outcome: this.find({ id }) === null ? 'not_found' : 'last_admin' };
  }

  listSlice({ query, limit, after }: ActArguments<'users.listSlice'>[0]): ActResult<'users.listSlice'> {
    const { list, search, endOfSlice } = this.#statements;
    const from = { ...(after ?? beforeAll) };
    if (query === null) return { users: (list.all({ ...from, limit }) as UserRow[]).map(userFromRow), reached: null };
    const found = search.all({ ...from, query: foldCase(query), limit }) as UserRow[];
    const end = endOfSlice.get(from) as Pick<UserRow, 'created_at' | 'id'> | undefined;
    return { users: found.map(userFromRow), reached: end === undefined ? null : { createdAt: end.created_at, id: end.id } };
  }
}

/** Revokes the sessions or API keys that a statement ends and returns; how many. */
export function endReturned(scope: ActScope, statement: SqliteStatement, parameters: SqliteParameters): number {
  const ended = statement.all(parameters) as { id: string }[];
  for (const { id } of ended) scope.revoke('session', id, 0);
  return ended.length;
}

/** Runs a write that returns the user's row. Reads it to its end: a statement left unfinished would keep the log from ever being checkpointed. */
function changedUser(statement: SqliteStatement, parameters: SqliteParameters): UserRecord | null {
  const [row] = statement.all(parameters) as UserRow[];
  return row === undefined ? null : userFromRow(row);
}
