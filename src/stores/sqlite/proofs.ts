/** One-time proofs: the acts of `ProofStore`, as they run on the database thread. */
import { noticeLagMilliseconds } from '../../model/proofs.js';
import type { ProofEffect, ProofPurpose, ProofRecord, Redemption, RedemptionOutcome } from '../../model/proofs.js';
import type { UserRecord } from '../../model/store.js';
import { searchTextOf } from '../search-text.js';
import type { ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import { Factors } from './factors.js';
import { issueProof, issueStatements } from './issue-proof.js';
import type { Outbox } from './outbox.js';
import { endReturned, Users } from './users.js';

interface ProofRow {
  readonly id: string;
  readonly purpose: ProofPurpose;
  readonly user_id: string | null;
  readonly secret_digest: Uint8Array;
  readonly code_digest: Uint8Array | null;
  readonly tries_left: number;
  readonly epoch: number | null;
  readonly sealed_content: Uint8Array;
  readonly created_at: number;
  readonly expires_at: number;
  readonly used_at: number | null;
}

function proofFromRow(row: ProofRow): ProofRecord {
  return {
    id: row.id,
    purpose: row.purpose,
    userId: row.user_id,
    secretDigest: row.secret_digest,
    codeDigest: row.code_digest,
    sealedContent: row.sealed_content,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
  };
}

class ProofStatements {
  readonly find: SqliteStatement;
  readonly findWithCode: SqliteStatement;
  readonly use: SqliteStatement;
  readonly takeTry: SqliteStatement;
  readonly setEmail: SqliteStatement;
  readonly voidOthers: SqliteStatement;
  readonly endSessions: SqliteStatement;
  readonly raiseEpoch: SqliteStatement;
  readonly revokeApiKeys: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.find = database.prepare('SELECT * FROM proofs WHERE id = :id');
    this.findWithCode = database.prepare(`
      SELECT * FROM proofs
      WHERE user_id = :userId AND purpose IN (SELECT value FROM json_each(:purposes)) AND code_digest IS NOT NULL AND used_at IS NULL
        AND expires_at > :now ORDER BY created_at DESC, id DESC LIMIT 1`);
    // Counts the try and looks at the code in one statement.
    this.use = database.prepare(`
      UPDATE proofs SET
        used_at = CASE WHEN secret_digest = :secretDigest OR code_digest = :codeDigest THEN :now END,
        tries_left = tries_left - (:codeDigest IS NOT NULL)
      WHERE id = :id AND used_at IS NULL AND expires_at > :now
        AND (secret_digest = :secretDigest OR (:codeDigest IS NOT NULL AND code_digest IS NOT NULL AND tries_left > 0))
      RETURNING used_at`);
    this.takeTry = database.prepare(
      'UPDATE proofs SET tries_left = tries_left - 1 WHERE id = :id AND used_at IS NULL AND expires_at > :now AND tries_left > 0',
    );
    this.setEmail = database.prepare(`
      UPDATE users SET email = :email, email_verified = 1, email_login_key = :emailKey, search_text = :searchText, updated_at = :now
      WHERE id = :id`);
    this.voidOthers = database.prepare(`
      UPDATE proofs SET expires_at = :now
      WHERE user_id = :userId AND used_at IS NULL AND expires_at > :now AND (purpose <> 'disown' OR created_at >= :reportsSince)`);
    this.endSessions = database.prepare(`
      UPDATE sessions SET ended_at = :now, end_reason = 'ended_by_user' WHERE user_id = :userId AND id <> :exceptId AND ended_at IS NULL
      RETURNING id`);
    this.raiseEpoch = database.prepare(
      'UPDATE users SET session_epoch = session_epoch + 1, updated_at = :now WHERE id = :id RETURNING session_epoch',
    );
    this.revokeApiKeys = database.prepare('UPDATE api_keys SET revoked_at = :now WHERE user_id = :id AND revoked_at IS NULL RETURNING id');
  }
}

export function proofActs(database: SqliteDatabase, outbox: Outbox): ActsOf<'proofs'> {
  const proofs = new Proofs(database, outbox);
  const statements = issueStatements(database);
  return {
    'proofs.issue': (scope, proof) => issueProof(statements, scope, proof),
    'proofs.takeTry': (scope, id) => proofs.takeTry(scope, id),
    'proofs.find': (_, id) => proofs.find(id),
    'proofs.findWithCode': ({ now }, ...[userId, purposes]) => proofs.findWithCode({ userId, purposes, now }),
    'proofs.redeem': (scope, redemption) => proofs.redeem(scope, redemption),
  };
}

/** After its transaction nobody can tell that there were several steps: it has the write lock. */
class Proofs {
  readonly #statements: ProofStatements;
  readonly #users: Users;
  readonly #factors: Factors;
  readonly #outbox: Outbox;

  constructor(database: SqliteDatabase, outbox: Outbox) {
    this.#statements = new ProofStatements(database);
    this.#users = new Users(database);
    this.#factors = new Factors(database);
    this.#outbox = outbox;
  }

  find(id: string): ProofRecord | null {
    const row = this.#findRow(id);
    return row === undefined ? null : proofFromRow(row);
  }

  findWithCode({ purposes, ...by }: { userId: string; purposes: readonly ProofPurpose[]; now: number }): ProofRecord | null {
    const row = this.#statements.findWithCode.get({ ...by, purposes: JSON.stringify(purposes) }) as ProofRow | undefined;
    return row === undefined ? null : proofFromRow(row);
  }

  takeTry({ now }: ActScope, id: string): boolean {
    return this.#statements.takeTry.run({ id, now }).changes !== 0;
  }

  redeem(scope: ActScope, redemption: Redemption): RedemptionOutcome {
    const row = this.#findRow(redemption.id);
    if (row === undefined) return { outcome: 'expired' };
    const owner = row.user_id === null ? null : (this.#users.find({ id: row.user_id })?.user ?? null);
    const refused = refusalOf(row, owner, { redemption, now: scope.now });
    if (refused !== null) return { outcome: refused };
    const isTaken = !this.#isFree(redemption.effect, owner);
    // A wrong code is told nothing but that it is wrong, and is counted.
    if (isTaken && 'secretDigest' in redemption.by && isSame(row.secret_digest, redemption.by.secretDigest)) return { outcome: 'taken' };
    if (isTaken && 'codeDigest' in redemption.by && row.code_digest !== null && isSame(row.code_digest, redemption.by.codeDigest))
      return { outcome: 'taken' };
    if (!this.#use(scope, redemption)) return { outcome: 'invalid' };
    const user = this.#apply(scope, redemption.effect, { owner, since: row.created_at });
    this.#outbox.write(scope, redemption.outgoing);
    return { outcome: 'redeemed', user };
  }

  #findRow(id: string): ProofRow | undefined {
    return this.#statements.find.get({ id }) as ProofRow | undefined;
  }

  #use({ now }: ActScope, { id, by }: Redemption): boolean {
    const digests = { secretDigest: null, codeDigest: null, ...('secretDigest' in by ? by : { codeDigest: by.codeDigest }) };
    const [used] = this.#statements.use.all({ id, ...digests, now }) as { used_at: number | null }[];
    return typeof used?.used_at === 'number';
  }

  /** Whether nobody else stands in the way of what would be brought about. */
  #isFree(effect: ProofEffect, owner: UserRecord | null): boolean {
    if (effect.kind === 'register') {
      const { usernameKey, emailKey } = effect.user;
      return (usernameKey === null || this.#users.find({ usernameKey }) === null) && this.#isAddressFree(emailKey, null);
    }
    if (effect.kind === 'reset_password' || effect.kind === 'disown') return true;
    return this.#isAddressFree(effect.emailKey, owner);
  }

  #isAddressFree(emailKey: string | null, owner: UserRecord | null): boolean {
    const holder = emailKey === null ? undefined : this.#users.find({ emailKey })?.user;
    return holder === undefined || holder.id === owner?.id || !holder.emailVerified;
  }

  #apply(scope: ActScope, effect: ProofEffect, { owner, since }: { owner: UserRecord | null; since: number }): UserRecord {
    if (effect.kind === 'register') return createdIn(this.#users.create(scope, effect.user));
    // Only a registration is of nobody.
    const user = owner as UserRecord;
    const { now } = scope;
    switch (effect.kind) {
      case 'verify_email':
        this.#setEmail(scope, user, effect);
        break;
      case 'change_email':
        this.#setEmail(scope, user, effect);
        endReturned(scope, this.#statements.endSessions, { userId: user.id, exceptId: effect.exceptSessionId, now });
        this.#statements.voidOthers.run({ userId: user.id, reportsSince: Number.MAX_SAFE_INTEGER, now });
        break;
      case 'reset_password':
        this.#users.setPassword(scope, user.id, effect.passwordHash);
        if (user.email === effect.email && this.#isAddressFree(effect.emailKey, user)) this.#setEmail(scope, user, effect);
        break;
      case 'disown':
        this.#endEverything(scope, user.id);
        this.#statements.voidOthers.run({ userId: user.id, reportsSince: since, now });
        this.#factors.removeSince(now, user.id, since - noticeLagMilliseconds);
        // Nobody knows whose they are.
        this.#factors.removeCodes(user.id);
        if (this.#isAddressFree(effect.emailKey, user)) this.#setEmail(scope, user, effect);
        break;
    }
    return this.#users.find({ id: user.id })?.user as UserRecord;
  }

  #setEmail(scope: ActScope, user: UserRecord, { email, emailKey }: { email: string; emailKey: string }): void {
    const { now } = scope;
    const holder = this.#users.find({ emailKey })?.user;
    if (holder !== undefined && holder.id !== user.id) this.#users.releaseEmail(scope, holder.id);
    this.#statements.setEmail.run({ id: user.id, email, emailKey, searchText: searchTextOf({ ...user, email }), now });
  }

  #endEverything(scope: ActScope, id: string): void {
    const [raised] = this.#statements.raiseEpoch.all({ id, now: scope.now }) as { session_epoch: number }[];
    if (raised !== undefined) scope.revoke('epoch', id, raised.session_epoch);
    endReturned(scope, this.#statements.revokeApiKeys, { id, now: scope.now });
  }
}

/** What the proof, or the account that it is of, says against it. */
function refusalOf(
  row: ProofRow,
  owner: UserRecord | null,
  { redemption: { purpose, by, effect }, now }: { redemption: Redemption; now: number },
): 'used' | 'expired' | 'invalid' | null {
  if (row.purpose !== purpose || ('userId' in by && by.userId !== row.user_id)) return 'invalid';
  if (row.used_at !== null) return 'used';
  if (row.expires_at <= now || ('codeDigest' in by && row.tries_left <= 0)) return 'expired';
  if (row.user_id === null) return null;
  const hasChanged = owner === null || owner.disabledAt !== null || (row.epoch !== null && row.epoch !== owner.sessionEpoch);
  return hasChanged || (effect.kind === 'verify_email' && owner.email !== effect.email) ? 'expired' : null;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.from(one).equals(other);
}

function createdIn(created: ReturnType<Users['create']>): UserRecord {
  if (created.outcome !== 'created') throw new Error('A user could not be created whose name and address were free.');
  return created.user;
}
