/** One password to be hashed or verified, and what comes of it. Holds up the thread that calls it. */
import { argon2Hash, type Argon2Parameters } from './password-schemes/argon2.js';
import { schemeOf } from './read-password-hash.js';

export type HashingTask =
  { readonly password: string; readonly parameters: Argon2Parameters } | { readonly password: string; readonly hash: string };

export interface HashingOutcome {
  /** A hash, or whether the password is that of the hash; null: it could not be computed. A library's own words may quote the hash. */
  readonly value: string | boolean | null;
  readonly milliseconds: number;
}

export function performHashing(task: HashingTask): HashingOutcome {
  const startedAt = performance.now();
  const value = compute(task);
  return { value, milliseconds: performance.now() - startedAt };
}

function compute(task: HashingTask): HashingOutcome['value'] {
  try {
    if ('parameters' in task) return argon2Hash(task.password, task.parameters);
    return schemeOf(task.hash)?.verify(task.hash, task.password) ?? null;
  } catch {
    return null;
  }
}
