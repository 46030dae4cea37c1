/** Scopes: what a program may do, in the words of the application's permissions, and the one word that is ours. */

import { adminRole, type UserRecord } from '../model/store.js';

/** Reads the revocation feed of other services. No role has it: it is given to keys alone. */
export const revocationsScope = 'revocations:read';

/** A service account may, if it was given to its key. A person has to be an administrator, now: the feed tells who logs out when. */
export function mayReadRevocations({ roles }: UserRecord, hasPassword: boolean): boolean {
  return !hasPassword || roles.includes(adminRole);
}

/** Scopes are written one after the other with spaces between them (RFC 6749 section 3.3), so not every permission can be one. */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(text);
}
