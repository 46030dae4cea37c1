/** Everything that `npm run bench` can measure, in the order in which it does. */
import { login, meUnderLogins } from './login.js';
import { refreshOnPostgres, refreshOnSqlite } from './refresh.js';
import { revoke } from './revoke.js';
import { coldToken, hotToken } from './verify.js';

/**
 * @typedef {object} Part
 * @property {string} name as it is called on the command line
 * @property {string} about one line
 * @property {(options: { rounds: number, quick: boolean, progress: (text: string) => void }) => Promise<import('./report.js').Figure[]>} measure
 *   throws `Skipped` where it cannot run
 */

/** @type {Part[]} */
export const parts = [hotToken, coldToken, refreshOnSqlite, refreshOnPostgres, login, meUnderLogins, revoke];
