/** What administrators, the command line and the application do to users: create, roles, disable, end sessions, delete. */
import { AuthError } from '../errors.js';
import type { NewUser } from '../model/app-types.js';
import type { UserKey, UserRecord, UserWriteOutcome } from '../model/store.js';
import { parseEmail, parseUsername } from '../policy/identifiers.js';
import type { FlowContext } from './context.js';
import { lastAdmin } from './account.js';
import { createNewUser } from './new-user.js';
import { noticeRows } from './notices.js';
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
  if (/^usr_[\w-]{22}$/.test(name)) return { id: name };
  const email = parseEmail(name);
  if (email) return { emailKey: email.key };
  const username = parseUsername(name);
  return username ? { usernameKey: username.key } : null;
}

/** An address given here is trusted as verified. @throws {AuthError} `invalid_request`, `username_taken`, `conflict`, `overloaded`. */
export async function createUser(context: FlowContext, { roles, ...input }: NewUser): Promise<UserRecord> {
  const user = await createNewUser(context, input, {
    roles: checkRoles(context, roles ?? [context.config.defaultRole]),
    emailVerified: true,
    onEmailTaken: 'refuse',
  });
  context.emit('user.created', { userId: user.id });
  return user;
}

/** What an administrator may change at once. @throws {AuthError} `not_found`, `conflict` for the last administrator. */
export async function updateUser(
  context: FlowContext,
  id: string,
  { name, disabled, ...actor }: Actor & { readonly name?: string | null | undefined; readonly disabled?: boolean | undefined },
): Promise<UserRecord> {
  if (disabled !== undefined) await setDisabled(context, id, { disabled, ...actor });
  if (name === undefined) return getUser(context, id);
  return found(await context.store.users.update(id, { name }));
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
  const before = await getUser(context, id);
  const user = written(await context.store.users.setDisabled(id, disabled));
  const isChanged = (before.disabledAt !== null) !== disabled;
  if (isChanged) context.emit(disabled ? 'user.disabled' : 'user.enabled', { userId: id, ...actor });
  return user;
}

/** Without knowing the old one; all sessions of the user end, and his API keys are revoked. @throws {AuthError} `not_found`, `invalid_request`, `overloaded`. */
export async function setPassword(
  context: FlowContext,
  id: string,
  { password, ...actor }: Actor & { password: string },
): Promise<UserRecord> {
  const of = found(await context.store.users.find({ id }));
  const passwordHash = await hashNewPassword(context, { password, path: 'password', of });
  const outgoing = noticeRows(context, 'password_changed', of);
  const user = found(await context.store.users.setPassword(id, passwordHash, outgoing));
  context.postbox.wake();
  context.emit('password.changed', { userId: id, ...actor, reason: 'set by an administrator, API keys revoked' });
  return user;
}

/**
 * For whoever has lost his app and his recovery codes: app and codes are gone, all sessions end, and he is told.
 * @throws {AuthError} `not_found`, also for a user who has no second factor.
 */
export async function removeSecondFactor(context: FlowContext, id: string, actor: Actor = {}): Promise<UserRecord> {
  const outgoing = noticeRows(context, 'second_factor_changed', found(await context.store.users.find({ id })));
  if (!(await context.store.sessions.removeFactor(id, outgoing)))
    throw new AuthError('not_found', { detail: 'There is no second factor.' });
  context.postbox.wake();
  context.emit('factor.disabled', { userId: id, ...actor, reason: 'removed by an administrator' });
  return getUser(context, id);
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
