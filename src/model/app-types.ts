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

/** Who is asking. Frozen; ids and rights only: the name and e-mail are in `users.get(userId)`. */
export interface Principal<App extends AppTypes = AppTypes> {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly App['role'][];
  readonly permissions: ReadonlySet<App['permission']>;
  readonly claims: Readonly<App['claims']>;
  readonly via: 'cookie' | 'bearer';
  /** How the user proved who he is (RFC 8176): `pwd`, `otp`, `hwk`. */
  readonly factors: readonly string[];
  readonly authenticatedAt: Date;
  readonly expiresAt: Date;
}

/** What a route demands beyond being signed in. */
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
