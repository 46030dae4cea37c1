/** The SQLite of this Node, or the same API from its package. */
export async function openDriver() {
  try {
    return (await import('node:sqlite')).DatabaseSync;
  } catch {
    return (await import('@photostructure/sqlite')).DatabaseSync;
  }
}
