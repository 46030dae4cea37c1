/** A browser as far as the documentation needs one: pages of one origin that share a cookie jar. */

export class Browser {
  readonly origin: string;
  readonly #jar = new Map<string, string>();
  readonly #httpOnly = new Set<string>();

  constructor(origin: string) {
    this.origin = origin;
  }

  /** `document.cookie`. */
  get readableCookies(): string {
    return [...this.#jar].flatMap(([name, value]) => (this.#httpOnly.has(name) ? [] : [`${name}=${value}`])).join('; ');
  }

  /** Follows redirects as a browser does; each answer may set cookies. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('Cookie', [...this.#jar].map((pair) => pair.join('=')).join('; '));
    headers.set('Origin', this.origin);
    const response = await fetch(new URL(path, this.origin), { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const location = response.headers.get('Location');
    return location === null ? response : this.fetch(location, init);
  }

  /** A JSON body, and the CSRF token of the last answer that had one. */
  async send(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
    const headers = { ...(body ? { 'Content-Type': 'application/json' } : {}), 'X-CSRF-Token': this.#csrfToken };
    const response = await this.fetch(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    const answer = (await response.json()) as { csrfToken?: string };
    this.#csrfToken = answer.csrfToken ?? this.#csrfToken;
    return { status: response.status, body: answer };
  }

  #csrfToken = '';

  #keep(line: string): void {
    const [name = '', value = ''] = line.split(';', 1)[0]?.split(/=(.*)/s) ?? [];
    if (/max-age=0/i.test(line)) this.#jar.delete(name);
    else this.#jar.set(name, value);
    if (/httponly/i.test(line)) this.#httpOnly.add(name);
  }
}
