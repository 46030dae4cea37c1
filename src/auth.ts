/** `createAuth`: the library's face. Everything on the path of a request is ready when it resolves. */
import { isSafeMethod, findCookie, readBearer, readHeader } from './access/credentials.js';
import { createCore, type Core } from './core.js';
import { AuthError } from './errors.js';
import { createUser, deleteUser, endAllSessions, setDisabled, setRoles } from './flows/manage-users.js';
import { listUsers } from './flows/list-users.js';
import { logout } from './flows/logout.js';
import { presentSession, presentUser } from './flows/present.js';
import { refresh } from './flows/refresh.js';
import { createHandler, type HttpHandler } from './http/handle.js';
import { handleFetch } from './http/fetch-bridge.js';
import { signedInCookies } from './http/session-response.js';
import { originalCookieHeader } from './http/take-refresh-cookie.js';
import type { AccessRule, AppTypes, Jwks, NewUser, Principal, RequestLike, Session, User } from './model/app-types.js';
import type { AuthOptions } from './model/options.js';
import type { UserKey, UserRecord } from './model/store.js';
import { parseEmail, parseUsername } from './policy/identifiers.js';
import type { ErrorCode } from './protocol/error-codes.js';
import { verifyRefreshToken } from './tokens/refresh-token.js';

/** What `inspect` sees: `refreshable` means that there is a session whose access token is missing or over. */
export type Inspection<App extends AppTypes = AppTypes> =
  | { readonly status: 'authenticated'; readonly principal: Principal<App> }
  | { readonly status: 'refreshable' | 'guest'; readonly code: ErrorCode };

export interface Auth<App extends AppTypes = AppTypes> {
  /** Answers our routes and 404 for all others. `remoteAddress: null` = unknown. Never rejects. */
  fetch(request: Request, connection: { readonly remoteAddress: string | null }): Promise<Response>;
  /**
   * Who is asking. Synchronous, no I/O; checks origin and CSRF token when a cookie is used on an unsafe method. A rule is compiled once per
   * object: keep it in a constant. @throws {AuthError} 400, 401, 403, 503.
   */
  getPrincipal(request: RequestLike, rule?: AccessRule<App>): Principal<App>;
  /** The same, as a value and without CSRF rules: for pages that greet guests and for server-side rendering. Never for acting. */
  inspect(request: RequestLike): Inspection<App>;
  /**
   * Server-side rendering: as `inspect`, but rotates an expired session. The caller MUST append `headers` to the page's answer, or the
   * browser keeps a token that is used up. @throws {AuthError} 503 when the store cannot be reached.
   */
  continueSession(request: RequestLike): Promise<{ readonly principal: Principal<App> | null; readonly headers: Headers }>;
  readonly users: Users<App>;
  readonly sessions: Sessions;
  readonly keys: Keys;
  /** Finishes running work, closes the store. Safe to call twice. */
  close(): Promise<void>;
}

/** Roles, disabling and deletion hold on the next request. Each throws {AuthError} `not_found` for an unknown id. */
export interface Users<App extends AppTypes = AppTypes> {
  find(by: { readonly id: string } | { readonly username: string } | { readonly email: string }): Promise<User<App> | null>;
  get(id: string): Promise<User<App>>;
  /** Newest first. `q` is looked for in user name, e-mail and name; `cursor` is the `nextCursor` of the page before. Default 50, at most 200. */
  list(page?: { readonly q?: string; readonly limit?: number; readonly cursor?: string }): Promise<{
    readonly items: User<App>[];
    /** Null on the last page. */
    readonly nextCursor: string | null;
  }>;
  /** @throws {AuthError} `invalid_request`, `username_taken`, `conflict` for an e-mail address that is taken. */
  create(user: NewUser<App>): Promise<User<App>>;
  /** @throws {AuthError} `conflict` for the last administrator. */
  setRoles(id: string, roles: readonly App['role'][]): Promise<void>;
  /** Disabling ends all sessions. @throws {AuthError} `conflict` for the last administrator. */
  setDisabled(id: string, disabled: boolean): Promise<void>;
  /** Every access token of the user is renewed, with new `claims`. */
  refreshClaims(id: string): Promise<void>;
  /** @throws {AuthError} `conflict` for the last administrator. */
  delete(id: string): Promise<void>;
}

export interface Sessions {
  list(userId: string): Promise<Session[]>;
  /** Its access tokens are refused from now on. Ending what has ended is no error. */
  end(sessionId: string): Promise<void>;
  endAll(userId: string): Promise<void>;
}

export interface Keys {
  /** Publishes the next key, which signs once every cache of the key set has it. `compromised`: all present keys are void at once. */
  rotate(options?: { readonly compromised?: boolean }): Promise<void>;
  jwks(): Jwks;
}

/** What adapters and the stand-alone server build on; not part of the public face. */
export interface AuthInternals {
  readonly core: Core;
  readonly handler: HttpHandler;
}

const anyUser: AccessRule<never> = {};

const internals = new WeakMap<object, AuthInternals>();

export function internalsOf<App extends AppTypes>(auth: Auth<App>): AuthInternals {
  const found = internals.get(auth);
  if (!found) throw new TypeError('This is not what createAuth() gave.');
  return found;
}

/**
 * Ready when it resolves: options checked, schema current, keys and revocation index loaded.
 * @throws {ConfigError} all problems of the options at once.
 */
export async function createAuth<App extends AppTypes = AppTypes>(options: AuthOptions<App>): Promise<Auth<App>> {
  const core = await createCore(options);
  const handler = createHandler(core);
  const authenticate = (request: RequestLike, rule: AccessRule): Principal<App> =>
    core.authenticator.authenticate(request, core.compile(rule)) as Principal<App>;
  const inspect = (request: RequestLike): Inspection<App> => inspectRequest(core, request) as Inspection<App>;
  const auth: Auth<App> = Object.freeze({
    fetch: (request: Request) => handleFetch(handler, request),
    getPrincipal: (request: RequestLike, rule: AccessRule<App> = anyUser) => authenticate(request, rule),
    inspect,
    continueSession: (request: RequestLike) => continueSession<App>(core, request, inspect(request)),
    users: usersOf<App>(core),
    sessions: sessionsOf(core),
    keys: {
      rotate: (how?: { readonly compromised?: boolean }) => core.keys.rotate(how),
      jwks: () => core.ring().jwks,
    },
    close: () => core.close(),
  });
  internals.set(auth, { core, handler });
  return auth;
}

function inspectRequest(core: Core, request: RequestLike): Inspection {
  try {
    // Looking changes nothing, whatever the method of the request.
    return { status: 'authenticated', principal: core.authenticator.authenticate({ headers: request.headers }, core.compile(anyUser)) };
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    const cookie = error.status === 401 ? refreshCookieOf(core, request) : undefined;
    const isGenuine = cookie !== undefined && verifyRefreshToken(core.secrets, cookie).ok;
    return { status: isGenuine ? 'refreshable' : 'guest', code: error.code };
  }
}

/** Undefined beside a bearer credential, which is judged alone, and when it is there twice: looking refuses nothing. */
function refreshCookieOf(core: Core, { headers }: RequestLike): string | undefined {
  if (readBearer(readHeader(headers, 'authorization')) !== undefined) return undefined;
  try {
    return findCookie(originalCookieHeader(headers) ?? readHeader(headers, 'cookie'), core.config.cookies.refresh.name);
  } catch {
    return undefined;
  }
}

async function continueSession<App extends AppTypes>(
  core: Core,
  request: RequestLike,
  inspection: Inspection<App>,
): Promise<{ principal: Principal<App> | null; headers: Headers }> {
  const headers = new Headers();
  if (inspection.status === 'authenticated') return { principal: inspection.principal, headers };
  const token = refreshCookieOf(core, request);
  // A rotation is the browser's own page being loaded, never something that another site's form caused.
  if (inspection.status === 'guest' || token === undefined || !isSafeMethod(request.method ?? 'GET')) return { principal: null, headers };
  try {
    const signedIn = await refresh(core, { token, bearer: false });
    for (const [name, value] of signedInCookies(core.config, signedIn, core.clock.now())) headers.append(name, value);
    const bearer = { headers: { authorization: `Bearer ${signedIn.accessToken}` } };
    return { principal: core.authenticator.authenticate(bearer, core.compile(anyUser)) as Principal<App>, headers };
  } catch (error) {
    if (error instanceof AuthError && error.status < 500) return { principal: null, headers };
    throw error;
  }
}

function usersOf<App extends AppTypes>(core: Core): Users<App> {
  const { users } = core.store;
  const get = async (id: string): Promise<User<App>> => presentUser<App>(required(await users.find({ id })));
  return {
    async find(by) {
      const key = keyOf(by);
      const user = key && (await users.find(key));
      return user ? presentUser<App>(user) : null;
    },
    get,
    async list({ q, limit = 50, cursor } = {}) {
      const page = await listUsers(core, { q, cursor, limit: Math.min(200, Math.max(1, Math.floor(limit))) });
      return { items: page.items.map((user) => presentUser<App>(user)), nextCursor: page.nextCursor };
    },
    create: async (user) => presentUser<App>(await createUser(core, user)),
    setRoles: async (id, roles) => {
      await setRoles(core, id, { roles });
    },
    setDisabled: async (id, disabled) => {
      await setDisabled(core, id, { disabled });
    },
    async refreshClaims(id) {
      if (!(await users.raiseAuthzVersion(id))) throw new AuthError('not_found');
    },
    delete: (id) => deleteUser(core, id),
  };
}

function keyOf(by: { readonly id: string } | { readonly username: string } | { readonly email: string }): UserKey | null {
  if ('id' in by) return by;
  const identifier = 'username' in by ? parseUsername(by.username) : parseEmail(by.email);
  if (!identifier) return null;
  return 'username' in by ? { usernameKey: identifier.key } : { emailKey: identifier.key };
}

function required(user: UserRecord | null): UserRecord {
  if (!user) throw new AuthError('not_found');
  return user;
}

function sessionsOf(core: Core): Sessions {
  return {
    list: async (userId) => (await core.store.sessions.list(userId)).map(presentSession),
    end: (sessionId) => logout(core, sessionId),
    endAll: (userId) => endAllSessions(core, userId),
  };
}
