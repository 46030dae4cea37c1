/** Names on the wire: cookies and headers. */

export const csrfHeader = 'x-csrf-token';
export const requestIdHeader = 'x-request-id';

/** What can stand before the names of cookies. */
export const cookiePrefixPattern: RegExp = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

/** `cs` gives `__Host-cs-access`; over plain http, where browsers refuse the prefix, `cs-access`. */
export function cookieName(kind: 'access' | 'refresh' | 'state', prefix: string, security: '__Host-' | '__Secure-' | ''): string {
  return `${security}${prefix}-${kind}`;
}

/** Below the base path: what links in mails open, and where the pages behind them post to. */
export const mailPaths = { verifyEmail: '/auth/email/verify', resetPassword: '/auth/password/reset', notMe: '/auth/not-me' } as const;
