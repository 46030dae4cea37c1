/** Names on the wire: cookies and headers. */

export const csrfHeader = 'x-csrf-token';
export const requestIdHeader = 'x-request-id';

/** `cs` gives `__Host-cs-access`; over plain http, where browsers refuse the prefix, `cs-access`. */
export function cookieName(kind: 'access' | 'refresh' | 'state', prefix: string, security: '__Host-' | '__Secure-' | ''): string {
  return `${security}${prefix}-${kind}`;
}
