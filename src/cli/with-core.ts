/** Opens what commands work on, by the same settings as the server, and closes it again. */
import { createCore, type Core } from '../core.js';
import { userKey } from '../flows/manage-users.js';
import type { Logger } from '../model/app-types.js';
import type { UserRecord } from '../model/store.js';
import { authOptions } from '../settings/auth-options.js';
import { currentSettings, openBySettings } from '../settings/read-settings.js';
import { RefusedError } from './command.js';

/** Only what is wrong: what a command did it says itself. */
export const commandLogger: Logger = {
  info: () => undefined,
  warn: (_facts, message) => void process.stderr.write(`warning: ${message}\n`),
  error: (_facts, message) => void process.stderr.write(`error: ${message}\n`),
};

/** @throws {ConfigError} */
export async function withCore<Result>(work: (core: Core) => Promise<Result>): Promise<Result> {
  const settings = currentSettings();
  const core = await openBySettings(() => createCore({ ...authOptions(settings), logger: commandLogger }, { sendsMail: false }));
  try {
    return await work(core);
  } finally {
    await core.close();
  }
}

/** By id, user name or e-mail address. @throws {RefusedError} */
export async function namedUser({ store }: Core, name: string): Promise<UserRecord> {
  const key = userKey(name);
  const user = key && (await store.users.find(key));
  if (!user) throw new RefusedError(`There is no user "${name}".`);
  return user;
}

export function nameOf({ username, email, id }: UserRecord): string {
  return username ?? email ?? id;
}
