/** `countersign user password` */
import { setPassword } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { jsonOption, operand, report, type Command } from './command.js';
import { passwordOption, readNewPassword } from './read-password.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user password USER [--password-stdin] [--json]',
  about: `Sets a new password, ends all sessions of the user and revokes his API keys. USER is an id, a user name or an e-mail address.
Asks for the password twice, without showing it; with --password-stdin reads it from standard input.`,
  options: { ...passwordOption, ...jsonOption },
  operands: { least: 1, most: 1 },
  async run(invocation) {
    const password = await readNewPassword(invocation);
    await withCore(async (core) => {
      const { id } = await namedUser(core, operand(invocation));
      const user = await setPassword(core, id, { password });
      report(
        invocation,
        { user: adminUserDocument(user) },
        `${nameOf(user)} has a new password; all sessions have ended, all API keys are revoked.`,
      );
    });
  },
};
