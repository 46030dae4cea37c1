/** `countersign api-key create` */
import { createApiKey, defaultLifetimeSeconds } from '../flows/manage-api-keys.js';
import { parseDuration } from '../policy/durations.js';
import { jsonOption, textOption, textOptions, UsageError, type Command, type Invocation } from './command.js';
import { reportSecret } from './show-api-key.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'api-key create --user USER --name TEXT --scope SCOPE… [--expires TIME] [--json]',
  about: `Creates an API key with which a program acts for a user (an id, a user name or an e-mail address). A user of its own for each program
is best: \`countersign user create --no-password\`. Prints the secret, which is kept nowhere else.

  --name TEXT       what it is for
  --scope SCOPE     a permission that the user has by his roles (COUNTERSIGN_ROLES names them), or revocations:read, for services that
                    verify tokens on their own, which a user without a password may have, and an administrator; may be given
                    several times
  --expires TIME    when it stops, such as 90d, or never; 90d without it`,
  options: {
    user: { type: 'string' },
    name: { type: 'string' },
    scope: { type: 'string', multiple: true },
    expires: { type: 'string' },
    ...jsonOption,
  },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const [user, name] = [textOption(invocation, 'user'), textOption(invocation, 'name')];
    const scopes = textOptions(invocation, 'scope');
    if (user === undefined || name === undefined || scopes.length === 0) throw new UsageError('Give --user, --name and --scope.');
    const lifetimeSeconds = readLifetime(invocation);
    await withCore(async (core) => {
      const owner = await namedUser(core, user);
      const issued = await createApiKey(core, owner.id, { name, scopes, lifetimeSeconds });
      reportSecret(invocation, issued, `Created ${issued.key.id} for ${nameOf(owner)}.`);
    });
  },
};

function readLifetime(invocation: Invocation): number | null {
  const text = textOption(invocation, 'expires');
  if (text === undefined) return defaultLifetimeSeconds;
  if (text === 'never') return null;
  const seconds = parseDuration(text);
  if (seconds === null) throw new UsageError('--expires must be a time such as 90d, or never.');
  return seconds;
}
