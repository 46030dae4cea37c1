/** What goes with a user who is deleted, in one statement, besides his sessions: those are ended, and expire. */
import { prepared, type Statement, type Wording } from './statements.js';

/** His API keys, proofs and second factor, and the addresses from which he acted; of what happened the rest stays. Its parameter is his id. */
export function removalOfBelongings({ apiKeys, proofs, totpFactors, recoveryCodes, events }: Wording): Statement {
  const of = (table: string): string => `DELETE FROM ${table} WHERE user_id = $1`;
  return prepared(`
    WITH proof AS (${of(proofs)}), factor AS (${of(totpFactors)}), code AS (${of(recoveryCodes)}), event AS (
      UPDATE ${events} SET address = NULL, address_salt = NULL WHERE coalesce(actor_id, user_id) = $1 AND address IS NOT NULL)
    ${of(apiKeys)}`);
}
