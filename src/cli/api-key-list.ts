/** `countersign api-key list` */
import { listApiKeys } from '../flows/manage-api-keys.js';
import { apiKeyDocument } from '../http/documents.js';
import { jsonOption, report, textOption, type Command } from './command.js';
import { apiKeyTable } from './show-api-key.js';
import { namedUser, withCore } from './with-core.js';

export const command: Command = {
  usage: 'api-key list [--user USER] [--cursor=CURSOR] [--json]',
  about: `Lists API keys, newest first, 100 at once. Revoked and expired ones stay for 30 days.

  --user USER        only those of this user: an id, a user name or an e-mail address
  --cursor=CURSOR    goes on where the list before ended`,
  options: { user: { type: 'string' }, cursor: { type: 'string' }, ...jsonOption },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const [name, cursor] = [textOption(invocation, 'user'), textOption(invocation, 'cursor')];
    await withCore(async (core) => {
      const userId = name === undefined ? null : (await namedUser(core, name)).id;
      const page = await listApiKeys(core, { userId, limit: 100, cursor });
      const items = page.items.map(apiKeyDocument);
      const more = page.nextCursor === null ? '' : `\nMore: --cursor=${page.nextCursor}`;
      const text = items.length === 0 ? 'No API keys.' : apiKeyTable(items, core.clock.now());
      report(invocation, { items, nextCursor: page.nextCursor }, text + more);
    });
  },
};
