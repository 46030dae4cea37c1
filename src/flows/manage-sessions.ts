/** A user's sessions, one for each device: list them, end one, end the others. */
import { AuthError } from '../errors.js';
import type { Principal } from '../model/app-types.js';
import type { SessionRecord } from '../model/store.js';
import type { FlowContext } from './context.js';

export function listSessions({ store }: FlowContext, principal: Principal): Promise<readonly SessionRecord[]> {
  return store.sessions.list(principal.userId);
}

/** @throws {AuthError} `not_found`, the same for a session of someone else and for none at all. */
export async function endOwnSession({ store, emit }: FlowContext, { userId }: Principal, sessionId: string): Promise<void> {
  if (!(await store.sessions.end(sessionId, 'ended_by_user', { userId }))) throw new AuthError('not_found');
  emit('session.ended', { userId, sessionId, reason: 'ended by the user' });
}

/** Whosever it is; ending what has ended is no error. False: there is none that had not ended. */
export async function endSession({ store, emit }: FlowContext, sessionId: string): Promise<boolean> {
  const userId = await store.sessions.end(sessionId, 'ended_by_admin');
  if (userId !== null) emit('session.ended', { userId, sessionId, reason: 'ended by an administrator' });
  return userId !== null;
}

export async function endOtherSessions({ store, emit }: FlowContext, { userId, sessionId }: Principal): Promise<number> {
  const ended = await store.sessions.endOthers(userId, sessionId, 'ended_by_user');
  emit('session.all_ended', { userId, sessionId, reason: 'all but this one, by the user' });
  return ended;
}
