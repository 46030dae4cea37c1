/** `countersign user disable` */
import { setDisabled } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { jsonOption, operand, report, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user disable USER [--json]',
  about: `Disables a user: all sessions end and there is no way to log in. USER is an id, a user name or an e-mail address.
Servers that run refuse the user's tokens within a second. The last enabled administrator cannot be disabled.`,
  options: jsonOption,
  operands: { least: 1, most: 1 },
  async run(invocation) {
    await withCore(async (core) => {
      const { id } = await namedUser(core, operand(invocation));
      const user = await setDisabled(core, id, { disabled: true });
      report(invocation, { user: adminUserDocument(user) }, `${nameOf(user)} is disabled; all sessions have ended.`);
    });
  },
};
