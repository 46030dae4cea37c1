/** Takes the refresh cookie out of a request's headers before the application's handlers see it, and remembers it for our own. */
import { readHeader, withoutCookie } from '../access/credentials.js';

/** Handlers, loggers and proxied requests of the application then cannot leak the one token that outlives the others. */
export function takeRefreshCookie(
  request: { readonly headers: NodeJS.Dict<string | string[]>; readonly rawHeaders?: string[] },
  name: string,
): void {
  const { headers, rawHeaders = [] } = request;
  const header = readHeader(headers, 'cookie');
  if (!header?.includes(`${name}=`)) return;
  OriginalCookie.remember(headers, header);
  const rest = withoutCookie(header, name);
  if (rest === undefined) delete headers['cookie'];
  else headers['cookie'] = rest;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!isCookieName(rawHeaders[index])) continue;
    const raw = rawHeaders[index + 1] ?? '';
    rawHeaders[index + 1] = (raw === header ? rest : withoutCookie(raw, name)) ?? '';
  }
}

function isCookieName(name: string | undefined): boolean {
  return name?.length === 6 && name.toLowerCase() === 'cookie';
}

/** The `Cookie` header as it was sent. */
export function originalCookieHeader(headers: object): string | undefined {
  return OriginalCookie.of(headers);
}

/** Gives the object itself, so that the fields of a class that extends this one are added to it. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- private fields go wherever its constructor says
class Given {
  constructor(object: object) {
    return object;
  }
}

/**
 * A private field on the headers object, which nobody else can read or print; a request with two refresh cookies is remembered as it was, to
 * be refused where it is read. A `WeakMap` would do the same, and cost more at each collection of garbage than all the rest of a request.
 */
class OriginalCookie extends Given {
  #header: string;

  private constructor(headers: object, header: string) {
    super(headers);
    this.#header = header;
  }

  static remember(headers: object, header: string): void {
    if (#header in headers) headers.#header = header;
    else new OriginalCookie(headers, header);
  }

  static of(headers: object): string | undefined {
    return #header in headers ? headers.#header : undefined;
  }
}
