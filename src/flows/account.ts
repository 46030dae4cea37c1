/** One's own account: read, change, delete. */
import { AuthError } from '../errors.js';
import type { Principal } from '../model/app-types.js';
import type { LiveSession, UserChanges, UserRecord } from '../model/store.js';
import type { FlowContext } from './context.js';

export interface AccountChanges {
  readonly name?: string | null | undefined;
  readonly profile?: unknown;
}

/** @throws {AuthError} `session_revoked` when the account is gone. */
export async function readAccount({ store }: FlowContext, principal: Principal): Promise<UserRecord> {
  const user = await store.users.find({ id: principal.userId });
  if (!user) throw new AuthError('session_revoked', { reason: 'the account is gone' });
  return user;
}

/** @throws {AuthError} `invalid_request`, `session_revoked` when the account is gone. */
export async function updateAccount(context: FlowContext, principal: Principal, changes: AccountChanges): Promise<UserRecord> {
  const user = await context.store.users.update(principal.userId, readChanges(context, changes));
  if (!user) throw new AuthError('session_revoked', { reason: 'the account is gone' });
  return user;
}

/** Absent fields stay. */
function readChanges(context: FlowContext, { name, profile }: AccountChanges): UserChanges {
  return { ...(name === undefined ? {} : { name }), ...(profile === undefined ? {} : { profile: context.parseProfile(profile) }) };
}

/** @throws {AuthError} `conflict` for the last administrator. */
export async function deleteAccount({ store, emit }: FlowContext, { user }: LiveSession): Promise<void> {
  const { outcome } = await store.users.delete(user.id);
  if (outcome === 'last_admin') throw lastAdmin();
  if (outcome === 'written') emit('user.deleted', { userId: user.id });
}

export function lastAdmin(): AuthError {
  return new AuthError('conflict', { reason: 'last admin', detail: 'There must be at least one enabled user with the role "admin".' });
}
