/** Logs out: ends the session, whatever state its tokens are in. */
import type { FlowContext } from './context.js';

/** True when the session was alive until now. */
export async function logout({ store, emit }: FlowContext, sessionId: string): Promise<boolean> {
  const ended = await store.sessions.end(sessionId, 'logout');
  if (ended) emit('session.ended', { sessionId, reason: 'logout' });
  return ended;
}
