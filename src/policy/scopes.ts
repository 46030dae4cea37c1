/** Scopes: what a program may do, in the words of the application's permissions, and the one word that is ours. */

/** Reads the revocation feed of other services. No role has it: it is given to keys alone. */
export const revocationsScope = 'revocations:read';

/** Scopes are written one after the other with spaces between them (RFC 6749 section 3.3), so not every permission can be one. */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(text);
}
