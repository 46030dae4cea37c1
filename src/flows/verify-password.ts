/** Checks a password in the bounded queue: the same work whether or not there is anything to check. */
import { PasswordHasherBusyError } from '../crypto/password-hash.js';
import { AuthError } from '../errors.js';
import type { PasswordCredential } from '../model/store.js';
import { normalizePassword, passwordProblem } from '../policy/password-rules.js';
import type { FlowContext } from './context.js';

/** @throws {AuthError} `overloaded` when too many wait. */
export async function isPasswordOf(context: FlowContext, credential: PasswordCredential | null, password: string): Promise<boolean> {
  // Ill-formed text would be hashed as another text; no stored password is ill-formed.
  const hash = password.isWellFormed() ? (credential?.passwordHash ?? null) : null;
  return queued(() => context.passwords.verify(hash, normalizePassword(password)));
}

/** @throws {AuthError} `invalid_request` naming the rule that `path` breaks, `overloaded` when too many wait. */
export async function hashNewPassword(context: FlowContext, password: string, path: string): Promise<string> {
  const problem = passwordProblem(password);
  if (problem) throw new AuthError('invalid_request', { fields: [{ path, ...problem }] });
  return queued(() => context.passwords.hash(normalizePassword(password)));
}

async function queued<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PasswordHasherBusyError)
      throw new AuthError('overloaded', { reason: 'password hashing queue is full', retryAfterSeconds: 2 });
    throw error;
  }
}
