/** `countersign user list` */
import { listUsers } from '../flows/list-users.js';
import { adminUserDocument } from '../http/documents.js';
import type { AdminUserDocument } from '../protocol/documents.js';
import { jsonOption, minute, printable, report, table, textOption, UsageError, type Command } from './command.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'user list [--search TEXT] [--limit N] [--cursor=CURSOR] [--json]',
  about: `Lists users, newest first.

  --search TEXT      only whose user name, e-mail address or name contains it
  --limit N          so many at once, 1 to 1000; 100 without it
  --cursor=CURSOR    goes on where the list before ended`,
  options: { search: { type: 'string' }, limit: { type: 'string' }, cursor: { type: 'string' }, ...jsonOption },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const text = textOption(invocation, 'limit') ?? '100';
    const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
    if (limit < 1 || limit > 1000) throw new UsageError('--limit must be a number from 1 to 1000.');
    const [q, cursor] = [textOption(invocation, 'search'), textOption(invocation, 'cursor')];
    const page = await withCore((core) => listUsers(core, { limit, q, cursor }));
    const items = page.items.map(adminUserDocument);
    const more = page.nextCursor === null ? '' : `\nMore: --cursor=${page.nextCursor}`;
    report(invocation, { items, nextCursor: page.nextCursor }, (items.length === 0 ? 'No users.' : listed(items)) + more);
  },
};

function listed(items: readonly AdminUserDocument[]): string {
  const rows = items.map(({ id, username, email, roles, disabled, createdAt }) => [
    id,
    username ?? '-',
    printable(email ?? '-'),
    roles.join(',') || '-',
    disabled ? 'disabled' : 'enabled',
    minute(createdAt),
  ]);
  return table(['ID', 'USER NAME', 'E-MAIL', 'ROLES', 'STATE', 'CREATED (UTC)'], rows);
}
