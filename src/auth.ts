/** `createAuth`: the library's face. Everything on the path of a request is ready when it resolves. */
import { anyUser, authorize } from './access/access-rule.js';
import { whenSettled } from './access/pending-error.js';
import { createCore, type Core } from './core.js';
import { AuthError } from './errors.js';
import {
  createApiKey,
  defaultLifetimeSeconds,
  defaultOverlapSeconds,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
  type IssuedApiKey as IssuedRecord,
} from './flows/manage-api-keys.js';
import { createUser, deleteUser, endAllSessions, getUser, removeSecondFactor, setDisabled, setRoles } from './flows/manage-users.js';
import { listUsers } from './flows/list-users.js';
import { endSession } from './flows/manage-sessions.js';
import { presentApiKey, presentSession, presentUser } from './flows/present.js';
import { rotateKeys } from './flows/rotate-keys.js';
import { openGate } from './http/gate.js';
import { createHandler, type HttpHandler } from './http/handle.js';
import { handleFetch } from './http/fetch-bridge.js';
import { continueSession, inspectRequest, type Inspection } from './http/continue-session.js';
import type {
  AccessRule,
  ApiKey,
  AppTypes,
  Duration,
  Jwks,
  NewApiKey,
  NewUser,
  Principal,
  RequestLike,
  Session,
  User,
} from './model/app-types.js';
import type { AuthOptions } from './model/options.js';
import type { UserKey } from './model/store.js';
import { parseDuration } from './policy/durations.js';
import { parseEmail, parseUsername } from './policy/identifiers.js';
import type { PropagationFigures } from './revocation/propagation.js';

export interface Auth<App extends AppTypes = AppTypes> {
  /**
   * Answers our routes and 404 for all others. Never rejects. `remoteAddress: null` = unknown: all who have no session then share one limit.
   */
  fetch(request: Request, connection?: { readonly remoteAddress: string | null }): Promise<Response>;
  /**
   * Who is asking. Synchronous, no I/O; checks origin and CSRF token when a cookie is used on an unsafe method. A rule is compiled once per
   * object: keep it in a constant. Never waits, where the guards of the adapters do: while revocations are not up to date it throws 503
   * `revocation_unavailable`, and for an API key that this process has not looked up yet 503 `store_unavailable`.
   * @throws {AuthError} 400, 401, 403, 503.
   */
  getPrincipal(request: RequestLike, rule?: AccessRule<App>): Principal<App>;
  /** As `getPrincipal`, and waits for what is missing: what routes need that are to be opened by API keys. @throws {AuthError} 400, 401, 403, 503. */
  authenticate(request: RequestLike, rule?: AccessRule<App>): Promise<Principal<App>>;
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
  readonly apiKeys: ApiKeys<App>;
  readonly revocations: Revocations;
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
  /**
   * For a user who has lost authenticator app and recovery codes: both are gone, all sessions end, he is told by mail, and the password alone
   * lets him in. @throws {AuthError} `not_found` also for a user without a second factor.
   */
  removeSecondFactor(id: string): Promise<void>;
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

/** Credentials of programs. `secret` is what the program presents, `csk_…`: it is given here and kept nowhere. */
export interface ApiKeys<App extends AppTypes = AppTypes> {
  /** @throws {AuthError} `not_found` for the user, `invalid_request`, `conflict` when he is disabled or has 50 keys. */
  create(key: NewApiKey<App>): Promise<IssuedApiKey<App>>;
  /** Newest first, of one user or of all; revoked and expired ones stay for 30 days. Paged as `users.list`. */
  list(page?: { readonly userId?: string; readonly limit?: number; readonly cursor?: string }): Promise<{
    readonly items: ApiKey<App>[];
    /** Null on the last page. */
    readonly nextCursor: string | null;
  }>;
  /**
   * A new secret for the same key. The old one is accepted for `overlap` more, from `1m` to `7d`, default `24h`, so that the program can be
   * given the new one meanwhile: a secret that got out is revoked instead. May be repeated when its answer was lost: a secret that was never used
   * is replaced, and the old one keeps its time. @throws {AuthError} `not_found`, `conflict`, `invalid_request`.
   */
  rotate(id: string, how?: { readonly overlap?: Duration }): Promise<IssuedApiKey<App>>;
  /** Holds on the next request, on every process; tokens made from it end too. Revoking what is revoked is no error. */
  revoke(id: string): Promise<void>;
  /**
   * Who it is that presents this key, where it does not come in a request. Without a rule whatever it may do.
   * @throws {AuthError} 401, 403, 503.
   */
  verify(key: string, rule?: AccessRule<App>): Promise<Principal<App>>;
}

export interface IssuedApiKey<App extends AppTypes = AppTypes> {
  readonly apiKey: ApiKey<App>;
  readonly secret: string;
}

export interface Revocations {
  /** What this process knows, and how soon it learns it; for dashboards and alarms. No I/O. */
  status(): RevocationStatus;
}

export interface RevocationStatus {
  /** Revocations in force that are held in memory. */
  readonly entries: number;
  /** Since when everything is known that was revoked until then. Infinity after the clock went back, until all is read anew. */
  readonly ageMilliseconds: number;
  /** Whether that is within `maxStaleness`. Where it is not, `strict` waits and then refuses. */
  readonly isFresh: boolean;
  /** How long what other processes revoked took to be refused by this one, by the clock of the store, since this process started. */
  readonly propagation: PropagationFigures;
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
  const getPrincipal = (request: RequestLike, rule: AccessRule<App> = anyUser as AccessRule<App>): Principal<App> =>
    core.authenticator.authenticate(request, core.compile(rule)) as Principal<App>;
  const auth: Auth<App> = Object.freeze({
    fetch: (request: Request, connection?: { readonly remoteAddress: string | null }) =>
      handleFetch(handler, request, connection?.remoteAddress ?? null),
    getPrincipal,
    authenticate: (request: RequestLike, rule?: AccessRule<App>) => whenSettled(() => getPrincipal(request, rule)),
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
    apiKeys: apiKeysOf<App>(core),
    revocations: { status: () => revocationStatus(core) },
    close: async () => {
      handler.endStreams();
      await handler.settled();
      await core.close();
    },
  });
  internals.set(auth, { core, handler });
  openGate(auth, {
    compile: (rule) => core.compile(rule),
    authenticate: (request, rule) => core.authenticator.authenticate(request, rule),
    refuse: (error, request) => handler.refuse(error, request),
    refreshCookie: core.config.cookies.refresh.name,
  });
  return auth;
}

function revocationStatus({ index, feed }: Core): RevocationStatus {
  return {
    entries: index.size,
    ageMilliseconds: feed.ageMilliseconds(),
    isFresh: feed.isFresh(),
    propagation: feed.propagation(),
  };
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
    async removeSecondFactor(id) {
      await removeSecondFactor(core, id);
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

function apiKeysOf<App extends AppTypes>(core: Core): ApiKeys<App> {
  const issued = ({ key, secret }: IssuedRecord): IssuedApiKey<App> => ({ apiKey: presentApiKey<App>(key), secret });
  return {
    create: async ({ userId, name, scopes, expiresIn }) => {
      const lifetimeSeconds = expiresIn === 'never' ? null : secondsOf(expiresIn, defaultLifetimeSeconds);
      return issued(await createApiKey(core, userId, { name, scopes, lifetimeSeconds }));
    },
    async list({ userId = null, limit = 50, cursor } = {}) {
      const page = await listApiKeys(core, { userId, limit, cursor });
      return { items: page.items.map((key) => presentApiKey<App>(key)), nextCursor: page.nextCursor };
    },
    rotate: async (id, { overlap } = {}) =>
      issued(await rotateApiKey(core, id, { overlapSeconds: secondsOf(overlap, defaultOverlapSeconds) })),
    revoke: async (id) => {
      await revokeApiKey(core, id);
    },
    async verify(key, rule) {
      const compiled = core.compile(rule ?? anyUser);
      const { principal } = await core.apiKeys.verify(key, { revocation: compiled.revocation });
      if (rule) authorize(principal, compiled, 0);
      return principal as Principal<App>;
    },
  };
}

/** NaN for what is no duration, which is refused with what would be right. */
function secondsOf(duration: Duration | undefined, fallback: number): number {
  return duration === undefined ? fallback : (parseDuration(duration) ?? NaN);
}
