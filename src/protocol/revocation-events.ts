/** What the issuer tells services that verify on their own: the path and the events of the revocation feed (server-sent events). */

export const revocationsPath = '/.well-known/countersign/revocations';

/** At least as often the issuer says how fresh its own knowledge is: a reader that hears nothing for longer has lost it. */
export const heartbeatSeconds = 1;

/** The names of the events. `id:` says where a reader goes on that comes back (`Last-Event-ID`). */
export const eventNames = {
  /** First of all, and again whenever something in it has changed: `IssuerFacts`. */
  issuer: 'issuer',
  /** Unexpired revocations, a few hundred at a time: a list of `RevocationTuple`. They may come twice and in any order. */
  revocations: 'revocations',
  /** Everything that the issuer knew of was sent: `FreshnessFact`. */
  fresh: 'fresh',
} as const;

/** `expiresAt` in seconds since 1970, rounded up. */
export type RevocationTuple = readonly [kind: 'session' | 'epoch' | 'authz' | 'key', subject: string, value: number, expiresAt: number];

/** What is not public, or must not come out of a cache. */
export interface IssuerFacts {
  readonly issuer: string;
  /** Each role and what it permits. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** The longest life of an access token that was configured and has not run out. */
  readonly longestAccessSeconds: number;
  /** As in the key set (RFC 7517). */
  readonly keys: readonly object[];
}

export interface FreshnessFact {
  /** Milliseconds since the issuer began to read what it has last read completely. Null: it does not know. */
  readonly age: number | null;
}
