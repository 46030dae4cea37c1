/** A browser's cookie jar for one host (RFC 6265bis): strict about what a browser would silently drop, so that a test fails instead. */

export interface StoredCookie {
  readonly name: string;
  readonly value: string;
  readonly httpOnly: boolean;
  /** Null: until the browser closes. */
  readonly expiresAt: number | null;
}

export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** Names in lower case; an empty string for those without a value. */
  readonly attributes: ReadonlyMap<string, string>;
}

export function parseSetCookie(line: string): SetCookie {
  const [pair = '', ...rest] = line.split(';');
  const equals = pair.indexOf('=');
  if (equals < 1) throw new Error(`Set-Cookie without a name: ${line}`);
  const attributes = rest.map((part) => {
    const [name = '', ...value] = part.trim().split('=');
    return [name.toLowerCase(), value.join('=')] as const;
  });
  if (new Set(attributes.map(([name]) => name)).size !== attributes.length) throw new Error(`Set-Cookie with an attribute twice: ${line}`);
  return { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim(), attributes: new Map(attributes) };
}

export class CookieJar {
  readonly #cookies = new Map<string, StoredCookie>();
  readonly #now: () => number;
  readonly #secureOrigin: boolean;

  /** `secureOrigin`: the page was loaded over https; TLS ends in front of the server under test. */
  constructor(now: () => number, secureOrigin: boolean) {
    this.#now = now;
    this.#secureOrigin = secureOrigin;
  }

  /** @throws {Error} for what a browser would not keep, or would keep for longer than meant. */
  store(line: string): void {
    const { name, value, attributes } = parseSetCookie(line);
    const secure = attributes.has('secure');
    if (name.length + value.length > 4096) throw new Error(`${name}: larger than a browser keeps`);
    if (secure && !this.#secureOrigin) throw new Error(`${name}: Secure, on a plain http page`);
    if (name.startsWith('__Host-') && !(secure && attributes.get('path') === '/' && !attributes.has('domain'))) {
      throw new Error(`${name}: breaks the rules of its prefix`);
    }
    if (name.startsWith('__Secure-') && !secure) throw new Error(`${name}: breaks the rules of its prefix`);
    if (attributes.get('samesite') === 'None' && !secure) throw new Error(`${name}: SameSite=None without Secure`);
    if (attributes.get('path') !== '/') throw new Error(`${name}: another path than / would not be found when it is cleared`);
    const maxAge = attributes.get('max-age');
    if (maxAge !== undefined && !/^-?\d+$/.test(maxAge)) throw new Error(`${name}: Max-Age is no number`);
    if (Number(maxAge) > 400 * 86_400) throw new Error(`${name}: a browser would cut this Max-Age`);
    if (maxAge !== undefined && Number(maxAge) <= 0) this.#cookies.delete(name);
    else {
      const expiresAt = maxAge === undefined ? null : this.#now() + Number(maxAge) * 1000;
      this.#cookies.set(name, { name, value, httpOnly: attributes.has('httponly'), expiresAt });
    }
  }

  get(name: string): StoredCookie | undefined {
    const cookie = this.#cookies.get(name);
    if (cookie === undefined || cookie.expiresAt === null || cookie.expiresAt > this.#now()) return cookie;
    this.#cookies.delete(name);
    return undefined;
  }

  /** What `document.cookie` shows. */
  readable(name: string): string | undefined {
    const cookie = this.get(name);
    return cookie === undefined || cookie.httpOnly ? undefined : cookie.value;
  }

  get all(): readonly StoredCookie[] {
    return [...this.#cookies.keys()].flatMap((name) => this.get(name) ?? []);
  }

  /** The `Cookie` header, or undefined when there is nothing to send. */
  get header(): string | undefined {
    const pairs = this.all.map(({ name, value }) => `${name}=${value}`);
    return pairs.length === 0 ? undefined : pairs.join('; ');
  }

  /** Puts one in by hand, as a thief or another application would. */
  plant(name: string, value: string): void {
    this.#cookies.set(name, { name, value, httpOnly: true, expiresAt: null });
  }

  remove(name: string): void {
    this.#cookies.delete(name);
  }

  /** The browser is closed: what had no Max-Age is gone. */
  restart(): void {
    for (const cookie of this.all) if (cookie.expiresAt === null) this.#cookies.delete(cookie.name);
  }

  copy(): CookieJar {
    const copy = new CookieJar(this.#now, this.#secureOrigin);
    for (const cookie of this.all) copy.#cookies.set(cookie.name, cookie);
    return copy;
  }
}
