/** What administrators, the command line and the application do to users: create, roles, disable, end sessions, delete. */
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError } from '../errors.js';
import type { NewUser } from '../model/app-types.js';
import type { UserKey, UserRecord, UserWriteOutcome } from '../model/store.js';
import { parseEmail, parseUsername } from '../policy/identifiers.js';
import type { FlowContext } from './context.js';
import { lastAdmin } from './account.js';
import { takenError } from './register.js';
import { hashNewPassword } from './verify-password.js';

/** Who acts, when it is not the user himself: for the events. */
export interface Actor {
  readonly actorId?: string;
}

/** @throws {AuthError} `not_found`. */
export async function getUser({ store }: FlowContext, id: string): Promise<UserRecord> {
  return found(await store.users.find({ id }));
}

/** By what a person calls him: id, user name or e-mail address. */
export function userKey(name: string): UserKey | null {
  if (name.startsWith('usr_')) return { id: name };
  const email = parseEmail(name);
  if (email) return { emailKey: email.key };
  const username = parseUsername(name);
  return username ? { usernameKey: username.key } : null;
}

/** An address given here is trusted as verified. @throws {AuthError} `invalid_request`, `username_taken`, `conflict`. */
export async function createUser(context: FlowContext, user: NewUser): Promise<UserRecord> {
  const username = user.username === undefined ? null : parseUsername(user.username);
  const email = user.email === undefined ? null : parseEmail(user.email);
  if (user.username !== undefined && !username) throw invalid('username', 'is no user name');
  if (user.email !== undefined && !email) throw invalid('email', 'is no e-mail address');
  if (!username && !email) throw invalid('username', 'or e-mail address is required');
  const roles = checkRoles(context, user.roles ?? [context.config.defaultRole]);
  const passwordHash = user.password === undefined ? null : await hashNewPassword(context, user.password, 'password');
  const created = await context.store.users.create({
    id: formatId('usr', newIdBytes(context.random, context.clock.now())),
    username: username?.value ?? null,
    usernameKey: username?.key ?? null,
    email: email?.value ?? null,
    emailKey: email?.key ?? null,
    emailVerified: email !== null,
    onEmailTaken: 'refuse',
    name: user.name ?? null,
    roles,
    profile: user.profile ?? {},
    passwordHash,
  });
  if (created.outcome !== 'created') throw takenError(created.outcome);
  context.emit('user.created', { userId: created.user.id });
  return created.user;
}

/** Holds on the next request. @throws {AuthError} `invalid_request`, `not_found`, `conflict` for the last administrator. */
export async function setRoles(
  context: FlowContext,
  id: string,
  { roles, ...actor }: Actor & { roles: readonly string[] },
): Promise<UserRecord> {
  const user = written(await context.store.users.setRoles(id, checkRoles(context, roles)));
  context.emit('user.roles_changed', { userId: id, ...actor, reason: roles.join(' ') });
  return user;
}

/** Disabling ends all sessions. @throws {AuthError} `not_found`, `conflict` for the last administrator. */
export async function setDisabled(
  context: FlowContext,
  id: string,
  { disabled, ...actor }: Actor & { disabled: boolean },
): Promise<UserRecord> {
  const user = written(await context.store.users.setDisabled(id, disabled));
  context.emit(disabled ? 'user.disabled' : 'user.enabled', { userId: id, ...actor });
  return user;
}

/** Without knowing the old one; all sessions of the user end. @throws {AuthError} `not_found`, `invalid_request`, `overloaded`. */
export async function setPassword(
  context: FlowContext,
  id: string,
  { password, ...actor }: Actor & { password: string },
): Promise<UserRecord> {
  const passwordHash = await hashNewPassword(context, password, 'password');
  const user = found(await context.store.users.setPassword(id, passwordHash));
  context.emit('password.changed', { userId: id, ...actor, reason: 'set by an administrator' });
  return user;
}

/** @throws {AuthError} `not_found`, `conflict` for the last administrator. */
export async function deleteUser(context: FlowContext, id: string, actor: Actor = {}): Promise<void> {
  written(await context.store.users.delete(id));
  context.emit('user.deleted', { userId: id, ...actor });
}

/** @throws {AuthError} `not_found`. */
export async function endAllSessions({ store, emit }: FlowContext, userId: string, actor: Actor = {}): Promise<void> {
  if (!(await store.sessions.endAll(userId))) throw new AuthError('not_found');
  emit('session.all_ended', { userId, ...actor });
}

function checkRoles({ config }: FlowContext, roles: readonly string[]): readonly string[] {
  if (roles.some((role) => !config.roles.has(role))) throw invalid('roles', `must be of: ${[...config.roles.keys()].join(', ')}`);
  return [...new Set(roles)];
}

function invalid(path: string, message: string): AuthError {
  return new AuthError('invalid_request', { fields: [{ path, code: 'invalid', message }] });
}

function found(user: UserRecord | null): UserRecord {
  if (!user) throw new AuthError('not_found');
  return user;
}

function written(result: UserWriteOutcome): UserRecord {
  if (result.outcome === 'last_admin') throw lastAdmin();
  return found(result.outcome === 'written' ? result.user : null);
}
