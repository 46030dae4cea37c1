/** What people sign in with: which spellings are allowed, and the one canonical form that is compared. */

/** A spelling and its canonical form. */
export interface Identifier {
  readonly value: string;
  readonly key: string;
}

/** Letters, digits and inner `.`, `_`, `-` of ASCII: no look-alikes, no `@`, so that it is never taken for an address. */
const usernamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;
const localPartPattern = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const domainPattern = /^(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$/;

/** 1 to 64 characters; unique without regard to case. Null when it is no user name. */
export function parseUsername(value: string): Identifier | null {
  return usernamePattern.test(value) ? { value, key: value.toLowerCase() } : null;
}

/**
 * One plain address (RFC 5321 dot-string at a domain name), ASCII only, so that what was checked is what a mail server sees: no second
 * address, no quoting, no character that normalises to `@`. Unique without regard to case. Null when it is none.
 */
export function parseEmail(value: string): Identifier | null {
  const at = value.lastIndexOf('@');
  const local = value.slice(0, at);
  if (at < 1 || value.length > 254 || local.length > 64) return null;
  if (!localPartPattern.test(local) || !domainPattern.test(value.slice(at + 1))) return null;
  return { value, key: value.toLowerCase() };
}
