/** Routes about API keys: one's own, those that administrators manage, and the access token that a program gets for its key. */
import type { KnownApiKey } from '../../access/api-key-verifier.js';
import { AuthError } from '../../errors.js';
import { issueClientToken } from '../../flows/client-credentials.js';
import {
  createOwnApiKey,
  createServiceApiKey,
  defaultLifetimeSeconds,
  defaultOverlapSeconds,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
  type IssuedApiKey,
  type NewApiKeyInput,
} from '../../flows/manage-api-keys.js';
import type { ApiKeyRecord } from '../../model/api-key.js';
import type { Principal } from '../../model/app-types.js';
import type { LiveSession } from '../../model/store.js';
import { apiKeyListQuery, pageQuery, type ClientTokenBody, type NewApiKeyBody, type RotateApiKeyBody } from '../../protocol/bodies.js';
import type { ApiKeyDocument, ClientTokenDocument, IssuedApiKeyDocument, ListDocument, MessageDocument } from '../../protocol/documents.js';
import { apiKeyDocument } from '../documents.js';
import type { Exchange } from '../exchange.js';
import { ok, type Answer } from '../message.js';
import { readQuery } from '../read-body.js';

export async function answerListOwnApiKeys({ core, who, query }: Exchange<Principal, object>): Promise<Answer> {
  return listAnswer(await listApiKeys(core, { ...readQuery(pageQuery, query), userId: who.userId }));
}

export async function answerListApiKeys({ core, query }: Exchange<Principal, object>): Promise<Answer> {
  const { user = null, ...page } = readQuery(apiKeyListQuery, query);
  return listAnswer(await listApiKeys(core, { ...page, userId: user }));
}

function listAnswer({ items, nextCursor }: { readonly items: readonly ApiKeyRecord[]; readonly nextCursor: string | null }): Answer {
  return ok({ items: items.map(apiKeyDocument), nextCursor } satisfies ListDocument<ApiKeyDocument>);
}

export async function answerCreateOwnApiKey({ core, who, body }: Exchange<LiveSession, NewApiKeyBody>): Promise<Answer> {
  return issuedAnswer(await createOwnApiKey(core, who, inputOf(body)));
}

export async function answerCreateServiceApiKey({ core, who, params, body }: Exchange<LiveSession, NewApiKeyBody>): Promise<Answer> {
  const owner = { userId: params['id'] ?? '', actorId: who.user.id };
  return issuedAnswer(await createServiceApiKey(core, owner, inputOf(body)));
}

function inputOf({ name, scopes, expiresIn }: NewApiKeyBody): NewApiKeyInput {
  return { name, scopes, lifetimeSeconds: expiresIn === undefined ? defaultLifetimeSeconds : expiresIn };
}

export async function answerRotateOwnApiKey({ core, who, params, body }: Exchange<LiveSession, RotateApiKeyBody>): Promise<Answer> {
  const { overlapSeconds = defaultOverlapSeconds } = body;
  return issuedAnswer(await rotateApiKey(core, params['id'] ?? '', { overlapSeconds, onlyOf: who.user.id }));
}

function issuedAnswer({ key, secret }: IssuedApiKey): Answer {
  return { status: 201, document: { apiKey: apiKeyDocument(key), secret } satisfies IssuedApiKeyDocument };
}

export async function answerRevokeOwnApiKey({ core, who, params }: Exchange<LiveSession, object>): Promise<Answer> {
  return revokedAnswer(await revokeApiKey(core, params['id'] ?? '', { onlyOf: who.user.id }));
}

export async function answerRevokeApiKey({ core, who, params }: Exchange<LiveSession, object>): Promise<Answer> {
  return revokedAnswer(await revokeApiKey(core, params['id'] ?? '', { actorId: who.user.id }));
}

function revokedAnswer(isRevoked: boolean): Answer {
  if (!isRevoked) throw new AuthError('not_found');
  return ok({ message: 'The API key is revoked.' } satisfies MessageDocument);
}

export function answerClientToken({ core, who, body }: Exchange<KnownApiKey, ClientTokenBody>): Answer {
  const { accessToken, expiresInSeconds, scope } = issueClientToken(core, who, body.scope);
  return ok({ access_token: accessToken, token_type: 'Bearer', expires_in: expiresInSeconds, scope } satisfies ClientTokenDocument);
}
