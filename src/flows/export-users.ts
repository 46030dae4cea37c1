/** Gives all users away, some at a time, in the form in which `importUsers` takes them. */
import type { OpenStore } from '../model/store.js';
import { exportedUser } from './imported-user.js';

const pageSize = 200;

/** Lines without their ends, by id. Who is created or deleted meanwhile may be in it or not. */
export async function* exportUsers({
  users,
}: Pick<OpenStore, 'users'>): AsyncGenerator<{ readonly line: string; readonly hasSecondFactor: boolean }> {
  let after = '';
  for (;;) {
    const page = await users.readAll({ after, limit: pageSize });
    for (const stored of page) yield { line: exportedUser(stored), hasSecondFactor: stored.user.mfaEnabled };
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.user.id;
  }
}
