/** What people write: the options of `createAuth`. */
import type { MasterSecret } from '../crypto/master-secret.js';
import type { AppTypes, Clock, Delivery, Duration, Logger, User, WebOrigin } from './app-types.js';
import type { AuthEvent } from './auth-event.js';
import type { Bus } from './bus.js';
import type { ComposeMail, SendMail } from './mail.js';
import type { SigningAlgorithm, Store } from './store.js';

export interface AuthOptions<App extends AppTypes = AppTypes> {
  /** Where browsers reach this server: issuer, cookie security, links in mails. Never taken from a request. `https`, or `http` on this machine. */
  publicUrl: string;
  secret: MasterSecret;
  store: Store;
  /** Makes revocations travel faster between processes; nothing depends on it. `redis(url)` of `countersign/redis`. */
  bus?: Bus;
  /** The web pages that may call with cookies, exact: `https://app.example.com`. `*` does not compile. Own origin is always in. */
  trustedOrigins?: readonly WebOrigin[];
  /** First path segment of ours. Default `/api`: then `/api/auth/…`, `/api/users/me`, `/api/admin/…`. */
  basePath?: `/${string}`;
  /** What people sign in with. Default both; registration needs a user name, unless it is not among them. */
  identifiers?: readonly ['username'] | readonly ['email'] | readonly ['username', 'email'];
  /** `closed`: only administrators create users. Default `open`. */
  registration?: 'open' | 'closed';
  /**
   * `required` (default): who registers by e-mail alone proves the address by mail first, and nobody is told whether it has an account; without
   * mail, registration needs a user name. `optional`: registration by e-mail alone answers 201 or 409, which tells a stranger which addresses
   * have accounts.
   */
  emailVerification?: 'required' | 'optional';
  /** `refuse`: nobody can log in whose address is not proved, and registration demands one. Default `allow`. */
  unverifiedAccounts?: 'allow' | 'refuse';
  /**
   * Sends mails: `smtp(url, { from })` of `countersign/smtp`, or a function of one's own, which rejects when a mail was not sent; it is tried
   * again then. Without it in development, mails are printed and kept in a mailbox; in production none are sent.
   */
  sendMail?: SendMail;
  /** Texts of one's own, or in other languages. */
  composeMail?: ComposeMail<App>;
  /** Pages of one's own for links in mails: absolute URLs, to which `#token=…` is added. Default: ours. */
  links?: LinkOptions;
  /** How tokens travel unless a login asks for another way. Default `cookie`. */
  delivery?: Delivery;
  cookies?: CookieOptions;
  tokens?: TokenOptions;
  session?: SessionOptions;
  revocation?: RevocationOptions;
  limits?: LimitOptions;
  passwords?: PasswordOptions;
  events?: EventOptions;
  /**
   * The proxies in front of this server, as a number of hops or as addresses (`10.0.0.0/8`): only what they append to `X-Forwarded-For` is
   * believed. Without it forwarded headers are ignored, and everybody behind a proxy counts as one address.
   */
  trustedProxies?: number | readonly string[];
  /** Each role and what it may do. The first one is the default role. Default `{ user: [], admin: [] }`. */
  roles?: { readonly [R in App['role']]: readonly App['permission'][] };
  /** Parses the `profile` part of register and PATCH bodies; throw to refuse. `z.strictObject({…}).parse` fits. Without it: no extra fields. */
  parseProfile?: (input: unknown) => App['profile'];
  /** Public facts put into the access token under `app`; at most 256 bytes of JSON. Renewed by `users.refreshClaims`. */
  claims?: (user: User<App>) => App['claims'] | Promise<App['claims']>;
  /** May refuse a registration by throwing `AuthError`. Runs before anything is written. */
  beforeRegister?: (input: { username: string | null; email: string | null; profile: App['profile'] }) => void | Promise<void>;
  /**
   * `false` switches off what makes development easier: every port of the public host name trusted, refused origins explained. Default: on while
   * `publicUrl` is this machine and `NODE_ENV` is not `production`.
   */
  development?: false;
  /** Told of each event after its commit. Must not throw; never delays an answer. */
  onEvent?: (event: AuthEvent) => void | Promise<void>;
  /** Default: warnings and errors on the console. */
  logger?: Logger;
  clock?: Clock;
}

export interface LinkOptions {
  /** Posts `token` to `auth/email/verify`. */
  verifyEmail?: string;
  /** Posts `token` and `newPassword` to `auth/password/reset`. */
  resetPassword?: string;
  /** Posts `token` to `auth/not-me`. */
  notMe?: string;
}

export interface CookieOptions {
  /** `cs` gives `__Host-cs-access` … Give each application on one host its own. */
  prefix?: string;
  /**
   * `same-origin` (default, `__Host-`). `subdomainsOf` widens the access cookie to a parent domain and costs its `__Host-`: any sub-domain can
   * plant one. `cross-site` (`SameSite=None; Partitioned`): pages of other sites, only Origin and CSRF token protect.
   */
  topology?: 'same-origin' | { readonly subdomainsOf: string } | 'cross-site';
  /** Default `lax`. With `strict` a link from elsewhere opens the page signed out. */
  sameSite?: 'lax' | 'strict';
}

export interface TokenOptions {
  /** Default `ES256`: verified by every JOSE library. */
  algorithm?: SigningAlgorithm;
  /** Default `15m`; at most `24h`. */
  accessTtl?: Duration;
  /** Instead of `accessTtl`, above `24h`: what such a token carries besides revocable facts stays as it was for as long. */
  insecureAccessTtl?: Duration;
  /** Default: the public URL. The first is the one that this server demands. */
  audience?: readonly string[];
  /** Default `90d`. */
  rotateKeysEvery?: Duration;
}

export interface SessionOptions {
  /** A session ends when it was not refreshed for this long. Default `7d`. */
  idleTimeout?: Duration;
  /** A session ends this long after login, whatever happens. Default `30d`, at most `400d`. */
  absoluteLifetime?: Duration;
  /** Within this time after a rotation the token before it is answered with the same successor. Default `60s`, at most `10m`. */
  replayWindow?: Duration;
  /** `once` (default): an answer lost while the client was away does not end the session. `never`: it does. */
  lateDouble?: 'once' | 'never';
  /** Sessions of one user; the least recently used ends. Default 100. */
  maxPerUser?: number;
}

/** So many in this time, of our own routes; shared by all processes of a store. `insecure-off` does not limit. */
export type LimitText = `${number}/${Duration}` | 'insecure-off';

export interface LimitOptions {
  /**
   * Failed logins and registrations by address, and mails asked for; a device that its user has signed in on before has a budget of its own.
   * Default `10/15m`. `insecure-off` also lets anybody have any number of mails sent to an address, and try any number of
   * codes of a second factor.
   */
  login?: LimitText;
  /** Requests by session, or by address where there is none; refreshing counts apart. Default `100/1m`. */
  api?: LimitText;
}

/** What a password that somebody chooses must be. Common ones, and those with the user's or the service's name in them, are refused always. */
export interface PasswordOptions {
  /** In characters, from 8, the default, to 64. NIST SP 800-63B-4 asks for 15 where nothing but the password is demanded. */
  minLength?: number;
  /**
   * A service that knows passwords from breaches and answers range queries as Have I Been Pwned does, up to where the digits begin:
   * `https://api.pwnedpasswords.com/range/`. Five hex digits of the SHA-1 leave this process. While it does not answer, passwords pass.
   */
  rangeService?: `https://${string}` | `http://localhost:${number}/${string}` | `http://127.0.0.1:${number}/${string}`;
}

/** The record of what happened. */
export interface EventOptions {
  /** For how long; at least `1d`. Default `400d`. */
  keep?: Duration | 'forever';
  /** `omit`: the record holds no addresses of clients. Default `keep`, until the user is deleted. */
  addresses?: 'keep' | 'omit';
}

export interface RevocationOptions {
  /** `strict` (default) refuses requests while revocations cannot be known to be up to date; `available` lets them pass. */
  mode?: 'strict' | 'available';
  /** Default `5s`, at most `60s`. */
  maxStaleness?: Duration;
}
