/** Finds the credential in a request's headers without parsing the rest: bearer token, cookie, and the headers that judge a cookie. */
import { AuthError } from '../errors.js';
import type { RequestLike } from '../model/app-types.js';

/** One header as sent, or undefined. `name` in lower case. */
export function readHeader(headers: RequestLike['headers'], name: string): string | undefined {
  // A client may send a header called "get"; its value is a string, never a function.
  if (typeof headers.get === 'function') return (headers as Headers).get(name) ?? undefined;
  const value = (headers as NodeJS.Dict<string | string[]>)[name];
  return Array.isArray(value) ? value.join(name === 'cookie' ? '; ' : ', ') : value;
}

/**
 * What follows `Bearer ` (RFC 6750 section 2.1), even if empty or malformed, so that it is refused and never taken for no credential at all;
 * undefined when the scheme is another or there is none.
 */
export function readBearer(authorization: string | undefined): string | undefined {
  if (authorization === undefined || !/^bearer(?![a-z0-9!#$%&'*+.^_`|~-])/i.test(authorization)) return undefined;
  return authorization.charCodeAt(6) === 32 ? authorization.slice(7) : authorization.slice(6);
}

/**
 * The name and the secret that a client identifies itself by with `Basic`, each form-encoded on its own (RFC 6749 section 2.3.1); undefined
 * when the scheme is another, or there is none, or it is malformed.
 */
export function readBasic(authorization: string | undefined): { readonly name: string; readonly secret: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? '')?.[1];
  const [, name, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString('latin1')) ?? [];
  try {
    return name === undefined || secret === undefined ? undefined : { name: decodeURIComponent(name), secret: decodeURIComponent(secret) };
  } catch {
    return undefined;
  }
}

/**
 * The value of the cookie with exactly this name, or undefined (RFC 6265 section 5.4, as servers see it). Only ASCII space and tab separate:
 * a name behind any other character is another name.
 * @throws {AuthError} `invalid_request` when it is there twice: which one is genuine is not guessed.
 */
export function findCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  let found: string | undefined;
  let at = header.indexOf(name);
  while (at >= 0) {
    let next = at + name.length;
    if (header.charCodeAt(next) === 61 /* = */ && startsPair(header, at)) {
      if (found !== undefined) throw duplicateCookie(name);
      const end = endOfPair(header, next);
      found = header.slice(next + 1, lastOfText(header, end) + 1);
      // Nothing inside a value is a cookie, and a token is most of what there is to search.
      next = end;
    }
    at = header.indexOf(name, next);
  }
  return found;
}

function endOfPair(header: string, from: number): number {
  const end = header.indexOf(';', from);
  return end < 0 ? header.length : end;
}

function startsPair(header: string, at: number): boolean {
  const before = lastOfText(header, at);
  return before < 0 || header.charCodeAt(before) === 59; /* ; */
}

/** Where the last character before `end` stands that is neither space nor tab; -1 when there is none. */
function lastOfText(header: string, end: number): number {
  let at = end - 1;
  while (at >= 0 && (header.charCodeAt(at) === 32 || header.charCodeAt(at) === 9)) at--;
  return at;
}

function duplicateCookie(name: string): AuthError {
  return new AuthError('invalid_request', {
    reason: 'duplicate cookie',
    detail: `The cookie ${name} was sent twice.`,
    fields: [
      {
        path: name,
        code: 'duplicate_cookie',
        message: 'This cookie was sent twice; delete the cookies of this site and of its parent domain.',
      },
    ],
  });
}

/** The `Cookie` header without one cookie, or undefined when nothing is left. */
export function withoutCookie(header: string, name: string): string | undefined {
  const at = header.indexOf(name);
  const isOnce = at >= 0 && header.indexOf(name, at + name.length) < 0;
  if (isOnce && header.charCodeAt(at + name.length) === 61 /* = */) {
    const end = header.indexOf(';', at);
    if (at === 0) return end < 0 ? undefined : header.slice(end + 1).trimStart();
    if (header.startsWith('; ', at - 2)) return (header.slice(0, at - 2) + (end < 0 ? '' : header.slice(end))).trimStart();
  }
  return withoutPairs(header, name);
}

/** For whatever clients and proxies may write that is not as browsers write it. */
function withoutPairs(header: string, name: string): string | undefined {
  const rest = header.split(';').filter((pair) => pair.slice(0, pair.indexOf('=')).trim() !== name);
  return rest.length === 0 ? undefined : rest.join(';').trimStart();
}

/** Methods that change nothing (RFC 9110 section 9.2.1). */
export function isSafeMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}
