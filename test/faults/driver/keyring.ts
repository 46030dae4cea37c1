/** Where an honest client keeps its credentials: a browser in cookies that its tabs share, a program in its memory. */
import { CookieJar } from '../../support/cookie-jar.js';
import type { Reply } from './traffic.js';

export interface Keyring {
  readonly delivery: 'cookie' | 'bearer';
  /** Whether there is a session, as far as it can be told from here. */
  readonly isSignedIn: boolean;
  readonly access: string | undefined;
  readonly refresh: string | undefined;
  /** What a request carries by itself. */
  headers(): Record<string, string>;
  /** What goes into the body of a refresh or a logout. */
  body(): object | undefined;
  keep(reply: Reply): void;
}

export class BrowserKeys implements Keyring {
  readonly delivery = 'cookie';
  readonly #jar = new CookieJar(() => Date.now(), false);

  get isSignedIn(): boolean {
    return this.refresh !== undefined;
  }

  get access(): string | undefined {
    return this.#jar.get('cs-access')?.value;
  }

  get refresh(): string | undefined {
    return this.#jar.get('cs-refresh')?.value;
  }

  headers(): Record<string, string> {
    const state = this.#jar.readable('cs-state');
    const csrf = state === undefined ? undefined : (JSON.parse(Buffer.from(state, 'base64url').toString('utf8')) as { csrf: string }).csrf;
    const cookie = this.#jar.header;
    return {
      'sec-fetch-site': 'same-origin',
      ...(cookie === undefined ? {} : { cookie }),
      ...(csrf === undefined ? {} : { 'x-csrf-token': csrf }),
    };
  }

  body(): undefined {
    return undefined;
  }

  keep({ headers }: Reply): void {
    for (const line of headers['set-cookie'] ?? []) this.#jar.store(line);
  }
}

export class ProgramKeys implements Keyring {
  readonly delivery = 'bearer';
  access: string | undefined;
  refresh: string | undefined;

  get isSignedIn(): boolean {
    return this.refresh !== undefined;
  }

  headers(): Record<string, string> {
    return this.access === undefined ? {} : { authorization: `Bearer ${this.access}` };
  }

  body(): object | undefined {
    return { refreshToken: this.refresh };
  }

  keep({ document }: Reply): void {
    const { accessToken, refreshToken } = document as { accessToken?: string; refreshToken?: string };
    if (accessToken !== undefined && refreshToken !== undefined) [this.access, this.refresh] = [accessToken, refreshToken];
  }

  /** After a logout. */
  forget(): void {
    [this.access, this.refresh] = [undefined, undefined];
  }
}
