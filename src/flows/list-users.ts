/** Pages through the users, for administrators. The cursor is authenticated: it cannot be made up or moved. */
import { decodeBase64url } from '../crypto/base64url.js';
import { constantTimeEqual, hmacSha256 } from '../crypto/digest.js';
import type { SecretRing } from '../crypto/master-secret.js';
import { AuthError } from '../errors.js';
import type { UserCursor, UserRecord } from '../model/store.js';
import type { FlowContext } from './context.js';

export interface UserQuery {
  readonly q?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

const macBytes = 16;
const maxLimit = 200;

/** Newest first. @throws {AuthError} `invalid_request` for a cursor that we did not give. */
export async function listUsers(
  { store, secrets }: FlowContext,
  { q, limit, cursor }: UserQuery,
): Promise<{ readonly items: readonly UserRecord[]; readonly nextCursor: string | null }> {
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    throw new AuthError('invalid_request', {
      fields: [{ path: 'limit', code: 'invalid', message: `must be a whole number from 1 to ${String(maxLimit)}` }],
    });
  }
  const after = cursor === undefined ? null : readCursor(secrets, cursor);
  const page = await store.users.list({ query: q === undefined || q === '' ? null : q, limit, after });
  return { items: page.items, nextCursor: page.next ? writeCursor(secrets, page.next) : null };
}

function writeCursor(secrets: SecretRing, { createdAt, id }: UserCursor): string {
  const content = Buffer.from(JSON.stringify([createdAt, id]));
  return Buffer.concat([hmacSha256(secrets[0].cursor, content).subarray(0, macBytes), content]).toString('base64url');
}

function readCursor(secrets: SecretRing, cursor: string): UserCursor {
  const bytes = decodeBase64url(cursor) ?? Buffer.alloc(0);
  const content = bytes.subarray(macBytes);
  const isOurs = secrets.some((keys) =>
    constantTimeEqual(hmacSha256(keys.cursor, content).subarray(0, macBytes), bytes.subarray(0, macBytes)),
  );
  if (!isOurs)
    throw new AuthError('invalid_request', { fields: [{ path: 'cursor', code: 'invalid', message: 'is no cursor of this list' }] });
  const [createdAt, id] = JSON.parse(content.toString('utf8')) as [number, string];
  return { createdAt, id };
}
