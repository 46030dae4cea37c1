/** Issues a one-time proof, voiding the older ones that it takes the place of. */
import { codeTries, type NewProofRecord } from '../../model/proofs.js';
import type { Run } from './connections.js';
import { prepared, timed, type Statement, type Wording } from './statements.js';

export class IssueStatements {
  readonly lockSubject: Statement;
  readonly lockUser: Statement;
  readonly isDisowned: Statement;
  readonly voidOlder: Statement;
  readonly insert: Statement;

  constructor(wording: Wording) {
    const { proofs, users } = wording;
    // Two that are issued at once do not see each other: one after the other.
    this.lockSubject = prepared(`SELECT pg_advisory_xact_lock(hashtextextended('countersign proof ' || $1 || ' ' || $2, 0))`);
    this.lockUser = prepared(
      `SELECT FROM ${users} WHERE id = $1 AND disabled_at IS NULL AND ($2::bigint IS NULL OR session_epoch = $2) FOR NO KEY UPDATE`,
    );
    // Whoever has disowned the account since must not find that what was done to it before can still be reported from elsewhere.
    this.isDisowned = prepared(`SELECT 1 FROM ${proofs} WHERE user_id = $1 AND purpose = 'disown' AND used_at >= $2::bigint LIMIT 1`);
    this.voidOlder = timed(
      wording,
      `UPDATE ${proofs} SET expires_at = terms.now FROM terms
      WHERE subject = $2 AND purpose = $3 AND used_at IS NULL AND proofs.expires_at > terms.now`,
    );
    this.insert = timed(
      wording,
      `INSERT INTO ${proofs} (id, purpose, user_id, subject, secret_digest, code_digest, tries_left, epoch, sealed_content, created_at, expires_at)
      SELECT $2, $3, $4, $5, $6, $7, ${codeTries}, $8::bigint, $9, coalesce($10::bigint, terms.now), terms.now + $11::bigint FROM terms`,
    );
  }
}

/** False: of a user who is gone, disabled, or has changed since; nothing was written. The user is locked before his proofs, as everywhere. */
export async function issueProof(run: Run, statements: IssueStatements, proof: NewProofRecord): Promise<boolean> {
  const { id, userId, epoch, subject, purpose, since } = proof;
  if (userId !== null) {
    if ((await run(statements.lockUser, [userId, epoch])).length === 0) return false;
    if (since !== null && (await run(statements.isDisowned, [userId, since])).length > 0) return false;
  }
  if (subject !== null) {
    await run(statements.lockSubject, [purpose, subject]);
    await run(statements.voidOlder, [subject, purpose]);
  }
  const { secretDigest, codeDigest, sealedContent, lifetimeSeconds } = proof;
  const content = [secretDigest, codeDigest, epoch, sealedContent, since, lifetimeSeconds * 1000];
  await run(statements.insert, [id, purpose, userId, subject, ...content]);
  return true;
}
