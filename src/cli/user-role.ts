/** `countersign user role` */
import { setRoles } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { jsonOption, operand, report, textOptions, UsageError, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user role USER [--add ROLE]… [--remove ROLE]… [--json]',
  about: `Gives roles to a user and takes them away. USER is an id, a user name or an e-mail address.
It holds on the user's next request, also in servers that run. The last enabled administrator stays one.`,
  options: { add: { type: 'string', multiple: true }, remove: { type: 'string', multiple: true }, ...jsonOption },
  operands: { least: 1, most: 1 },
  async run(invocation) {
    const [added, removed] = [textOptions(invocation, 'add'), textOptions(invocation, 'remove')];
    if (added.length + removed.length === 0) throw new UsageError('Give --add or --remove, and a role.');
    await withCore(async (core) => {
      const { id, roles } = await namedUser(core, operand(invocation));
      const user = await setRoles(core, id, { roles: [...roles, ...added].filter((role) => !removed.includes(role)) });
      report(invocation, { user: adminUserDocument(user) }, `${nameOf(user)} has the roles: ${user.roles.join(', ') || 'none'}.`);
    });
  },
};
