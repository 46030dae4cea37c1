/** Roles and what they permit. */

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

/** Permissions that are named one by one instead of by roles. */
export function namedPermissions(names: Iterable<string>): ReadonlySet<string> {
  return new FrozenSet(names);
}

/** What these roles may do together. A role that is not configured (any more) permits nothing. */
export type PermissionsOf = (roles: readonly string[]) => ReadonlySet<string>;

/** Each combination is worked out once: `roles` must come from where strangers cannot make them up. */
export function createPermissionsOf(table: ReadonlyMap<string, readonly string[]>): PermissionsOf {
  const known = new Map<string, ReadonlySet<string>>();
  return (roles) => {
    const key = roles.join('\n');
    const permissions = known.get(key) ?? new FrozenSet(roles.flatMap((role) => table.get(role) ?? []));
    known.set(key, permissions);
    return permissions;
  };
}
