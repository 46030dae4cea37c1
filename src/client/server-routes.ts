/** Calls the server's own routes: with the cookies, and with what proves that this page may use them. */
import { csrfHeader } from '../protocol/names.js';
import type { KnownSession } from './known-session.js';

export class ServerRoutes {
  readonly #root: string;
  readonly #session: KnownSession;

  constructor(base: URL, basePath: string, session: KnownSession) {
    this.#root = `${base.origin}${basePath}/auth/`;
    this.#session = session;
  }

  urlOf(path: string): string {
    return this.#root + path;
  }

  /** With the CSRF token of now. Refreshes nothing. */
  post(path: string, body?: object, signal: AbortSignal | null = null): Promise<Response> {
    const { csrfToken } = this.#session;
    return fetch(this.urlOf(path), {
      method: 'POST',
      credentials: 'include',
      headers: { ...(csrfToken !== null && { [csrfHeader]: csrfToken }), ...typeOf(body) },
      ...bodyOf(body),
      signal,
    });
  }

  /** Who is signed in. */
  askWho(): Promise<Response> {
    const token = this.#session.facts?.accessToken;
    const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return fetch(this.urlOf('session'), { credentials: 'include', headers });
  }
}

export function typeOf(body: object | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-type': 'application/json' };
}

export function bodyOf(body: object | undefined): { readonly body?: string } {
  return body === undefined ? {} : { body: JSON.stringify(body) };
}
