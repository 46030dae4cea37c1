/** `countersign user reset-mfa` */
import { removeSecondFactor } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { jsonOption, operand, report, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user reset-mfa USER [--json]',
  about: `Removes the authenticator app and the recovery codes of a user who has lost them, and ends all his sessions. He is told by mail. USER is an
id, a user name or an e-mail address. Make sure that it is he who asks: afterwards the password alone lets him in.`,
  options: { ...jsonOption },
  operands: { least: 1, most: 1 },
  async run(invocation) {
    await withCore(async (core) => {
      const { id } = await namedUser(core, operand(invocation));
      const user = await removeSecondFactor(core, id);
      report(invocation, { user: adminUserDocument(user) }, `${nameOf(user)} has no second factor any more; all sessions have ended.`);
    });
  },
};
