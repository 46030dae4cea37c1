/** Pages of a list: how long they may be, and the cursor, which is authenticated: it cannot be made up, moved, or used in another list. */
import { decodeBase64url } from '../crypto/base64url.js';
import { constantTimeEqual, hmacSha256 } from '../crypto/digest.js';
import type { SecretRing } from '../crypto/master-secret.js';
import { AuthError } from '../errors.js';

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The place of the last row of a page. */
interface Place {
  readonly createdAt: number;
  readonly id: string;
}

type ListName = 'users' | 'api-keys' | 'events';

const macBytes = 16;
const maxLimit = 200;

/** Where the page starts. @throws {AuthError} `invalid_request` for a limit that is out of bounds, or a cursor that is not of this list. */
export function readPage(secrets: SecretRing, list: ListName, { limit, cursor }: PageQuery): { limit: number; after: Place | null } {
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    throw new AuthError('invalid_request', {
      fields: [{ path: 'limit', code: 'invalid', message: `must be a whole number from 1 to ${String(maxLimit)}` }],
    });
  }
  return { limit, after: cursor === undefined ? null : readCursor(secrets, list, cursor) };
}

export function writeCursor(secrets: SecretRing, list: ListName, place: Place | null): string | null {
  if (place === null) return null;
  const content = Buffer.from(JSON.stringify([place.createdAt, place.id]));
  return Buffer.concat([macOf(secrets[0], list, content), content]).toString('base64url');
}

function readCursor(secrets: SecretRing, list: ListName, cursor: string): Place {
  const bytes = decodeBase64url(cursor) ?? Buffer.alloc(0);
  const content = bytes.subarray(macBytes);
  const isOurs = secrets.some((keys) => constantTimeEqual(macOf(keys, list, content), bytes.subarray(0, macBytes)));
  if (!isOurs)
    throw new AuthError('invalid_request', { fields: [{ path: 'cursor', code: 'invalid', message: 'is no cursor of this list' }] });
  const [createdAt, id] = JSON.parse(content.toString('utf8')) as [number, string];
  return { createdAt, id };
}

function macOf(keys: SecretRing[number], list: ListName, content: Buffer): Buffer {
  return hmacSha256(keys.cursor, Buffer.concat([Buffer.from(`${list}\n`), content])).subarray(0, macBytes);
}
