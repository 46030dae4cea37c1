/** Checks options that name origins: where we are, and who may call with cookies. */
import type { PublicUrl } from '../model/config.js';
import type { OptionProblems } from './option-problems.js';

/** Of a server of ours: https, or http on this machine. `path`: the option's name. */
export function resolvePublicUrl(path: string, value: string, problems: OptionProblems): PublicUrl {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    problems.add(path, 'must be a URL such as "https://api.example.com".');
    return { origin: 'http://localhost', hostname: 'localhost', secure: false, loopback: true };
  }
  const loopback = isLoopback(url.hostname);
  if (url.protocol === 'http:' && !loopback) problems.add(path, 'must be https: cookies and tokens over http can be read on the way.');
  if (value.replace(/\/$/, '') !== url.origin) problems.add(path, `must be an origin, without path or user: "${url.origin}".`);
  return { origin: url.origin, hostname: url.hostname, secure: url.protocol === 'https:', loopback };
}

/** Whether a host name can only mean this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** Exact, and as safe as what they may reach. */
export function resolveTrustedOrigins(origins: readonly string[], problems: OptionProblems): ReadonlySet<string> {
  if (typeof origins !== 'object') {
    problems.add('trustedOrigins', 'must be a list of origins.');
    return new Set();
  }
  origins.forEach((origin, index) => {
    const path = `trustedOrigins[${String(index)}]`;
    const url = URL.canParse(origin) ? new URL(origin) : null;
    if (origin.includes('*')) problems.add(path, 'must be exact: "*" together with cookies would let every page act for your users.');
    else if (url?.origin !== origin)
      problems.add(path, 'must be an exact origin such as "https://app.example.com", without a path or slash.');
    else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) problems.add(path, 'must be https.');
  });
  return new Set(origins);
}
