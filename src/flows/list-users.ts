/** Pages through the users, for administrators. */
import type { UserRecord } from '../model/store.js';
import type { FlowContext } from './context.js';
import { readPage, writeCursor, type PageQuery } from './list-page.js';

export interface UserQuery extends PageQuery {
  readonly q?: string | undefined;
}

/** Newest first. @throws {AuthError} `invalid_request` for a cursor that we did not give. */
export async function listUsers(
  { store, secrets }: FlowContext,
  { q, ...page }: UserQuery,
): Promise<{ readonly items: readonly UserRecord[]; readonly nextCursor: string | null }> {
  const { items, next } = await store.users.list({ query: q === undefined || q === '' ? null : q, ...readPage(secrets, 'users', page) });
  return { items, nextCursor: writeCursor(secrets, 'users', next) };
}
