/** `countersign user create` */
import { createUser } from '../flows/manage-users.js';
import { adminUserDocument } from '../http/documents.js';
import { withoutUndefined } from '../settings/without-undefined.js';
import { flag, jsonOption, report, textOption, textOptions, UsageError, type Command } from './command.js';
import { passwordOption, readNewPassword } from './read-password.js';
import { nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'user create [--username NAME] [--email ADDRESS] [--name TEXT] [--role ROLE]… [--password-stdin | --no-password] [--json]',
  about: `Creates a user, also where registration is closed. A user name or an e-mail address is needed; the address counts as verified.
Asks for the password twice, without showing it; with --password-stdin reads it from standard input.

  --role ROLE      may be given several times; without it the user gets the default role
  --no-password    a service account: nobody can log in as it, programs act for it with API keys`,
  options: {
    username: { type: 'string' },
    email: { type: 'string' },
    name: { type: 'string' },
    role: { type: 'string', multiple: true },
    'no-password': { type: 'boolean' },
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
    if (flag(invocation, 'no-password') && flag(invocation, 'password-stdin'))
      throw new UsageError('Give --password-stdin or --no-password, not both.');
    const password = flag(invocation, 'no-password') ? undefined : await readNewPassword(invocation);
    const roles = textOptions(invocation, 'role');
    await withCore(async (core) => {
      const user = await createUser(core, { ...identity, ...withoutUndefined({ password }), ...(roles.length > 0 ? { roles } : {}) });
      report(
        invocation,
        { user: adminUserDocument(user) },
        `Created ${nameOf(user)} (${user.id}) with the roles: ${user.roles.join(', ')}.`,
      );
    });
  },
};
