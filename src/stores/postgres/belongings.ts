/** What goes with a user who is deleted, besides his sessions: those are ended, and expire. */
import { prepared, type Statement, type Wording } from './statements.js';

export function removeBelongings({ apiKeys, proofs, totpFactors, recoveryCodes }: Wording): Statement {
  const of = (table: string): string => `DELETE FROM ${table} WHERE user_id = $1`;
  return prepared(`WITH proof AS (${of(proofs)}), factor AS (${of(totpFactors)}), code AS (${of(recoveryCodes)}) ${of(apiKeys)}`);
}
