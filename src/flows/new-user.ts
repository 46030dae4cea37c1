/** Makes a user: the one place where everything about a new one is checked, whoever creates him. */
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError, type FieldProblem } from '../errors.js';
import type { NewUserRecord, Outgoing, UserRecord } from '../model/store.js';
import { parseEmail, parseUsername, type Identifier } from '../policy/identifiers.js';
import { shownText } from '../protocol/bodies.js';
import type { FlowContext } from './context.js';
import { hashNewPassword } from './verify-password.js';

export interface NewUserInput {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly password?: string | undefined;
  readonly name?: string | undefined;
  readonly profile?: unknown;
}

type Before = (checked: { username: string | null; email: string | null; profile: object }) => Promise<void>;

/** What the way decides by which he comes. */
export interface NewUserTerms {
  /** Default: a new one. */
  readonly id?: string;
  readonly roles: readonly string[];
  readonly emailVerified: boolean;
  readonly onEmailTaken: NewUserRecord['onEmailTaken'];
  /** Runs when everything but the password was checked. */
  readonly before?: Before;
  /** What is mailed because of him. */
  readonly outgoing?: (checked: CheckedUser) => Promise<Outgoing>;
}

/** @throws {AuthError} `invalid_request` naming every field that is wrong, `username_taken`, `conflict`, `overloaded`. */
export async function createNewUser(context: FlowContext, input: NewUserInput, terms: NewUserTerms): Promise<UserRecord> {
  const checked = await checkNewUser(context, input, terms.before);
  const { username, email, profile } = checked;
  const of = { username: username?.value ?? null, email: email?.value ?? null };
  const passwordHash =
    input.password === undefined ? null : await hashNewPassword(context, { password: input.password, path: 'password', of });
  const record: NewUserRecord = {
    id: terms.id ?? formatId('usr', newIdBytes(context.random, context.clock.now())),
    username: username?.value ?? null,
    usernameKey: username?.key ?? null,
    email: email?.value ?? null,
    emailKey: email?.key ?? null,
    emailVerified: email !== null && terms.emailVerified,
    onEmailTaken: terms.onEmailTaken,
    name: input.name ?? null,
    roles: terms.roles,
    profile,
    passwordHash,
  };
  const created = await context.store.users.create(record, await terms.outgoing?.(checked));
  if (created.outcome === 'created') return created.user;
  const [code, path] = created.outcome === 'username_taken' ? (['username_taken', 'username'] as const) : (['conflict', 'email'] as const);
  throw new AuthError(code, { fields: [{ path, code: 'taken', message: 'is taken' }] });
}

export interface CheckedUser {
  readonly username: Identifier | null;
  readonly email: Identifier | null;
  readonly profile: object;
}

/** Everything but the password. @throws {AuthError} `invalid_request` naming every field that is wrong, or what `before` throws. */
export async function checkNewUser(context: FlowContext, input: NewUserInput, before?: Before): Promise<CheckedUser> {
  const { username, email } = readIdentifiers(context, input);
  const profile = context.parseProfile(input.profile);
  await before?.({ username: username?.value ?? null, email: email?.value ?? null, profile });
  return { username, email, profile };
}

/** @throws {AuthError} `invalid_request` naming every field that is wrong. */
export function readIdentifiers(
  { config }: FlowContext,
  { username, email, name }: NewUserInput,
): { username: Identifier | null; email: Identifier | null } {
  const problems: FieldProblem[] = [];
  const refuse = (path: string, code: string, message: string): number => problems.push({ path, code, message });
  const parsedUsername = username === undefined ? null : parseUsername(username);
  const parsedEmail = email === undefined ? null : parseEmail(email);
  if (username !== undefined && !parsedUsername)
    refuse('username', 'invalid', 'must have 1 to 64 letters, digits or inner . _ -, all of them ASCII');
  if (email !== undefined && !parsedEmail) refuse('email', 'invalid', 'must be one plain e-mail address');
  if (name !== undefined && !shownText.safeParse(name).success)
    refuse('name', 'invalid', 'must have at most 100 characters, none of them a control character');
  const signsInBy = [...config.identifiers].filter((kind) => (kind === 'username' ? username : email) !== undefined);
  if (signsInBy.length === 0) refuse(config.identifiers.has('username') ? 'username' : 'email', 'required', 'is required');
  if (problems.length > 0) throw new AuthError('invalid_request', { fields: problems });
  return { username: parsedUsername, email: parsedEmail };
}
