/** What goes with a user who is deleted, in one statement. */
import { prepared, type Statement, type Wording } from './statements.js';

/** His proofs, his API keys, and the addresses from which he acted; of what happened the rest stays. Its parameter is his id. */
export function removalOfBelongings({ proofs, apiKeys, events }: Wording): Statement {
  return prepared(`
    WITH proof AS (DELETE FROM ${proofs} WHERE user_id = $1), event AS (
      UPDATE ${events} SET address = NULL, address_salt = NULL WHERE coalesce(actor_id, user_id) = $1 AND address IS NOT NULL)
    DELETE FROM ${apiKeys} WHERE user_id = $1`);
}
