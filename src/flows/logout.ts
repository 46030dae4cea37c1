/** Logs out: ends the session, whatever state its tokens are in. */
import type { FlowContext } from './context.js';

/** Ending what has ended is no error. */
export async function logout({ store, emit }: FlowContext, sessionId: string): Promise<void> {
  const [found, ended] = await Promise.all([store.sessions.find(sessionId), store.sessions.end(sessionId, 'logout')]);
  if (ended && found) emit('session.ended', { userId: found.session.userId, sessionId, reason: 'logout' });
}
