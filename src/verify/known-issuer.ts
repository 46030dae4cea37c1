/** What is known of the issuer: its keys, what its roles permit, and how long its tokens can live. */
import { createPermissionsOf, type PermissionsOf } from '../policy/roles.js';
import type { IssuerFacts } from '../protocol/revocation-events.js';
import type { IssuerKeys } from './issuer-keys.js';

export class KnownIssuer {
  readonly keys: IssuerKeys;
  #roles: ReadonlyMap<string, readonly string[]> | null;
  #permissionsOf: PermissionsOf;
  #longestAccessSeconds = Infinity;

  /** `roles` null: not known until it is told. */
  constructor(keys: IssuerKeys, roles: ReadonlyMap<string, readonly string[]> | null) {
    this.keys = keys;
    this.#roles = roles;
    this.#permissionsOf = createPermissionsOf(roles ?? new Map());
  }

  get roles(): ReadonlyMap<string, readonly string[]> | null {
    return this.#roles;
  }

  /** Infinity: not known. */
  get longestAccessSeconds(): number {
    return this.#longestAccessSeconds;
  }

  permissionsOf(roles: readonly string[]): ReadonlySet<string> {
    return this.#permissionsOf(roles);
  }

  /** From the feed, again whenever any of it may have changed. */
  learn({ roles, longestAccessSeconds, keys }: IssuerFacts): void {
    this.#roles = new Map(Object.entries(roles));
    this.#permissionsOf = createPermissionsOf(this.#roles);
    this.#longestAccessSeconds = longestAccessSeconds;
    this.keys.tell(keys);
    // Verified tokens hold permissions of before.
    this.keys.forgetVerified();
  }
}
