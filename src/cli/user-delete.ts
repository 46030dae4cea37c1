/** `countersign user delete` */
import { deleteUser } from '../flows/manage-users.js';
import { jsonOption, operand, report, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user delete USER [--json]',
  about: `Deletes a user and ends all his sessions. There is no way back. USER is an id, a user name or an e-mail address.
The last enabled administrator cannot be deleted.`,
  options: jsonOption,
  operands: { least: 1, most: 1 },
  async run(invocation) {
    await withCore(async (core) => {
      const user = await namedUser(core, operand(invocation));
      await deleteUser(core, user.id);
      report(invocation, { deleted: user.id }, `${nameOf(user)} is deleted; all sessions have ended.`);
    });
  },
};
