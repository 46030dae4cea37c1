/** The options of `createAuth` as the settings say. */
import { developmentSecret } from '../crypto/master-secret.js';
import type { AuthOptions } from '../model/options.js';
import { readEnvironment, type Environment } from './environment.js';
import { readSettings, type Settings } from './read-settings.js';

/** In development without a secret of one's own, makes one in the data folder. @throws {ConfigError} */
export function authOptions({ options, secret, dataFolder }: Settings): AuthOptions {
  return { ...options, secret: secret ?? developmentSecret(dataFolder) };
}

/**
 * What the stand-alone server does: every setting from the environment and, unless another one is given, from the `.env` file of the working
 * directory. Spread it and override. In development without a secret, makes one in the data folder.
 * @throws {ConfigError} every problem at once, under the names of the variables.
 */
export function optionsFromEnvironment(env?: Readonly<NodeJS.Dict<string>>): AuthOptions {
  const environment: Environment = env ?? readEnvironment().values;
  return authOptions(readSettings(environment));
}
