/** The options as resolved: complete, checked, read-only. Nobody writes `?? default` after this. */
import type { BlockList } from 'node:net';
import type { Delivery } from './app-types.js';
import type { Limit } from './limits.js';
import type { SigningAlgorithm } from './store.js';

export interface AuthConfig {
  readonly publicUrl: PublicUrl;
  readonly audience: readonly string[];
  /** Root of our routes, without a slash at its end: `/api`. */
  readonly basePath: string;
  readonly trustedOrigins: ReadonlySet<string>;
  readonly identifiers: ReadonlySet<'username' | 'email'>;
  readonly registration: 'open' | 'closed';
  readonly emailVerification: 'required' | 'optional';
  readonly unverifiedAccounts: 'allow' | 'refuse';
  /** By what mails go: the application's transport, the mailbox of development, or not at all. */
  readonly mail: 'transport' | 'mailbox' | 'none';
  readonly links: MailLinks;
  readonly delivery: Delivery;
  readonly cookies: CookieConfig;
  readonly tokens: TokenConfig;
  readonly session: SessionConfig;
  readonly revocation: RevocationConfig;
  readonly limits: LimitConfig;
  readonly passwords: PasswordConfig;
  readonly events: EventConfig;
  readonly trustedProxies: TrustedProxies;
  readonly roles: ReadonlyMap<string, readonly string[]>;
  readonly defaultRole: string;
  /** A sensitive act needs an authentication no older than this. */
  readonly sensitiveSeconds: number;
  /** Conveniences for development: every port of the public host name is trusted, refusals explain themselves. */
  readonly development: boolean;
}

/** The pages that links in mails open, without the fragment that holds the token. */
export interface MailLinks {
  readonly verifyEmail: string;
  readonly resetPassword: string;
  readonly notMe: string;
}

export interface PublicUrl {
  readonly origin: string;
  readonly hostname: string;
  readonly secure: boolean;
  readonly loopback: boolean;
}

export interface CookieConfig {
  readonly access: CookieAttributes;
  readonly refresh: CookieAttributes;
  readonly state: CookieAttributes;
}

export interface CookieAttributes {
  readonly name: string;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: 'Lax' | 'Strict' | 'None';
  readonly partitioned: boolean;
  /** Only the access cookie may have one. */
  readonly domain: string | null;
}

export interface TokenConfig {
  readonly algorithm: SigningAlgorithm;
  readonly accessSeconds: number;
  readonly rotateKeysSeconds: number;
}

export interface SessionConfig {
  readonly idleSeconds: number;
  /** Idle timeout of a session that ends with the browser (`remember: false`). */
  readonly transientIdleSeconds: number;
  readonly absoluteSeconds: number;
  readonly replayWindowSeconds: number;
  readonly lateDouble: 'once' | 'never';
  readonly maxPerUser: number;
}

export interface EventConfig {
  /** Null: for ever. */
  readonly keptSeconds: number | null;
  readonly addresses: 'keep' | 'omit';
}

export interface PasswordConfig {
  readonly minLength: number;
  /** Ends where the digits of a range begin; null: nobody is asked. */
  readonly rangeService: string | null;
}

/** Null: not limited. */
export interface LimitConfig {
  readonly login: Limit | null;
  readonly api: Limit | null;
}

/** A number of hops, or their addresses; null: there is none. */
export type TrustedProxies = number | BlockList | null;

export interface RevocationConfig {
  readonly mode: 'strict' | 'available';
  readonly maxStalenessSeconds: number;
}
