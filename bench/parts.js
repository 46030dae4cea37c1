/** Everything that `npm run bench` can measure, in the order in which it does. */
import { footprint } from './footprint.js';
import { growthOnPostgres, growthOnSqlite } from './growth.js';
import { httpOnExpress, httpOnFastify, httpOnHono, httpOnNode } from './http.js';
import { login, meUnderLogins } from './login.js';
import { purge } from './purge.js';
import { refreshOnPostgres, refreshOnSqlite } from './refresh.js';
import { revocationIndex } from './revocation-index.js';
import { revoke } from './revoke.js';
import { revokedMillion } from './revoked-million.js';
import { storm } from './storm.js';
import { coldToken, hotToken } from './verify.js';

/**
 * @typedef {object} Part
 * @property {string} name as it is called on the command line
 * @property {string} about one line
 * @property {(options: { rounds: number, quick: boolean, progress: (text: string) => void }) => Promise<import('./report.js').Figure[]>} measure
 *   throws `Skipped` where it cannot run
 */

/** @type {Part[]} */
export const parts = [
  hotToken,
  coldToken,
  httpOnExpress,
  httpOnFastify,
  httpOnNode,
  httpOnHono,
  refreshOnSqlite,
  refreshOnPostgres,
  login,
  meUnderLogins,
  revoke,
  revocationIndex,
  growthOnSqlite,
  growthOnPostgres,
  purge,
  revokedMillion,
  storm,
  footprint,
];
