/** What `users.list` looks into. Kept folded: each database knows the case of other letters (SQLite of ASCII alone), and has other wildcards. */
import type { UserRecord } from '../model/store.js';

export function searchTextOf({ username, email, name }: Pick<UserRecord, 'username' | 'email' | 'name'>): string {
  return foldCase([username, email, name].filter((text) => text !== null).join('\n'));
}

export function foldCase(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
