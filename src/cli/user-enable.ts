/** `countersign user enable` */
import { setDisabled } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { jsonOption, operand, report, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user enable USER [--json]',
  about: 'Lets a disabled user log in again; sessions that have ended stay ended. USER is an id, a user name or an e-mail address.',
  options: jsonOption,
  operands: { least: 1, most: 1 },
  async run(invocation) {
    await withCore(async (core) => {
      const { id } = await namedUser(core, operand(invocation));
      const user = await setDisabled(core, id, { disabled: false });
      report(invocation, { user: adminUserDocument(user) }, `${nameOf(user)} is enabled.`);
    });
  },
};
