/** Writes cookies (RFC 6265bis): the attributes come from the configuration, the same for setting and clearing. */
import type { CookieAttributes } from '../model/config.js';
import type { HeaderList } from './message.js';

/** What browsers keep of name and value together. */
const maxCookieBytes = 4096;

/** `maxAgeSeconds` null: until the browser closes. @throws {RangeError} beyond what a browser keeps. */
export function setCookie(cookie: CookieAttributes, value: string, maxAgeSeconds: number | null): HeaderList[number] {
  if (cookie.name.length + value.length > maxCookieBytes)
    throw new RangeError(`The cookie ${cookie.name} would be larger than a browser keeps.`);
  const parts = [`${cookie.name}=${value}`];
  if (maxAgeSeconds !== null) parts.push(`Max-Age=${String(maxAgeSeconds)}`);
  if (cookie.domain !== null) parts.push(`Domain=${cookie.domain}`);
  parts.push('Path=/');
  if (cookie.httpOnly) parts.push('HttpOnly');
  if (cookie.secure) parts.push('Secure');
  parts.push(`SameSite=${cookie.sameSite}`, 'Priority=High');
  if (cookie.partitioned) parts.push('Partitioned');
  return ['set-cookie', parts.join('; ')];
}

export function clearCookie(cookie: CookieAttributes): HeaderList[number] {
  return setCookie(cookie, '', 0);
}
