/** Roles and what they permit. */

/** The role that may use the admin routes. */
export const adminRole = 'admin';

/** A set that cannot be changed even by a cast: principals are shared between requests. */
class FrozenSet extends Set<string> {
  readonly #complete: boolean;

  constructor(values: Iterable<string>) {
    super(values);
    this.#complete = true;
  }

  override add(value: string): this {
    if (#complete in this && this.#complete) throw new TypeError('The permissions of a principal cannot be changed.');
    return super.add(value);
  }

  override delete(): boolean {
    throw new TypeError('The permissions of a principal cannot be changed.');
  }

  override clear(): void {
    throw new TypeError('The permissions of a principal cannot be changed.');
  }
}

/** What these roles may do together. A role that is not configured (any more) permits nothing. */
export function permissionsOf(roles: readonly string[], table: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  return new FrozenSet(roles.flatMap((role) => table.get(role) ?? []));
}
