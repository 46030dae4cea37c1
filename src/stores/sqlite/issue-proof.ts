/** Issues a one-time proof, voiding the older ones that it takes the place of. */
import { codeTries, type NewProofRecord } from '../../model/proofs.js';
import type { ActScope } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';

export interface IssueStatements {
  readonly isWelcome: SqliteStatement;
  readonly voidOlder: SqliteStatement;
  readonly insert: SqliteStatement;
}

export function issueStatements(database: SqliteDatabase): IssueStatements {
  return {
    // Whoever has disowned the account since must not find that what was done to it before can still be reported from elsewhere.
    isWelcome: database.prepare(`
      SELECT 1 FROM users WHERE id = :userId AND disabled_at IS NULL AND (:epoch IS NULL OR session_epoch = :epoch)
        AND NOT EXISTS (
          SELECT 1 FROM proofs WHERE user_id = :userId AND purpose = 'disown' AND used_at >= coalesce(:since, :now + 1))`),
    voidOlder: database.prepare(
      'UPDATE proofs SET expires_at = :now WHERE subject = :subject AND purpose = :purpose AND used_at IS NULL AND expires_at > :now',
    ),
    insert: database.prepare(`
      INSERT INTO proofs (id, purpose, user_id, subject, secret_digest, code_digest, tries_left, epoch, sealed_content, created_at, expires_at,
        used_at)
      VALUES (:id, :purpose, :userId, :subject, :secretDigest, :codeDigest, ${codeTries}, :epoch, :sealedContent, :createdAt, :expiresAt, NULL)`),
  };
}

/** False: of a user who is gone, disabled, or has changed since; nothing was written. */
export function issueProof(
  { isWelcome, voidOlder, insert }: IssueStatements,
  { now }: ActScope,
  { since, lifetimeSeconds, ...proof }: NewProofRecord,
): boolean {
  const { userId, epoch, subject, purpose } = proof;
  if (userId !== null && isWelcome.get({ userId, epoch, since, now }) === undefined) return false;
  if (subject !== null) voidOlder.run({ subject, purpose, now });
  insert.run({ ...proof, createdAt: since ?? now, expiresAt: now + lifetimeSeconds * 1000 });
  return true;
}
