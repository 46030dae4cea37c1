/** Many users at once: what import and export are made of. */
import type { ImportOutcome, UserStore } from '../../model/store.js';
import type { Database } from './database.js';
import { lockKey, prepared, type Wording } from './statements.js';
import { columns, userFromRow, type CredentialRow } from './user-rows.js';
import { createUser, UserStatements } from './users.js';

interface StoredRow extends CredentialRow {
  readonly email_login_key: string | null;
}

export function allUsers(database: Database, wording: Wording): Pick<UserStore, 'createAll' | 'readAll'> {
  const statements = new UserStatements(wording);
  /** Only imports say which id a user gets: one at a time in all processes, so that two of the same file do not refuse each other. */
  const lockImports = prepared(`SELECT pg_advisory_xact_lock(${lockKey(wording, 'imports')})`);
  const readAll = prepared(
    `SELECT ${columns}, password_hash, email_login_key FROM ${wording.users} WHERE id > $1 ORDER BY id LIMIT $2::bigint`,
  );
  return {
    createAll: (records) =>
      database.longTransaction(async (run) => {
        await run(lockImports);
        const outcomes: ImportOutcome[] = [];
        for (const record of records) {
          const isThere = (await run(statements.findById, [record.id])).length > 0;
          outcomes.push(isThere ? 'id_taken' : (await createUser(run, statements, record)).outcome);
        }
        return outcomes;
      }),
    async readAll({ after, limit }) {
      const rows = await database.read<StoredRow>(readAll, after, limit);
      return rows.map((row) => ({ user: userFromRow(row), passwordHash: row.password_hash, signsInByEmail: row.email_login_key !== null }));
    },
  };
}
