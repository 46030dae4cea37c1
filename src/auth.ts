/** `createAuth`: the library's face. Everything on the path of a request is ready when it resolves. */
import { anyUser } from './access/access-rule.js';
import { createCore, type Core } from './core.js';
import { AuthError } from './errors.js';
import { createUser, deleteUser, endAllSessions, getUser, setDisabled, setRoles } from './flows/manage-users.js';
import { listUsers } from './flows/list-users.js';
import { endSession } from './flows/manage-sessions.js';
import { presentSession, presentUser } from './flows/present.js';
import { rotateKeys } from './flows/rotate-keys.js';
import { createHandler, type HttpHandler } from './http/handle.js';
import { handleFetch } from './http/fetch-bridge.js';
import { continueSession, inspectRequest, type Inspection } from './http/continue-session.js';
import type { AccessRule, AppTypes, Jwks, NewUser, Principal, RequestLike, Session, User } from './model/app-types.js';
import type { AuthOptions } from './model/options.js';
import type { UserKey } from './model/store.js';
import { parseEmail, parseUsername } from './policy/identifiers.js';

export interface Auth<App extends AppTypes = AppTypes> {
  /**
   * Answers our routes and 404 for all others. Never rejects. `connection` is for limits by address, which this version does not have yet;
   * `remoteAddress: null` = unknown.
   */
  fetch(request: Request, connection?: { readonly remoteAddress: string | null }): Promise<Response>;
  /**
   * Who is asking. Synchronous, no I/O; checks origin and CSRF token when a cookie is used on an unsafe method. A rule is compiled once per
   * object: keep it in a constant. Never waits: while revocations are not up to date it throws 503 `revocation_unavailable`, where the guards
   * of the adapters wait for them. @throws {AuthError} 400, 401, 403, 503.
   */
  getPrincipal(request: RequestLike, rule?: AccessRule<App>): Principal<App>;
  /** The same, as a value and without CSRF rules: for pages that greet guests and for server-side rendering. Never for acting. */
  inspect(request: RequestLike): Inspection<App>;
  /**
   * Server-side rendering: as `inspect`, but rotates an expired session. The caller MUST append `headers` to the page's answer, or the
   * browser keeps a token that is used up. `principal: null` is a guest. @throws {AuthError} when that cannot be known now: 503, or 409
   * `refresh_superseded` (the browser holds a newer cookie already: have it load the page again).
   */
  continueSession(request: RequestLike): Promise<{ readonly principal: Principal<App> | null; readonly headers: Headers }>;
  readonly users: Users<App>;
  readonly sessions: Sessions;
  readonly keys: Keys;
  /** Finishes the requests under way, then closes the store; stop your server first. Safe to call twice. */
  close(): Promise<void>;
}

/** Roles, disabling and deletion hold on the next request. What takes an id throws {AuthError} `not_found` for one that nobody has. */
export interface Users<App extends AppTypes = AppTypes> {
  find(by: { readonly id: string } | { readonly username: string } | { readonly email: string }): Promise<User<App> | null>;
  get(id: string): Promise<User<App>>;
  /**
   * Newest first. `q` is looked for in user name, e-mail and name; `cursor` is the `nextCursor` of the page before. Default 50.
   * @throws {AuthError} `invalid_request` for a limit that is not from 1 to 200, or a cursor that is not of this list.
   */
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
  const auth: Auth<App> = Object.freeze({
    fetch: (request: Request) => handleFetch(handler, request),
    getPrincipal: (request: RequestLike, rule: AccessRule<App> = anyUser as AccessRule<App>) => authenticate(request, rule),
    inspect: (request: RequestLike) => inspectRequest(core, request) as Inspection<App>,
    continueSession: async (request: RequestLike) => {
      const { principal, headers } = await continueSession(core, request);
      return { principal: principal as Principal<App> | null, headers };
    },
    users: usersOf<App>(core),
    sessions: sessionsOf(core),
    keys: {
      rotate: (how?: { readonly compromised?: boolean }) => rotateKeys(core, how),
      jwks: () => core.ring().jwks,
    },
    close: async () => {
      await handler.settled();
      await core.close();
    },
  });
  internals.set(auth, { core, handler });
  return auth;
}

function usersOf<App extends AppTypes>(core: Core): Users<App> {
  const { users } = core.store;
  return {
    async find(by) {
      const key = keyOf(by);
      const user = key && (await users.find(key));
      return user ? presentUser<App>(user) : null;
    },
    get: async (id) => presentUser<App>(await getUser(core, id)),
    async list({ q, limit = 50, cursor } = {}) {
      const page = await listUsers(core, { q, cursor, limit });
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

function sessionsOf(core: Core): Sessions {
  return {
    list: async (userId) => (await core.store.sessions.list(userId)).map(presentSession),
    end: async (sessionId) => {
      await endSession(core, sessionId);
    },
    endAll: (userId) => endAllSessions(core, userId),
  };
}
