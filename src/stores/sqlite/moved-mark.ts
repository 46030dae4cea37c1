/** What those are told who use a database that has moved to another store. */
import { StoreUnavailableError } from '../../model/store.js';
import type { MovedMark } from '../../model/store-move.js';

/** Nothing of the file may be read or written any more, or what is there would be older than what its clients know. */
export class DatabaseMovedError extends StoreUnavailableError {
  constructor({ to }: MovedMark) {
    super(`it has moved to ${to}: set COUNTERSIGN_STORE, or the option \`store\`, to that database`);
    this.name = 'DatabaseMovedError';
  }
}

/** From the row `moved` of the table `meta`. */
export function parseMark(text: string): MovedMark {
  return JSON.parse(text) as MovedMark;
}
