/** The application's own vocabulary, and the public shapes that are typed by it. */

/** Written once by the application: `createAuth<MyApp>()`. */
export interface AppTypes {
  role: string;
  permission: string;
  profile: object;
  claims: object;
}

/** How a session's tokens travel: both in cookies; access token in the body and refresh token in a cookie; both in the body. */
export type Delivery = 'cookie' | 'memory' | 'bearer';

/** A whole number and its unit: `30s`, `15m`, `12h`, `7d`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`;

/** An exact origin (RFC 6454). `*` does not compile. */
export type WebOrigin = `https://${string}` | `http://localhost:${number}` | `http://127.0.0.1:${number}`;

export interface User<App extends AppTypes = AppTypes> {
  readonly id: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly roles: readonly App['role'][];
  readonly mfaEnabled: boolean;
  readonly disabled: boolean;
  readonly createdAt: Date;
  readonly profile: App['profile'];
}

export interface NewUser<App extends AppTypes = AppTypes> {
  username?: string;
  /** Trusted: an address given here counts as verified. */
  email?: string;
  /** Without it nobody can log in with a password. */
  password?: string;
  name?: string;
  /** Default: the default role. */
  roles?: readonly App['role'][];
  profile?: App['profile'];
}

/** One device of one user. */
export interface Session {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly device: string;
  readonly delivery: Delivery;
}

/** The credential of a program, in the name of a user. Its secret is shown when it is made and nowhere else. */
export interface ApiKey<App extends AppTypes = AppTypes> {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  /** All that it may do, as far as its owner may. */
  readonly scopes: readonly ApiKeyScope<App>[];
  readonly createdAt: Date;
  readonly rotatedAt: Date | null;
  /** Null: never. */
  readonly expiresAt: Date | null;
  /** To the minute; null: not yet. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  /** Until when the secret before the last rotation is accepted. */
  readonly previousSecretUntil: Date | null;
}

/** A permission of the application's, or `revocations:read`: reading the revocation feed of other services. */
export type ApiKeyScope<App extends AppTypes = AppTypes> = App['permission'] | 'revocations:read';

export interface NewApiKey<App extends AppTypes = AppTypes> {
  /** The owner: a person, or a service account (a user without a password). */
  userId: string;
  /** What it is for; at most 100 characters. */
  name: string;
  /** At least one; permissions that the owner has. */
  scopes: readonly ApiKeyScope<App>[];
  /** From `1m` to `3650d`. Default `90d`. A rotation gives the new secret as much again. */
  expiresIn?: Duration | 'never';
}

/** Who is asking. Frozen; ids and rights only: the name and e-mail are in `users.get(userId)`. */
export interface Principal<App extends AppTypes = AppTypes> {
  readonly userId: string;
  /** Id of the session, or of the API key. */
  readonly sessionId: string;
  /** None for an API key, which stands for some permissions of its owner and never for a role of his. */
  readonly roles: readonly App['role'][];
  readonly permissions: ReadonlySet<App['permission']>;
  readonly claims: Readonly<App['claims']>;
  /** `api_key`: a program, by an API key of the user or an access token made from one. */
  readonly via: 'cookie' | 'bearer' | 'api_key';
  /** How the user proved who he is (RFC 8176): `pwd`, `otp`, `hwk`. */
  readonly factors: readonly string[];
  /** For an API key: when its secret was made. */
  readonly authenticatedAt: Date;
  /** Of an API key that never expires: the last instant that a `Date` can hold. */
  readonly expiresAt: Date;
}

/** What a route demands beyond being signed in. API keys are let in by `permissions` alone: a rule without them, or with another demand, refuses them. */
export interface AccessRule<App extends AppTypes = AppTypes> {
  /** Any of them. */
  roles?: readonly App['role'][];
  /** All of them. */
  permissions?: readonly App['permission'][];
  /** Step-up: the user proved who he is within this time (RFC 9470). */
  maxAge?: Duration;
  factors?: 1 | 2;
  /** Overrides the mode of `AuthOptions.revocation` for this route. */
  revocation?: 'strict' | 'available';
}

/** A request as any framework has it: only method and headers are looked at. */
export interface RequestLike {
  readonly method?: string | undefined;
  readonly headers: Headers | NodeJS.Dict<string | string[]>;
  /** As requests of Node's have it: whoever tries API keys that are none is counted by his address. */
  readonly socket?: { readonly remoteAddress?: string | undefined } | null | undefined;
}

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

export interface Logger {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** JSON Web Key Set (RFC 7517): public keys only. */
export interface Jwks {
  readonly keys: readonly object[];
}
