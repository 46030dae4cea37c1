/** Examines whether browsers will send the cookies where the settings say that they should. */
import type { AuthConfig } from '../model/config.js';
import type { Finding } from './diagnose.js';

/** Second-level labels under which a country lets others register: `co.uk`, `com.au`. A guess; the whole list changes weekly. */
const registryLabels: ReadonlySet<string> = new Set(['co', 'com', 'net', 'org', 'gov', 'edu', 'ac', 'or', 'ne', 'go']);

export function examineOrigins({ publicUrl, trustedOrigins, cookies }: AuthConfig): Finding[] {
  const elsewhere = [...trustedOrigins].filter((origin) => siteOf(origin) !== siteOf(publicUrl.origin));
  if (elsewhere.length === 0 || cookies.refresh.sameSite === 'None') {
    const count =
      trustedOrigins.size === 0 ? 'Only the own origin is trusted.' : `Trusted besides the own: ${[...trustedOrigins].join(', ')}.`;
    return [{ check: 'origins', state: 'ok', message: count }];
  }
  return elsewhere.map((origin) => ({
    check: 'origins',
    state: 'warning',
    message: `${origin} is another site than ${publicUrl.origin}: browsers send it no cookies that are SameSite=${cookies.refresh.sameSite}.`,
    remedy: publicUrl.secure
      ? 'Set COUNTERSIGN_COOKIES=cross-site, or serve those pages from a host of the same site.'
      : 'Open the page under the host name of COUNTERSIGN_PUBLIC_URL.',
  }));
}

/** Scheme and registrable domain, as browsers compare them. */
function siteOf(origin: string): string {
  const { protocol, hostname } = new URL(origin);
  const labels = hostname.split('.');
  const isAddress = hostname.startsWith('[') || /^[\d.]+$/.test(hostname);
  if (isAddress || labels.length < 3) return `${protocol}//${hostname}`;
  const [second = '', last = ''] = labels.slice(-2);
  const count = last.length === 2 && registryLabels.has(second) ? 3 : 2;
  return `${protocol}//${labels.slice(-count).join('.')}`;
}
