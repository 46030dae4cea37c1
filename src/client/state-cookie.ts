/** The companion cookie: whether there is a session, until when, and its CSRF token. */

export interface StateCookie {
  readonly csrf: string;
  /** Milliseconds since 1970: when the session ends if it is not used. */
  readonly expiresAt: number;
}

export class StateCookieReader {
  /** Whether this page gets to see the cookie at all. */
  readonly isReadable: boolean;
  readonly #name: string;

  constructor(server: URL, prefix: string) {
    this.isReadable = typeof document !== 'undefined' && server.hostname === location.hostname && server.protocol === location.protocol;
    // Over https only the name that no other host can plant.
    this.#name = `${server.protocol === 'https:' ? '__Host-' : ''}${prefix}-state`;
  }

  read(): StateCookie | null {
    const text = this.#text();
    if (text === null) return null;
    try {
      const { exp, csrf } = JSON.parse(atob(text.replaceAll('-', '+').replaceAll('_', '/'))) as { exp: number; csrf: string };
      return { csrf, expiresAt: exp * 1000 };
    } catch {
      return null;
    }
  }

  /** Once the server has said that the session is over, so that the next page does not believe in it. One of another session is left. */
  forget(csrf: string): void {
    if (this.read()?.csrf === csrf)
      document.cookie = `${this.#name}=; Max-Age=0; Path=/${location.protocol === 'https:' ? '; Secure' : ''}`;
  }

  #text(): string | null {
    const start = `${this.#name}=`;
    const pair = this.isReadable ? document.cookie.split('; ').find((each) => each.startsWith(start)) : undefined;
    return pair?.slice(start.length) ?? null;
  }
}
