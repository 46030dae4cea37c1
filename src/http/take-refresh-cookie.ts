/** Takes the refresh cookie out of a request's headers before the application's handlers see it, and remembers it for our own. */
import { readHeader, withoutCookie } from '../access/credentials.js';

/** By the headers object that it was taken from; a request with two of them is remembered as it was, to be refused where it is read. */
const taken = new WeakMap<object, string>();

/** Handlers, loggers and proxied requests of the application then cannot leak the one token that outlives the others. */
export function takeRefreshCookie(
  request: { readonly headers: NodeJS.Dict<string | string[]>; readonly rawHeaders?: string[] },
  name: string,
): void {
  const header = readHeader(request.headers, 'cookie');
  if (!header?.includes(`${name}=`)) return;
  taken.set(request.headers, header);
  const rest = withoutCookie(header, name);
  if (rest === undefined) delete request.headers['cookie'];
  else request.headers['cookie'] = rest;
  for (let index = 0; index < (request.rawHeaders?.length ?? 0); index += 2) {
    if (request.rawHeaders?.[index]?.toLowerCase() !== 'cookie') continue;
    request.rawHeaders[index + 1] = withoutCookie(request.rawHeaders[index + 1] ?? '', name) ?? '';
  }
}

/** The `Cookie` header as it was sent. */
export function originalCookieHeader(headers: object): string | undefined {
  return taken.get(headers);
}
