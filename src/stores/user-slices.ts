/** How users are searched: a slice of them at a time, so that a search that finds few among a million keeps nobody else waiting. */
import type { UserCursor, UserRecord, UserStore } from '../model/store.js';

/** Looked through in one act: a few milliseconds' work. */
export const usersOfSlice = 2000;

export interface UserSlices {
  /** Users after a place; of a search only those that match among the next `usersOfSlice`. At most `limit`. */
  listSlice(slice: Parameters<UserStore['list']>[0]): Promise<{
    readonly users: readonly UserRecord[];
    /** Where to look on; null: the rest was looked through, or there are `limit` of them. */
    readonly reached: UserCursor | null;
  }>;
}

export async function listInSlices(
  { query, limit, after }: Parameters<UserStore['list']>[0],
  listSlice: UserSlices['listSlice'],
): ReturnType<UserStore['list']> {
  const found: UserRecord[] = [];
  let from = after;
  do {
    // One more than asked for, which tells whether there are more.
    const { users, reached } = await listSlice({ query, limit: limit + 1 - found.length, after: from });
    found.push(...users);
    from = reached;
  } while (from !== null && found.length <= limit);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? { createdAt: last.createdAt, id: last.id } : null };
}
