/** The environment that settings are read from: the real one, and what a `.env` file in the working directory adds to it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from '../errors.js';

export type Environment = Readonly<NodeJS.Dict<string>>;

export interface FullEnvironment {
  readonly values: Environment;
  /** The names that only the file has. */
  readonly fromFile: ReadonlySet<string>;
}

/** What is set in the real environment wins. @throws {ConfigError} for a `.env` that is there and cannot be read. */
export function readEnvironment(folder: string = process.cwd()): FullEnvironment {
  const file = readEnvFile(join(folder, '.env'));
  const fromFile = new Set(Object.keys(file).filter((name) => process.env[name] === undefined));
  return { values: { ...file, ...process.env }, fromFile };
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new ConfigError([{ path, message: `cannot be read (${code ?? String(error)}): make it readable for this user, or remove it.` }]);
  }
}
