/** API keys: create, list, rotate and revoke them. The secret is handed over once, here, and never kept. */
import { sha256 } from '../crypto/digest.js';
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError, type FieldProblem } from '../errors.js';
import type { ApiKeyRecord } from '../model/api-key.js';
import type { LiveSession, UserRecord } from '../model/store.js';
import { isApiKeyGood } from '../policy/api-key-life.js';
import { isScope, mayReadRevocations, revocationsScope } from '../policy/scopes.js';
import { shownText } from '../protocol/bodies.js';
import { apiKeySecretBytes, issueApiKey } from '../tokens/api-key.js';
import type { FlowContext } from './context.js';
import { readPage, writeCursor, type PageQuery } from './list-page.js';
import type { Actor } from './manage-users.js';

export interface NewApiKeyInput {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Of each secret of the key; null: for ever. */
  readonly lifetimeSeconds: number | null;
}

/** A key, and its secret in the form that a program presents. */
export interface IssuedApiKey {
  readonly key: ApiKeyRecord;
  readonly secret: string;
}

/** Who wants it decides what may be given. */
interface Terms extends Actor {
  readonly owner: UserRecord;
  /** The owner's epoch when he proved who he is; null: it is not he who wants it. */
  readonly epoch: number | null;
  readonly hasPassword: boolean;
}

const maxKeysPerUser = 50;
const maxScopes = 64;
export const defaultLifetimeSeconds: number = 90 * 86_400;
const lifetimes = { least: 60, most: 3650 * 86_400 };
export const defaultOverlapSeconds = 86_400;
/** The least is how long other processes believe what they have read: a secret that must go at once is revoked with its key. */
const overlaps = { least: 60, most: 7 * 86_400 };

/** For oneself. @throws {AuthError} `invalid_request`, `conflict` for too many, `session_revoked` when the session ended meanwhile. */
export function createOwnApiKey(context: FlowContext, { user, session }: LiveSession, input: NewApiKeyInput): Promise<IssuedApiKey> {
  return createKey(context, input, { owner: user, epoch: session.epoch, hasPassword: true });
}

/**
 * For a service account, by an administrator. Whoever has a password makes his keys himself: with one that an administrator made and knows,
 * nobody could tell who acted.
 * @throws {AuthError} `not_found`, `invalid_request`, `conflict`.
 */
export async function createServiceApiKey(
  context: FlowContext,
  { userId, ...actor }: Actor & { readonly userId: string },
  input: NewApiKeyInput,
): Promise<IssuedApiKey> {
  const credential = await context.store.users.findCredential({ id: userId });
  if (!credential) throw new AuthError('not_found');
  if (credential.passwordHash !== null) throw conflict('This user has a password: only he himself can make API keys for himself.');
  return createKey(context, input, { ...actor, owner: credential.user, epoch: null, hasPassword: false });
}

/** For anybody, by the application or at the command line. @throws {AuthError} `not_found`, `invalid_request`, `conflict`. */
export async function createApiKey(context: FlowContext, userId: string, input: NewApiKeyInput): Promise<IssuedApiKey> {
  const credential = await context.store.users.findCredential({ id: userId });
  if (!credential) throw new AuthError('not_found');
  return createKey(context, input, { owner: credential.user, epoch: null, hasPassword: credential.passwordHash !== null });
}

async function createKey(context: FlowContext, input: NewApiKeyInput, { owner, epoch, ...terms }: Terms): Promise<IssuedApiKey> {
  const { store, random, clock, emit } = context;
  const scopes = [...new Set(input.scopes)];
  const problems = [...nameProblems(input.name), ...scopeProblems(context, scopes, { owner, ...terms })];
  if (input.lifetimeSeconds !== null) problems.push(...rangeProblems('expiresIn', input.lifetimeSeconds, lifetimes));
  if (problems.length > 0) throw new AuthError('invalid_request', { fields: problems });
  const id = formatId('key', newIdBytes(random, clock.now()));
  const secret = random(apiKeySecretBytes);
  const created = await store.apiKeys.create({
    key: { ...input, id, userId: owner.id, name: input.name.trim(), scopes, secretDigest: sha256(secret) },
    epoch,
    maxKeys: maxKeysPerUser,
  });
  if (created.outcome !== 'created') throw notCreated(created.outcome, epoch);
  const { actorId } = terms;
  emit('api_key.created', {
    userId: owner.id,
    sessionId: id,
    ...(actorId === undefined ? {} : { actorId }),
    reason: scopes.join(' '),
  });
  return { key: created.key, secret: issueApiKey(id, secret) };
}

function notCreated(outcome: 'no_owner' | 'too_many', epoch: number | null): AuthError {
  if (outcome === 'too_many') return conflict(`There are ${String(maxKeysPerUser)} API keys already: revoke one.`);
  return epoch === null ? conflict('The user is disabled.') : new AuthError('session_revoked');
}

function nameProblems(name: string): FieldProblem[] {
  const isShown = shownText.safeParse(name).success && name.trim() !== '';
  return isShown ? [] : [{ path: 'name', code: 'invalid', message: 'must have 1 to 100 characters, none of them a control character' }];
}

/** A scope that its owner cannot use would come to life on the day that he may: it is refused while somebody looks. */
function scopeProblems({ config }: FlowContext, scopes: readonly string[], { owner, hasPassword }: Omit<Terms, 'epoch'>): FieldProblem[] {
  const problem = (message: string): FieldProblem[] => [{ path: 'scopes', code: 'invalid', message }];
  if (scopes.length === 0) return [{ path: 'scopes', code: 'required', message: 'must name at least one' }];
  if (scopes.length > maxScopes) return problem(`must name at most ${String(maxScopes)}`);
  const permitted = owner.roles.flatMap((role) => config.roles.get(role) ?? []).filter(isScope);
  const possible = new Set([...permitted, ...(mayReadRevocations(owner, hasPassword) ? [revocationsScope] : [])]);
  if (scopes.every((scope) => possible.has(scope))) return [];
  return problem(possible.size === 0 ? 'the user has no permissions to give' : `must be of: ${[...possible].join(', ')}`);
}

function rangeProblems(path: string, seconds: number, { least, most }: { least: number; most: number }): FieldProblem[] {
  if (Number.isInteger(seconds) && seconds >= least && seconds <= most) return [];
  return [{ path, code: 'invalid', message: `must be a whole number of seconds from ${String(least)} to ${String(most)}` }];
}

/** Newest first, whatever their state; of one user or of all. @throws {AuthError} `invalid_request` for a cursor that we did not give. */
export async function listApiKeys(
  { store, secrets }: FlowContext,
  { userId, ...page }: PageQuery & { readonly userId: string | null },
): Promise<{ readonly items: readonly ApiKeyRecord[]; readonly nextCursor: string | null }> {
  const { items, next } = await store.apiKeys.list({ userId, ...readPage(secrets, 'api-keys', page) });
  return { items, nextCursor: writeCursor(secrets, 'api-keys', next) };
}

/** Whose key it must be, where not everybody's may be touched. */
interface OnlyOf {
  readonly onlyOf?: string;
}

/**
 * A new secret; the old one is accepted for the overlap, as `ApiKeyStore.rotate` says. @throws {AuthError} `not_found`, the same for a key of someone else; `conflict` for one
 * that is over, or was rotated meanwhile; `invalid_request` for the overlap.
 */
export async function rotateApiKey(
  { store, random, emit }: FlowContext,
  id: string,
  { overlapSeconds, onlyOf, ...actor }: Actor & OnlyOf & { readonly overlapSeconds: number },
): Promise<IssuedApiKey> {
  const problems = rangeProblems('overlapSeconds', overlapSeconds, overlaps);
  if (problems.length > 0) throw new AuthError('invalid_request', { fields: problems });
  const found = await store.apiKeys.find(id);
  if (!found || (onlyOf !== undefined && found.key.userId !== onlyOf)) throw new AuthError('not_found');
  if (!isApiKeyGood(found.key, found.now)) throw conflict('The key is revoked or has expired: create another one.');
  const secret = random(apiKeySecretBytes);
  const key = await store.apiKeys.rotate({ id, fromDigest: found.key.secretDigest, toDigest: sha256(secret), overlapSeconds });
  if (!key) throw conflict('The key was changed meanwhile, or its owner is disabled.');
  emit('api_key.rotated', { userId: key.userId, sessionId: id, ...actor });
  return { key, secret: issueApiKey(id, secret) };
}

/** For good, and on the next request everywhere. False: there is none that was not revoked, or it is someone else's. */
export async function revokeApiKey({ store, emit }: FlowContext, id: string, { onlyOf, ...actor }: Actor & OnlyOf = {}): Promise<boolean> {
  const userId = await store.apiKeys.revoke(id, onlyOf === undefined ? undefined : { userId: onlyOf });
  if (userId !== null) emit('api_key.revoked', { userId, sessionId: id, ...actor });
  return userId !== null;
}

function conflict(detail: string): AuthError {
  return new AuthError('conflict', { detail });
}
