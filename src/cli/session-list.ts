/** `countersign session list` */
import { sessionDocument } from '../http/documents.js';
import type { SessionDocument } from '../protocol/documents.js';
import { jsonOption, minute, operand, printable, report, table, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'session list USER [--json]',
  about: 'Lists the sessions of a user that are alive, the most recently used first. USER is an id, a user name or an e-mail address.',
  options: jsonOption,
  operands: { least: 1, most: 1 },
  async run(invocation) {
    await withCore(async (core) => {
      const user = await namedUser(core, operand(invocation));
      const items = (await core.store.sessions.list(user.id)).map((session) => sessionDocument(session, ''));
      report(invocation, { items }, items.length === 0 ? `${nameOf(user)} has no session.` : listed(items));
    });
  },
};

function listed(items: readonly SessionDocument[]): string {
  const rows = items.map(({ id, device, delivery, lastUsedAt, expiresAt }) => [
    id,
    printable(device),
    delivery,
    minute(lastUsedAt),
    minute(expiresAt),
  ]);
  return table(['ID', 'DEVICE', 'DELIVERY', 'LAST USED (UTC)', 'EXPIRES (UTC)'], rows);
}
