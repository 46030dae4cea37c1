/** Logs a user in with his password. */
import { PasswordHasherBusyError } from '../crypto/password-hash.js';
import { AuthError } from '../errors.js';
import type { Delivery } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import type { PasswordCredential, UserKey, UserRecord } from '../model/store.js';
import { parseEmail, parseUsername } from '../policy/identifiers.js';
import { normalizePassword } from '../policy/password-rules.js';
import type { FlowContext } from './context.js';
import type { SignedIn } from './issue-tokens.js';
import type { FactorDue } from './login-ticket.js';
import { openSession } from './open-session.js';
import { isPasswordOf } from './verify-password.js';

export interface LoginRequest {
  /** Of `findLogin`. */
  readonly credential: PasswordCredential | null;
  readonly password: string;
  readonly delivery: Delivery;
  readonly remember: boolean;
  readonly device: string;
  /** The session that this browser has already. */
  readonly replaces: string | null;
}

/** Whoever is called so, if anyone. Beside `login`, so that it can be asked for together with what else the database has to be asked. */
export async function findLogin({ config, store }: FlowContext, identifier: string): Promise<PasswordCredential | null> {
  const key = loginKey(config, identifier);
  return key && store.users.findCredential(key);
}

/** `factor_due`: the password was right, and is not enough. */
export type LoginOutcome =
  { readonly outcome: 'signed_in'; readonly signedIn: SignedIn } | { readonly outcome: 'factor_due'; readonly due: FactorDue };

/**
 * One answer, after the same work, for an unknown user, a wrong password and a disabled account.
 * @throws {AuthError} `invalid_credentials`, `overloaded`.
 */
export async function login(context: FlowContext, request: LoginRequest): Promise<LoginOutcome> {
  const { credential } = request;
  const barred = reasonToRefuse(context, credential);
  // Who is refused in any case is refused as nobody is: his own hash might take another time, and a right password one more.
  const isRight = await isPasswordOf(context, barred === null ? credential : null, request.password);
  if (!credential || barred !== null || !isRight) throw refused(context, credential, barred ?? 'wrong password');
  await strengthenHash(context, credential, request.password);
  if (credential.user.mfaEnabled) {
    const { issueLoginTicket } = await import('./login-ticket.js');
    const due = await issueLoginTicket(context, credential.user, request);
    if (due === null) throw refused(context, credential, changed);
    context.emit('login.factor_due', { userId: credential.user.id });
    return { outcome: 'factor_due', due };
  }
  // Who has set up a second factor since he was read has another epoch.
  const signedIn = await openSession(context, { ...request, user: credential.user, factors: ['pwd'] }, (input) =>
    context.store.sessions.open(input),
  );
  if (!signedIn) throw refused(context, credential, changed);
  context.emit('login.succeeded', { userId: credential.user.id, sessionId: signedIn.session.id });
  return { outcome: 'signed_in', signedIn };
}

const changed = 'account disabled or changed meanwhile';

/** Whatever the password is; null: that decides. */
function reasonToRefuse(context: FlowContext, credential: PasswordCredential | null): string | null {
  if (credential === null) return 'unknown user';
  if (credential.user.disabledAt !== null) return 'account disabled';
  return isKeptOut(context, credential.user) ? 'address not verified' : null;
}

/** Whoever has an address and has not proved it. Who has none was created by somebody who is trusted. */
function isKeptOut({ config }: FlowContext, { email, emailVerified }: UserRecord): boolean {
  return config.unverifiedAccounts === 'refuse' && email !== null && !emailVerified;
}

function loginKey(config: AuthConfig, identifier: string): UserKey | null {
  const email = config.identifiers.has('email') ? parseEmail(identifier) : null;
  if (email) return { emailKey: email.key };
  const username = config.identifiers.has('username') ? parseUsername(identifier) : null;
  return username ? { usernameKey: username.key } : null;
}

function refused({ emit }: FlowContext, credential: PasswordCredential | null, reason: string): AuthError {
  emit('login.failed', { reason, ...(credential ? { userId: credential.user.id } : {}) });
  return new AuthError('invalid_credentials', { reason });
}

/** The password is known only now, so this is when a hash from elsewhere or of weaker parameters is replaced; at the next login if too many wait. */
async function strengthenHash(context: FlowContext, { user, passwordHash }: PasswordCredential, password: string): Promise<void> {
  if (passwordHash === null || !context.passwords.needsRehash(passwordHash)) return;
  try {
    const stronger = await context.passwords.hash(normalizePassword(password));
    await context.store.users.rehashPassword(user.id, passwordHash, stronger);
  } catch (error) {
    if (!(error instanceof PasswordHasherBusyError)) throw error;
  }
}
