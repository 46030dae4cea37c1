/** `countersign user create` */
import { createUser } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { withoutUndefined } from '../settings/without-undefined.js';
import { jsonOption, report, textOption, textOptions, UsageError, type Command } from './command.js';
import { passwordOption, readNewPassword } from './read-password.js';
import { nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user create [--username NAME] [--email ADDRESS] [--name TEXT] [--role ROLE]… [--password-stdin] [--json]',
  about: `Creates a user, also where registration is closed. A user name or an e-mail address is needed; the address counts as verified.
Asks for the password twice, without showing it; with --password-stdin reads it from standard input.

  --role ROLE    may be given several times; without it the user gets the default role`,
  options: {
    username: { type: 'string' },
    email: { type: 'string' },
    name: { type: 'string' },
    role: { type: 'string', multiple: true },
    ...passwordOption,
    ...jsonOption,
  },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const identity = withoutUndefined({
      username: textOption(invocation, 'username'),
      email: textOption(invocation, 'email'),
      name: textOption(invocation, 'name'),
    });
    if (identity.username === undefined && identity.email === undefined) throw new UsageError('Give --username or --email.');
    const password = await readNewPassword(invocation);
    const roles = textOptions(invocation, 'role');
    await withCore(async (core) => {
      const user = await createUser(core, { ...identity, password, ...(roles.length > 0 ? { roles } : {}) });
      report(
        invocation,
        { user: adminUserDocument(user) },
        `Created ${nameOf(user)} (${user.id}) with the roles: ${user.roles.join(', ')}.`,
      );
    });
  },
};
