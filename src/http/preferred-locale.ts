/** The language that a browser asks for, for mails that are caused by its request. */
import { readHeader } from '../access/credentials.js';
import type { RequestLike } from '../model/app-types.js';

/** The first one named (RFC 9110 section 12.5.4), as a tag of BCP 47; null when there is none. */
export function preferredLocale(headers: RequestLike['headers']): string | null {
  const [first = ''] = (readHeader(headers, 'accept-language') ?? '').split(/[,;]/, 1);
  return /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}$/.test(first.trim()) ? first.trim() : null;
}
