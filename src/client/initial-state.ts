/** The state that a server rendered a page with, as the page has it. */
import type { ClientState, SerializedState } from './client-types.js';

export function readInitialState(state: SerializedState | undefined): ClientState {
  if (state === undefined) return { status: 'loading' };
  if (state.status !== 'authenticated') return state;
  const { user, expiresAt } = state;
  return {
    status: 'authenticated',
    user: user && { ...user, createdAt: new Date(user.createdAt).toISOString() },
    expiresAt: new Date(expiresAt),
    userKey: 0,
  };
}
