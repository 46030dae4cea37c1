/** A small honest client: a page in a browser that keeps cookies, or a program that keeps tokens, as the protocol tells them to. */
import type { CookieJar } from './cookie-jar.js';
import { send, type HttpAnswer } from './http.js';
import type { TestApp, TestUser } from './start-app.js';

export interface CallOptions {
  readonly json?: unknown;
  /** Sent as it is, instead of `json`. */
  readonly body?: string | Uint8Array;
  readonly chunked?: boolean;
  /** Added; a null removes one that would have been sent. Names in lower case. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** False: as a request that the browser sends without credentials. */
  readonly cookies?: boolean;
}

export type LoginOptions = Readonly<{
  delivery?: 'cookie' | 'memory' | 'bearer';
  remember?: boolean;
  deviceName?: string;
  password?: string;
}>;

export class Client {
  readonly app: TestApp;
  readonly jar: CookieJar;
  /** Of the page; null: a program, which has none. */
  origin: string | null;
  /** What the page or program keeps in memory. */
  accessToken: string | null = null;
  refreshToken: string | null = null;
  csrfToken: string | null = null;
  userId = '';
  sessionId = '';
  user: TestUser | undefined;

  constructor(app: TestApp, jar: CookieJar, origin: string | null) {
    this.app = app;
    this.jar = jar;
    this.origin = origin;
  }

  get path(): string {
    return this.app.internals.core.config.basePath;
  }

  get(path: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.call('GET', path, options);
  }

  post(path: string, json?: unknown, options: CallOptions = {}): Promise<HttpAnswer> {
    return this.call('POST', path, { ...(json === undefined ? {} : { json }), ...options });
  }

  async call(method: string, path: string, { json, body, chunked, headers = {}, cookies = true }: CallOptions = {}): Promise<HttpAnswer> {
    const isUnsafe = !['GET', 'HEAD', 'OPTIONS'].includes(method);
    const own: Record<string, string | null> = {
      'content-type': json === undefined ? null : 'application/json',
      cookie: cookies ? (this.jar.header ?? null) : null,
      authorization: this.accessToken === null ? null : `Bearer ${this.accessToken}`,
      origin: isUnsafe ? this.origin : null,
      'sec-fetch-site': this.origin === this.app.publicUrl ? 'same-origin' : null,
      'x-csrf-token': isUnsafe ? this.csrf : null,
      ...headers,
    };
    const payload = body ?? (json === undefined ? undefined : JSON.stringify(json));
    const answer = await send({
      port: this.app.port,
      method,
      path,
      headers: Object.entries(own).filter((pair): pair is [string, string] => pair[1] !== null),
      ...(payload === undefined ? {} : { body: payload }),
      ...(chunked === undefined ? {} : { chunked }),
    });
    this.app.secrets.observe(answer);
    if (cookies) for (const line of answer.setCookies) this.jar.store(line);
    return answer;
  }

  /** From the readable cookie, as a page on the same host finds it after a reload; otherwise from the last answer. */
  get csrf(): string | null {
    return this.state?.csrf ?? this.csrfToken;
  }

  get state(): { readonly v: number; readonly exp: number; readonly csrf: string } | null {
    const value = this.jar.readable(this.app.cookie('state'));
    return value === undefined ? null : (JSON.parse(Buffer.from(value, 'base64url').toString('utf8')) as NonNullable<Client['state']>);
  }

  async login(user: TestUser | { username: string; password: string }, options: LoginOptions = {}): Promise<HttpAnswer> {
    const { password = user.password, ...rest } = options;
    this.app.secrets.add('password', password);
    const answer = await this.post(`${this.path}/auth/login`, { identifier: user.username, password, ...rest });
    if ('id' in user) this.user = user;
    return this.#keep(answer);
  }

  async refresh(options?: CallOptions): Promise<HttpAnswer> {
    const json = this.refreshToken === null ? undefined : { refreshToken: this.refreshToken };
    return this.#keep(await this.post(`${this.path}/auth/refresh`, json, options));
  }

  /** Any act that answers like a login. */
  async signInAgain(path: string, json: unknown, options?: CallOptions): Promise<HttpAnswer> {
    return this.#keep(await this.post(`${this.path}${path}`, json, options));
  }

  async logout(options?: CallOptions): Promise<HttpAnswer> {
    const json = this.refreshToken === null ? undefined : { refreshToken: this.refreshToken };
    const answer = await this.post(`${this.path}/auth/logout`, json, options);
    if (answer.status === 200) this.reload();
    return answer;
  }

  /** The page is loaded anew: what scripts kept is gone, cookies stay. */
  reload(): void {
    this.accessToken = null;
    this.refreshToken = null;
    this.csrfToken = null;
  }

  /** A thief's copy of everything, or a second tab that does not share what this one learns. */
  copy(): Client {
    const copy = new Client(this.app, this.jar.copy(), this.origin);
    return Object.assign(copy, {
      accessToken: this.accessToken,
      refreshToken: this.refreshToken,
      csrfToken: this.csrfToken,
      userId: this.userId,
      sessionId: this.sessionId,
      user: this.user,
    });
  }

  /** The access token, wherever this client has it. */
  get currentAccessToken(): string {
    return this.accessToken ?? this.jar.get(this.app.cookie('access'))?.value ?? '';
  }

  get currentRefreshToken(): string {
    return this.refreshToken ?? this.jar.get(this.app.cookie('refresh'))?.value ?? '';
  }

  /** What becomes of an access token that somebody else presents. */
  presentAccessToken(token: string): Promise<HttpAnswer> {
    return send({ port: this.app.port, path: '/hello', headers: [['authorization', `Bearer ${token}`]] });
  }

  #keep(answer: HttpAnswer): HttpAnswer {
    if (answer.status !== 200) return answer;
    const document = answer.json as {
      accessToken?: string;
      refreshToken?: string;
      csrfToken?: string;
      user: { id: string };
      session: { id: string };
    };
    this.accessToken = document.accessToken ?? null;
    this.refreshToken = document.refreshToken ?? null;
    this.csrfToken = document.csrfToken ?? null;
    this.userId = document.user.id;
    this.sessionId = document.session.id;
    return answer;
  }
}
