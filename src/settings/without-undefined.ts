/** Leaves out what is not set: an option that is there and undefined is another thing than one that is absent. */

export function withoutUndefined<Entries extends object>(
  entries: Entries,
): { [Name in keyof Entries]?: Exclude<Entries[Name], undefined> } {
  const present = Object.entries(entries).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [Name in keyof Entries]?: Exclude<Entries[Name], undefined> };
}
