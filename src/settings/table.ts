/** Every setting of the stand-alone server: its variable, its default, what it is, and how it is read. */
import type { Delivery, Duration } from '../model/app-types.js';
import type { Bus } from '../model/bus.js';
import type { AuthOptions, CookieOptions, EventOptions, LimitText } from '../model/options.js';
import type { SigningAlgorithm } from '../model/store.js';
import {
  oneOf,
  parseDurationText,
  parseHost,
  parseIdentifiers,
  parseLimitText,
  parseList,
  parseMetricsToken,
  parsePort,
  parseProxies,
  parseRedis,
  parseRoles,
  parseStopDelay,
  parseStore,
  parseText,
  parseWholeNumber,
  parseTopology,
  parseWorkers,
  type StorePlace,
} from './parse-value.js';

export interface Setting<Value> {
  /** As it would be written, where there is one that can be. */
  readonly fallback?: string;
  /** The default in words, where it depends on others or there is none. */
  readonly fallbackText?: string;
  /** One sentence. */
  readonly about: string;
  /** The paths of `AuthOptions` that it feeds; problems found there are told under its name. */
  readonly options?: readonly string[];
  /** Never printed. */
  readonly isSecret?: true;
  /** @throws {UnusableValue} */
  readonly parse: (text: string) => Value;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What the variables hold once they are read. */
export interface SettingValues {
  readonly PORT: number;
  readonly HOST: string;
  readonly NODE_ENV: string;
  readonly COUNTERSIGN_DATA: string;
  readonly COUNTERSIGN_STORE: StorePlace;
  readonly COUNTERSIGN_REDIS: Bus;
  readonly COUNTERSIGN_SECRET: readonly string[];
  readonly COUNTERSIGN_PUBLIC_URL: string;
  readonly COUNTERSIGN_AUDIENCE: readonly string[];
  readonly COUNTERSIGN_TRUSTED_ORIGINS: readonly string[];
  readonly COUNTERSIGN_TRUSTED_PROXIES: number | readonly string[];
  readonly COUNTERSIGN_DELIVERY: Delivery;
  readonly COUNTERSIGN_ACCESS_TTL: Duration;
  readonly COUNTERSIGN_REFRESH_TTL: Duration;
  readonly COUNTERSIGN_SESSION_MAX_AGE: Duration;
  readonly COUNTERSIGN_REPLAY_WINDOW: Duration;
  readonly COUNTERSIGN_LOGIN_LIMIT: LimitText;
  readonly COUNTERSIGN_API_LIMIT: LimitText;
  readonly COUNTERSIGN_SMTP_URL: string;
  readonly COUNTERSIGN_PASSWORD_MIN_LENGTH: number;
  readonly COUNTERSIGN_PASSWORD_RANGE_SERVICE: string;
  readonly COUNTERSIGN_MAIL_FROM: string;
  readonly COUNTERSIGN_EVENTS_KEEP: NonNullable<EventOptions['keep']>;
  readonly COUNTERSIGN_EVENTS_ADDRESSES: NonNullable<EventOptions['addresses']>;
  readonly COUNTERSIGN_WORKERS: number;
  readonly COUNTERSIGN_STOP_DELAY: Duration;
  readonly COUNTERSIGN_COOKIES: NonNullable<CookieOptions['topology']>;
  readonly COUNTERSIGN_COOKIE_PREFIX: string;
  readonly COUNTERSIGN_IDENTIFIERS: NonNullable<AuthOptions['identifiers']>;
  readonly COUNTERSIGN_ROLES: NonNullable<AuthOptions['roles']>;
  readonly COUNTERSIGN_REGISTRATION: 'open' | 'closed';
  readonly COUNTERSIGN_EMAIL_VERIFICATION: 'required' | 'optional';
  readonly COUNTERSIGN_UNVERIFIED_ACCOUNTS: 'allow' | 'refuse';
  readonly COUNTERSIGN_ALG: SigningAlgorithm;
  readonly COUNTERSIGN_KEY_MAX_AGE: Duration;
  readonly COUNTERSIGN_REVOCATION: 'strict' | 'available';
  readonly COUNTERSIGN_MAX_STALENESS: Duration;
  readonly COUNTERSIGN_LOG_LEVEL: LogLevel;
  readonly COUNTERSIGN_METRICS_TOKEN: string;
  readonly COUNTERSIGN_ALLOW_INSECURE: readonly string[];
}

export type SettingName = keyof SettingValues;

export const settings: { readonly [Name in SettingName]: Setting<SettingValues[Name]> } = {
  PORT: { fallback: '4000', about: 'The port that the server listens on.', parse: parsePort },
  HOST: {
    fallbackText: '`127.0.0.1`; `0.0.0.0` under production rules',
    about: 'The address that the server listens on.',
    parse: parseHost,
  },
  COUNTERSIGN_DATA: {
    fallback: './data',
    about: 'The folder of the embedded database and, in development, of the made-up secret.',
    parse: parseText,
  },
  COUNTERSIGN_STORE: {
    fallbackText: '`countersign.db` in the data folder',
    about:
      'The store of record: `sqlite:` and the path of a file, or the URL of a PostgreSQL database: `postgres://user:password@host/database`.',
    options: ['store'],
    parse: parseStore,
  },
  COUNTERSIGN_SECRET: {
    fallbackText: 'made up in development, required under production rules',
    about:
      'The master secret, at least 32 random bytes as `countersign secret` prints them. Several are separated by commas: the first signs, all verify.',
    options: ['secret'],
    isSecret: true,
    parse: (text) => text.split(','),
  },
  COUNTERSIGN_PUBLIC_URL: {
    fallbackText: '`http://localhost:PORT`; required when `NODE_ENV` is `production`',
    about: 'Where browsers reach the server: issuer and cookie security. Never taken from a request.',
    options: ['publicUrl'],
    parse: parseText,
  },
  COUNTERSIGN_AUDIENCE: {
    fallbackText: 'the public URL',
    about: 'Whom access tokens are for; a list, of which this server demands the first.',
    options: ['tokens.audience'],
    parse: parseList,
  },
  COUNTERSIGN_TRUSTED_ORIGINS: {
    fallbackText: 'the own origin',
    about: 'The origins whose pages may call with cookies; a list, each exact: `https://app.example.com`.',
    options: ['trustedOrigins'],
    parse: parseList,
  },
  COUNTERSIGN_COOKIES: {
    fallback: 'same-origin',
    about:
      'Which pages get cookies: `same-origin`; `subdomains:example.com`, where the access cookie loses its `__Host-`; or `cross-site`, where only origin and CSRF token protect.',
    options: ['cookies.topology', 'cookies.sameSite'],
    parse: parseTopology,
  },
  COUNTERSIGN_COOKIE_PREFIX: {
    fallback: 'cs',
    about: 'What the names of the cookies begin with; two applications on one host need two.',
    options: ['cookies.prefix'],
    parse: parseText,
  },
  COUNTERSIGN_DELIVERY: {
    fallback: 'cookie',
    about: 'How tokens travel unless a login asks for another way: `cookie`, `memory` or `bearer`.',
    parse: oneOf('cookie', 'memory', 'bearer'),
  },
  COUNTERSIGN_IDENTIFIERS: {
    fallback: 'username,email',
    about: 'What people sign in with: `username`, `email`, or both.',
    options: ['identifiers'],
    parse: parseIdentifiers,
  },
  COUNTERSIGN_ROLES: {
    fallback: 'user,admin',
    about:
      'The roles that users can have, each with its permissions where it has some: `reader,editor=article:write+article:publish,admin`. A new user gets the first; `admin` may use the admin routes.',
    options: ['roles'],
    parse: parseRoles,
  },
  COUNTERSIGN_REGISTRATION: {
    fallback: 'open',
    about: '`open`, or `closed`: only administrators create users.',
    options: ['registration'],
    parse: oneOf('open', 'closed'),
  },
  COUNTERSIGN_EMAIL_VERIFICATION: {
    fallback: 'required',
    about:
      '`required`: who registers by an e-mail address alone proves it by mail first, and nobody is told whether it has an account; without mail, registration needs a user name. `optional`: he need not, and 201 or 409 tells a stranger which addresses have accounts.',
    options: ['emailVerification'],
    parse: oneOf('required', 'optional'),
  },
  COUNTERSIGN_UNVERIFIED_ACCOUNTS: {
    fallback: 'allow',
    about: '`refuse`: nobody can log in whose address is not proved, and registration demands one. Needs mail.',
    options: ['unverifiedAccounts'],
    parse: oneOf('allow', 'refuse'),
  },
  COUNTERSIGN_SMTP_URL: {
    fallbackText: 'none: in development mails are printed and kept in a mailbox; under production rules none are sent',
    about:
      'The server that takes mails: `smtps://user:password@host:465` or `smtp://host:587`; with a user name only over TLS. Needs the package `nodemailer`.',
    options: ['sendMail'],
    isSecret: true,
    parse: parseText,
  },
  COUNTERSIGN_MAIL_FROM: {
    fallbackText: 'required with `COUNTERSIGN_SMTP_URL`',
    about: 'The sender of mails: `Example <no-reply@example.com>`.',
    options: ['sendMail.from'],
    parse: parseText,
  },
  COUNTERSIGN_ACCESS_TTL: {
    fallback: '15m',
    about: 'Life of an access token. Above `24h` only if `COUNTERSIGN_ALLOW_INSECURE` names it.',
    options: ['tokens.accessTtl', 'tokens.insecureAccessTtl'],
    parse: parseDurationText,
  },
  COUNTERSIGN_REFRESH_TTL: {
    fallback: '7d',
    about: 'A session ends when it was not refreshed for this long.',
    options: ['session.idleTimeout'],
    parse: parseDurationText,
  },
  COUNTERSIGN_SESSION_MAX_AGE: {
    fallback: '30d',
    about: 'A session ends this long after login, whatever happens; at most `400d`.',
    options: ['session.absoluteLifetime'],
    parse: parseDurationText,
  },
  COUNTERSIGN_REPLAY_WINDOW: {
    fallback: '60s',
    about: 'For this long after a rotation the refresh token before it gets the same successor; at most `10m`.',
    options: ['session.replayWindow'],
    parse: parseDurationText,
  },
  COUNTERSIGN_ALG: {
    fallback: 'ES256',
    about: 'The algorithm of access tokens: `ES256`, `EdDSA`, `RS256` or `HS256`.',
    options: ['tokens.algorithm'],
    parse: oneOf('ES256', 'EdDSA', 'RS256', 'HS256'),
  },
  COUNTERSIGN_KEY_MAX_AGE: {
    fallback: '90d',
    about: 'The age at which a signing key is followed by the next.',
    options: ['tokens.rotateKeysEvery'],
    parse: parseDurationText,
  },
  COUNTERSIGN_REVOCATION: {
    fallback: 'strict',
    about: '`strict` refuses requests while revocations cannot be known to be up to date; `available` lets them pass.',
    options: ['revocation.mode'],
    parse: oneOf('strict', 'available'),
  },
  COUNTERSIGN_MAX_STALENESS: {
    fallback: '5s',
    about: 'How old the knowledge of revocations may be; at most `60s`.',
    options: ['revocation.maxStaleness'],
    parse: parseDurationText,
  },
  COUNTERSIGN_LOGIN_LIMIT: {
    fallback: '10/15m',
    about:
      'Failed logins and registrations, and mails asked for, by address in a time; a device that its user has signed in on before has a budget of its own. `insecure-off` limits neither, nor how many mails go to one address.',
    options: ['limits.login'],
    parse: parseLimitText,
  },
  COUNTERSIGN_API_LIMIT: {
    fallback: '100/1m',
    about:
      'Requests in a time, of our own routes: by session, or by address where there is none; refreshing counts apart. `insecure-off` does not limit.',
    options: ['limits.api'],
    parse: parseLimitText,
  },
  COUNTERSIGN_PASSWORD_MIN_LENGTH: {
    fallback: '8',
    about: 'Characters that a new password has at least, from 8 to 64. NIST SP 800-63B-4 asks for 15 where nothing else is demanded.',
    options: ['passwords.minLength'],
    parse: parseWholeNumber,
  },
  COUNTERSIGN_PASSWORD_RANGE_SERVICE: {
    fallbackText: 'none',
    about:
      'A service that knows passwords from breaches, by range: `https://api.pwnedpasswords.com/range/`. Five hex digits of the SHA-1 of a new password are sent; while it does not answer, passwords pass.',
    options: ['passwords.rangeService'],
    parse: parseText,
  },
  COUNTERSIGN_EVENTS_KEEP: {
    fallback: '400d',
    about: 'For how long the record of events keeps what happened; at least `1d`, or `forever`.',
    options: ['events.keep'],
    parse: (text) => (text === 'forever' ? text : parseDurationText(text)),
  },
  COUNTERSIGN_EVENTS_ADDRESSES: {
    fallback: 'keep',
    about: '`omit`: the record of events holds no addresses of clients. `keep`: until the user is deleted.',
    options: ['events.addresses'],
    parse: oneOf('keep', 'omit'),
  },
  COUNTERSIGN_TRUSTED_PROXIES: {
    fallbackText: 'none: forwarded headers are ignored',
    about:
      'The proxies in front, as a number of hops or a list of addresses and networks: what they append to `X-Forwarded-For` is believed. Without it everybody behind a proxy counts as one address.',
    options: ['trustedProxies'],
    parse: parseProxies,
  },
  COUNTERSIGN_REDIS: {
    fallbackText: 'none',
    about:
      'Redis or Valkey beside the store: `redis://` or `rediss://`, with user and password where there are. Revocations reach other processes at once instead of within a second; nothing depends on it. Needs the package `ioredis`.',
    options: ['bus'],
    isSecret: true,
    parse: parseRedis,
  },
  COUNTERSIGN_WORKERS: { fallback: '1', about: 'How many processes serve the port, each on a processor of its own.', parse: parseWorkers },
  COUNTERSIGN_STOP_DELAY: {
    fallbackText: 'none',
    about:
      'For so long after it was told to stop the server still accepts connections, while `/health/ready` says `stopping`: the time that load balancers need to notice; at most `60s`.',
    parse: parseStopDelay,
  },
  COUNTERSIGN_LOG_LEVEL: {
    fallback: 'info',
    about: 'The least that is logged: `debug` (each request), `info` (security events), `warn`, `error` or `silent`.',
    parse: oneOf('debug', 'info', 'warn', 'error', 'silent'),
  },
  COUNTERSIGN_METRICS_TOKEN: {
    fallbackText: 'none',
    about: 'The token that `GET /metrics` is read with, as `Authorization: Bearer`; without one there is no such resource.',
    isSecret: true,
    parse: parseMetricsToken,
  },
  COUNTERSIGN_ALLOW_INSECURE: {
    fallbackText: 'none',
    about: 'The settings that may have a value which weakens security; a list of their names.',
    parse: parseList,
  },
  NODE_ENV: {
    fallbackText: 'none',
    about: '`production` demands production rules. Any other value allows development, on this machine only.',
    parse: parseText,
  },
};

/** In the order of the table. */
export const settingNames: readonly SettingName[] = Object.keys(settings) as SettingName[];
