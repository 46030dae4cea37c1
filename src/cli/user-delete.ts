/** `countersign user delete` */
import { deleteUser } from '../flows/manage-users.js';
import { flag, jsonOption, operand, RefusedError, report, type Command } from './command.js';
import { confirm } from './read-password.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user delete USER [--yes] [--json]',
  about: `Deletes a user and ends all his sessions. There is no way back. USER is an id, a user name or an e-mail address.
The last enabled administrator cannot be deleted.

  --yes    does not ask`,
  options: { yes: { type: 'boolean' }, ...jsonOption },
  operands: { least: 1, most: 1 },
  async run(invocation) {
    await withCore(async (core) => {
      const user = await namedUser(core, operand(invocation));
      const question = `This deletes ${nameOf(user)} (${user.id}) for good. Go on?`;
      if (!flag(invocation, 'yes') && !(await confirm(question))) throw new RefusedError('Nothing was changed.');
      await deleteUser(core, user.id);
      report(invocation, { deleted: user.id }, `${nameOf(user)} is deleted; all sessions have ended.`);
    });
  },
};
