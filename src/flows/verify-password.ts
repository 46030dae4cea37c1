/** Checks a password in the bounded queue: the same work whether or not there is anything to check; and hashes one that somebody chooses. */
import { PasswordHasherBusyError } from '../crypto/password-hash.js';
import { AuthError } from '../errors.js';
import type { PasswordCredential, UserRecord } from '../model/store.js';
import { loadCommonPasswords } from '../policy/common-passwords.js';
import { guessableProblem } from '../policy/guessable-password.js';
import { normalizePassword, passwordProblem, type PasswordProblem } from '../policy/password-rules.js';
import type { FlowContext } from './context.js';

/** @throws {AuthError} `overloaded` when too many wait. */
export async function isPasswordOf(context: FlowContext, credential: PasswordCredential | null, password: string): Promise<boolean> {
  // Ill-formed text would be hashed as another text; no stored password is ill-formed.
  const hash = password.isWellFormed() ? (credential?.passwordHash ?? null) : null;
  // Elsewhere it was hashed as it had been typed, or as that scheme says.
  const isAsTyped = hash !== null && context.passwords.isForeign(hash);
  return queued(() => context.passwords.verify(hash, isAsTyped ? password : normalizePassword(password)));
}

/** A password that somebody chooses, where it stands in the request, and whose it will be. */
export interface ChosenPassword {
  readonly password: string;
  readonly path: string;
  readonly of: Pick<UserRecord, 'username' | 'email'>;
}

/** @throws {AuthError} `invalid_request` naming the rule that it breaks, `overloaded` when too many wait. */
export async function hashNewPassword(context: FlowContext, chosen: ChosenPassword): Promise<string> {
  const problem = await problemOf(context, chosen);
  if (problem) throw new AuthError('invalid_request', { fields: [{ path: chosen.path, ...problem }] });
  return queued(() => context.passwords.hash(normalizePassword(chosen.password)));
}

/** The cheapest rule first; the range service is asked about nothing that is refused anyway. */
async function problemOf({ config, isBreachedPassword }: FlowContext, { password, of }: ChosenPassword): Promise<PasswordProblem | null> {
  const ofLength = passwordProblem(password, config.passwords.minLength);
  if (ofLength) return ofLength;
  const normalized = normalizePassword(password);
  const account = { username: of.username, email: of.email, hostname: config.publicUrl.hostname };
  const guessable = guessableProblem(normalized, account, await loadCommonPasswords());
  if (guessable) return guessable;
  return (await isBreachedPassword(normalized)) ? breached : null;
}

const breached: PasswordProblem = {
  code: 'password_breached',
  message: 'The password is known from a breach of another service. Several unrelated words make a good one.',
};

async function queued<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PasswordHasherBusyError)
      throw new AuthError('overloaded', { reason: 'password hashing queue is full', retryAfterSeconds: 2 });
    throw error;
  }
}
