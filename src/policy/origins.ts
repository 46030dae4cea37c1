/** Where a request may come from: the first rule against cross-site request forgery (Fetch Metadata, RFC 6454 `Origin`). */
import type { AuthConfig } from '../model/config.js';

type OriginRules = Pick<AuthConfig, 'publicUrl' | 'trustedOrigins' | 'development'>;

/** `unsaid`: neither header is there, so it is no browser of today. */
export type OriginVerdict = 'trusted' | 'unsaid' | 'refused';

export interface StatedOrigin {
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/** Never compared with `Host`, which a proxy or a rebinding attack may have chosen. */
export function judgeOrigin(stated: StatedOrigin, rules: OriginRules): OriginVerdict {
  if (stated.fetchSite === 'same-origin') return 'trusted';
  if (stated.origin !== undefined) return isTrustedOrigin(stated.origin, rules) ? 'trusted' : 'refused';
  return stated.fetchSite === undefined ? 'unsaid' : 'refused';
}

/** Exactly our own or a trusted one; in development every port of the public URL's host name. */
export function isTrustedOrigin(origin: string, { publicUrl, trustedOrigins, development }: OriginRules): boolean {
  if (origin === publicUrl.origin || trustedOrigins.has(origin)) return true;
  return development && isOriginOfHost(origin, publicUrl.hostname);
}

function isOriginOfHost(origin: string, hostname: string): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  return url?.origin === origin && url.hostname === hostname && (url.protocol === 'http:' || url.protocol === 'https:');
}

/** For development: what was refused and what would mend it. */
export function explainRefusedOrigin({ origin }: StatedOrigin, { publicUrl }: OriginRules): string {
  if (origin === undefined) return 'The browser says that another site sent this request, and names no origin.';
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url?.origin !== origin)
    return 'The origin of this request is opaque ("null") or malformed; open the page over http, not from a file.';
  if (publicUrl.loopback && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) {
    return `Open ${origin.replace(url.hostname, publicUrl.hostname)}, not ${url.hostname}: to a browser they are two sites.`;
  }
  return `Add ${origin} to trustedOrigins (COUNTERSIGN_TRUSTED_ORIGINS) if its pages may act for your users.`;
}
