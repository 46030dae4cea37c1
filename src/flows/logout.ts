/** Logs out: ends the session, whatever state its tokens are in. */
import type { FlowContext } from './context.js';

/** Ending what has ended is no error. */
export async function logout({ store, emit }: FlowContext, sessionId: string): Promise<void> {
  const userId = await store.sessions.end(sessionId, 'logout');
  if (userId !== null) emit('session.ended', { userId, sessionId, reason: 'logout' });
}
