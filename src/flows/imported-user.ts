/** The form in which users come from elsewhere and go elsewhere: one JSON object on one line. */
import { z } from 'zod';
import { sha256 } from '../crypto/digest.js';
import { firebaseHash, type FirebaseProject } from '../crypto/password-schemes/firebase-scrypt.js';
import { formatId, newIdBytes } from '../crypto/random.js';
import { passwordHashProblem } from '../crypto/read-password-hash.js';
import { AuthError } from '../errors.js';
import type { NewUserRecord, StoredUser } from '../model/store.js';
import type { FlowContext } from './context.js';
import { readIdentifiers } from './new-user.js';

/** What is imported, and why a line is not; `reason` never holds a hash. */
export type ReadLine = { readonly record: NewUserRecord; readonly isNamed: boolean } | { readonly reason: string };

const maxProfileBytes = 16_384;

/** Null says the same as leaving it out: databases have no other way to say it. */
const optional = <Schema extends z.ZodType>(schema: Schema): z.ZodOptional<z.ZodNullable<Schema>> => schema.nullable().optional();

const instant = z.union([
  z.int().min(0).max(8_640_000_000_000_000),
  z
    .string()
    .transform((text) => Date.parse(text))
    .refine((at) => at >= 0, 'must be an instant: ISO 8601, or milliseconds since 1970'),
]);

const firebasePassword = z.strictObject({ format: z.literal('firebase'), salt: z.string(), hash: z.string() });

const userLine = z.strictObject({
  id: optional(z.string().regex(/^usr_[\w-]{22}$/, 'must be an id of Countersign; one of another system is an externalId')),
  externalId: optional(z.union([z.string().min(1).max(256), z.int().transform(String)])),
  username: optional(z.string()),
  email: optional(z.string()),
  emailVerified: optional(z.boolean()),
  signsInByEmail: optional(z.boolean()),
  name: optional(z.string()),
  roles: optional(z.array(z.string()).max(100)),
  passwordHash: optional(z.union([z.string(), firebasePassword], 'must be a text, or { format: "firebase", salt, hash }')),
  createdAt: optional(instant),
  disabled: optional(z.boolean()),
  profile: optional(
    z
      .record(z.string(), z.unknown())
      .refine((profile) => Buffer.byteLength(JSON.stringify(profile)) <= maxProfileBytes, `must be at most ${maxProfileBytes} bytes`),
  ),
});

type UserLine = z.infer<typeof userLine>;

/** Whatever is wrong is told at once. */
export function readImportedUser(context: FlowContext, text: string, firebase: FirebaseProject | null): ReadLine {
  const value = parseJson(text);
  if (value === undefined) return { reason: 'is no JSON' };
  const parsed = userLine.safeParse(value);
  if (!parsed.success) return { reason: parsed.error.issues.map(issueText).join('; ') };
  const line = parsed.data;
  const { identifiers, problems } = checkIdentifiers(context, line);
  const unknown = (line.roles ?? []).filter((role) => !context.config.roles.has(role));
  if (unknown.length > 0) problems.push(`roles must be of: ${[...context.config.roles.keys()].join(', ')}`);
  const isNamed = isGiven(line.id) || isGiven(line.externalId);
  if (isGiven(line.id) && isGiven(line.externalId)) problems.push('has an id and an externalId: one of them is enough');
  const password = readPassword(line.passwordHash ?? null, firebase);
  if ('reason' in password) problems.push(`passwordHash ${password.reason}`);
  if (problems.length > 0 || identifiers === null || 'reason' in password) return { reason: problems.join('; ') };
  return { record: recordOf(context, line, identifiers, password.hash), isNamed };
}

/**
 * The id that a user of another system has here: always the same one, so that an import can be repeated, and an application can tell which of
 * its rows are whose.
 */
function idOfExternal(externalId: string): string {
  return formatId('usr', Buffer.from(sha256(Buffer.from(externalId)).subarray(0, 16)));
}

/** As `readImportedUser` reads it; what another installation needs to let him in by his password. */
export function exportedUser({ user, passwordHash, signsInByEmail }: StoredUser): string {
  return JSON.stringify({
    id: user.id,
    ...(user.username === null ? {} : { username: user.username }),
    ...(user.email === null ? {} : { email: user.email, emailVerified: user.emailVerified }),
    ...(user.email === null || signsInByEmail ? {} : { signsInByEmail: false }),
    ...(user.name === null ? {} : { name: user.name }),
    roles: user.roles,
    ...(passwordHash === null ? {} : { passwordHash }),
    createdAt: new Date(user.createdAt).toISOString(),
    ...(user.disabledAt === null ? {} : { disabled: true }),
    ...(Object.keys(user.profile).length === 0 ? {} : { profile: user.profile }),
  });
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

type Identifiers = ReturnType<typeof readIdentifiers>;

function checkIdentifiers(
  context: FlowContext,
  { username, email, name }: UserLine,
): { identifiers: Identifiers | null; problems: string[] } {
  try {
    const given = { username: username ?? undefined, email: email ?? undefined, name: name ?? undefined };
    return { identifiers: readIdentifiers(context, given), problems: [] };
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    return { identifiers: null, problems: (error.fields ?? []).map(({ path, message }) => `${path} ${message}`) };
  }
}

function recordOf(
  { config, random, clock }: FlowContext,
  line: UserLine,
  { username, email }: Identifiers,
  passwordHash: string | null,
): NewUserRecord {
  const now = clock.now();
  const ownId = isGiven(line.externalId) ? idOfExternal(line.externalId) : formatId('usr', newIdBytes(random, now));
  return {
    id: line.id ?? ownId,
    username: username?.value ?? null,
    usernameKey: username?.key ?? null,
    email: email?.value ?? null,
    emailKey: line.signsInByEmail === false ? null : (email?.key ?? null),
    emailVerified: email !== null && line.emailVerified === true,
    onEmailTaken: 'refuse',
    name: line.name ?? null,
    roles: [...new Set(line.roles ?? [config.defaultRole])],
    profile: line.profile ?? {},
    passwordHash,
    createdAt: line.createdAt ?? now,
    disabledAt: line.disabled === true ? now : null,
  };
}

function readPassword(
  given: NonNullable<UserLine['passwordHash']> | null,
  firebase: FirebaseProject | null,
): { readonly hash: string | null } | { readonly reason: string } {
  if (given === null) return { hash: null };
  if (typeof given === 'string') return checked(given);
  if (firebase === null) return { reason: 'is of Firebase: give --firebase FILE with the parameters of the project' };
  return checked(firebaseHash(firebase, given.salt, given.hash));
}

function checked(hash: string): { readonly hash: string } | { readonly reason: string } {
  const problem = passwordHashProblem(hash);
  return problem === null ? { hash } : { reason: problem.message };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Names of fields and what they should be, never what they are. */
function issueText({ path, message }: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;
}
