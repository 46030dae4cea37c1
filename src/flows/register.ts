/** Registers a user: checks everything first, writes once. */
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError, type FieldProblem } from '../errors.js';
import type { UserRecord } from '../model/store.js';
import { parseEmail, parseUsername, type Identifier } from '../policy/identifiers.js';
import type { FlowContext } from './context.js';
import { hashNewPassword } from './verify-password.js';

export interface Registration {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly password: string;
  readonly name?: string | undefined;
  readonly profile?: unknown;
}

/**
 * With a user name: a taken one is refused, a taken e-mail address is not told; the new user then cannot sign in by it until he proves that it
 * is his. By e-mail alone (`emailVerification: 'optional'`): a taken address is refused, which tells a stranger that it has an account.
 * @throws {AuthError} `invalid_request`, `username_taken`, `conflict`, `overloaded`.
 */
export async function register(context: FlowContext, registration: Registration): Promise<UserRecord> {
  const { config, store } = context;
  if (config.registration === 'closed') throw new AuthError('not_found', { reason: 'registration is closed' });
  const { username, email } = readIdentifiers(registration);
  const profile = context.parseProfile(registration.profile);
  await context.beforeRegister({ username: username?.value ?? null, email: email?.value ?? null, profile });
  const passwordHash = await hashNewPassword(context, registration.password, 'password');
  const created = await store.users.create({
    id: formatId('usr', newIdBytes(context.random, context.clock.now())),
    username: username?.value ?? null,
    usernameKey: username?.key ?? null,
    email: email?.value ?? null,
    emailKey: email?.key ?? null,
    emailVerified: false,
    onEmailTaken: username ? 'yield' : 'refuse',
    name: registration.name ?? null,
    roles: [config.defaultRole],
    profile,
    passwordHash,
  });
  if (created.outcome !== 'created') throw takenError(created.outcome);
  context.emit('user.registered', { userId: created.user.id });
  return created.user;
}

export function takenError(outcome: 'username_taken' | 'email_taken'): AuthError {
  const fields = (path: string): FieldProblem[] => [{ path, code: 'taken', message: 'is taken' }];
  return outcome === 'username_taken'
    ? new AuthError('username_taken', { fields: fields('username') })
    : new AuthError('conflict', { fields: fields('email') });
}

function readIdentifiers(registration: Registration): { username: Identifier | null; email: Identifier | null } {
  const username = registration.username === undefined ? null : parseUsername(registration.username);
  const email = registration.email === undefined ? null : parseEmail(registration.email);
  const problems: FieldProblem[] = [];
  if (registration.username !== undefined && !username) {
    problems.push({ path: 'username', code: 'invalid', message: 'must have 1 to 64 letters, digits or inner . _ -, all of them ASCII' });
  }
  if (registration.email !== undefined && !email)
    problems.push({ path: 'email', code: 'invalid', message: 'must be one plain e-mail address' });
  if (registration.username === undefined && registration.email === undefined) {
    problems.push({ path: 'username', code: 'required', message: 'or an e-mail address is required' });
  }
  if (problems.length > 0) throw new AuthError('invalid_request', { fields: problems });
  return { username, email };
}
