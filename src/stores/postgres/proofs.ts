/** One-time proofs: the acts of `ProofStore` as statements. */
import { noticeLagMilliseconds } from '../../model/proofs.js';
import type { ProofEffect, ProofPurpose, ProofRecord, ProofStore, Redemption, RedemptionOutcome } from '../../model/proofs.js';
import type { UserRecord } from '../../model/store.js';
import { searchTextOf } from '../search-text.js';
import type { Run } from './connections.js';
import type { Database } from './database.js';
import { FactorStatements, removeFactorSince } from './factors.js';
import { issueProof, IssueStatements } from './issue-proof.js';
import { outboxWriter, type OutboxWriter } from './outbox-writer.js';
import { prepared, revoking, timed, type Statement, type Wording } from './statements.js';
import { userFromRow, type UserRow } from './user-rows.js';
import { createUser, setPassword, userIn, UserStatements } from './users.js';

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

const columns = [
  'id',
  'purpose',
  'user_id',
  'secret_digest',
  'code_digest',
  'tries_left',
  'epoch',
  'sealed_content',
  'created_at',
  'expires_at',
  'used_at',
]
  .map((column) => `proofs.${column}`)
  .join(', ');

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
  readonly find: Statement;
  readonly findWithCode: Statement;
  readonly findNow: Statement;
  readonly use: Statement;
  readonly takeTry: Statement;
  readonly setEmail: Statement;
  readonly voidOthers: Statement;
  readonly endSessions: Statement;
  readonly raiseEpoch: Statement;
  readonly factors: FactorStatements;

  constructor(wording: Wording) {
    const { proofs, users, sessions } = wording;
    this.find = prepared(`SELECT ${columns} FROM ${proofs} WHERE id = $1`);
    this.findWithCode = timed(
      wording,
      `SELECT ${columns} FROM ${proofs}, terms
      WHERE user_id = $2 AND purpose = ANY($3::text[]) AND code_digest IS NOT NULL AND used_at IS NULL AND proofs.expires_at > terms.now
      ORDER BY created_at DESC, id DESC LIMIT 1`,
    );
    this.findNow = timed(wording, `SELECT ${columns}, terms.now FROM ${proofs}, terms WHERE id = $2`);
    // Counts the try and looks at the code in one statement, so that of many tries at once none is free.
    this.use = timed(
      wording,
      `UPDATE ${proofs} SET
        used_at = CASE WHEN secret_digest = $3::bytea OR code_digest = $4::bytea THEN terms.now END,
        tries_left = tries_left - ($4::bytea IS NOT NULL)::integer
      FROM terms
      WHERE id = $2 AND used_at IS NULL AND proofs.expires_at > terms.now
        AND (secret_digest = $3::bytea OR ($4::bytea IS NOT NULL AND code_digest IS NOT NULL AND tries_left > 0))
      RETURNING proofs.used_at, proofs.created_at`,
    );
    this.takeTry = timed(
      wording,
      `UPDATE ${proofs} SET tries_left = tries_left - 1 FROM terms
      WHERE id = $2 AND used_at IS NULL AND proofs.expires_at > terms.now AND tries_left > 0 RETURNING id`,
    );
    this.factors = new FactorStatements(wording);
    this.setEmail = timed(
      wording,
      `UPDATE ${users} SET email = $3, email_verified = true, email_login_key = $4, search_text = $5, updated_at = terms.now
      FROM terms WHERE id = $2`,
    );
    this.voidOthers = timed(
      wording,
      `UPDATE ${proofs} SET expires_at = terms.now FROM terms
      WHERE user_id = $2 AND used_at IS NULL AND proofs.expires_at > terms.now AND (purpose <> 'disown' OR created_at >= $3::bigint)`,
    );
    this.endSessions = revoking(
      wording,
      `UPDATE ${sessions} SET ended_at = terms.now, end_reason = 'ended_by_user' FROM terms
      WHERE user_id = $2 AND id <> $3 AND ended_at IS NULL RETURNING id`,
      { kind: 'session', subject: 'changed.id', value: '0' },
    );
    this.raiseEpoch = revoking(
      wording,
      `UPDATE ${users} SET session_epoch = session_epoch + 1, updated_at = terms.now FROM terms WHERE id = $2 RETURNING id, session_epoch`,
      { kind: 'epoch', subject: 'changed.id', value: 'changed.session_epoch' },
    );
  }
}

export function proofStore(database: Database, wording: Wording): ProofStore {
  const statements = new ProofStatements(wording);
  const issuing = new IssueStatements(wording);
  const redeemer = new Redeemer(statements, new UserStatements(wording), outboxWriter(wording));
  const foundIn = ([row]: readonly ProofRow[]): ProofRecord | null => (row === undefined ? null : proofFromRow(row));
  return {
    issue: async (proof) => {
      const issued = await database.transaction(async (run) => ((await issueProof(run, issuing, proof)) ? true : null));
      return issued ?? false;
    },
    takeTry: async (id) => (await database.write(statements.takeTry, id)).length === 1,
    find: async (id) => foundIn(await database.read(statements.find, id)),
    findWithCode: async (userId, purposes) => foundIn(await database.read(statements.findWithCode, userId, purposes)),
    redeem: async (redemption) => {
      // Rolled back for null: what stands in the way is found after the proof was used.
      const outcome = await database.transaction((run) => redeemer.redeem(run, redemption));
      return outcome ?? { outcome: 'taken' };
    },
  };
}

/** The user is locked before his proof; both stay so until the commit. */
class Redeemer {
  readonly #statements: ProofStatements;
  readonly #users: UserStatements;
  readonly #write: OutboxWriter;

  constructor(statements: ProofStatements, users: UserStatements, write: OutboxWriter) {
    this.#statements = statements;
    this.#users = users;
    this.#write = write;
  }

  /** Null: another user has the name or address. */
  async redeem(run: Run, redemption: Redemption): Promise<RedemptionOutcome | null> {
    const [{ user_id: userId } = { user_id: null }] = await run<ProofRow>(this.#statements.find, [redemption.id]);
    const owner = userId === null ? null : userIn(await run<UserRow>(this.#users.lock, [userId]));
    const used = await this.#useUnlessRefused(run, redemption, owner);
    if (typeof used === 'string') return { outcome: used };
    const user = await this.#apply(run, redemption.effect, { owner, since: used.created_at });
    if (user === null) return null;
    await this.#write(run, redemption.outgoing);
    return { outcome: 'redeemed', user };
  }

  async #useUnlessRefused(
    run: Run,
    redemption: Redemption,
    owner: UserRecord | null,
  ): Promise<{ created_at: number } | 'used' | 'expired' | 'invalid'> {
    const { id, by } = redemption;
    const row = await this.#findNow(run, id);
    const refused = refusalOf(row, owner, redemption);
    if (refused !== null) return refused;
    const digests = 'secretDigest' in by ? [by.secretDigest, null] : [null, by.codeDigest];
    const [used] = await run<{ used_at: number | null; created_at: number }>(this.#statements.use, [id, ...digests]);
    if (used !== undefined) return used.used_at === null ? 'invalid' : used;
    // Another was first, or has had the last try.
    return refusalOf(await this.#findNow(run, id), owner, redemption) ?? 'invalid';
  }

  async #findNow(run: Run, id: string): Promise<(ProofRow & { now: number }) | undefined> {
    return (await run<ProofRow & { now: number }>(this.#statements.findNow, [id]))[0];
  }

  /** Null: somebody else stands in the way. */
  async #apply(run: Run, effect: ProofEffect, { owner, since }: { owner: UserRecord | null; since: number }): Promise<UserRecord | null> {
    if (effect.kind === 'register') {
      const created = await createUser(run, this.#users, effect.user);
      return created.outcome === 'created' ? created.user : null;
    }
    // Only a registration is of nobody.
    const user = owner as UserRecord;
    const { endSessions, voidOthers } = this.#statements;
    switch (effect.kind) {
      case 'verify_email':
        if (!(await this.#setEmail(run, user, effect))) return null;
        break;
      case 'change_email':
        if (!(await this.#setEmail(run, user, effect))) return null;
        await run(endSessions, [user.id, effect.exceptSessionId]);
        await run(voidOthers, [user.id, Number.MAX_SAFE_INTEGER]);
        break;
      case 'reset_password':
        await setPassword(run, this.#users, { id: user.id, passwordHash: effect.passwordHash });
        if (user.email === effect.email) await this.#setEmail(run, user, effect);
        break;
      case 'disown':
        await run(this.#statements.raiseEpoch, [user.id]);
        await run(this.#users.revokeApiKeys, [user.id]);
        await run(voidOthers, [user.id, since]);
        await removeFactorSince(run, this.#statements.factors, { userId: user.id, since: since - noticeLagMilliseconds });
        // Nobody knows whose they are.
        await run(this.#statements.factors.removeCodes, [user.id]);
        await this.#setEmail(run, user, effect);
        break;
    }
    const [row] = await run<UserRow>(this.#users.findById, [user.id]);
    return userFromRow(row as UserRow);
  }

  /** False: another has proved that the address is his; nothing was written. */
  async #setEmail(run: Run, user: UserRecord, { email, emailKey }: { email: string; emailKey: string }): Promise<boolean> {
    const [holder] = await run<UserRow>(this.#users.lockByEmail, [emailKey]);
    const isOthers = holder !== undefined && holder.id !== user.id;
    if (isOthers && holder.email_verified) return false;
    if (isOthers) await run(this.#users.releaseEmail, [holder.id]);
    await run(this.#statements.setEmail, [user.id, email, emailKey, searchTextOf({ ...user, email })]);
    return true;
  }
}

/** What the proof, or the account that it is of, says against it. */
function refusalOf(
  row: (ProofRow & { readonly now: number }) | undefined,
  owner: UserRecord | null,
  { purpose, by, effect }: Redemption,
): 'used' | 'expired' | 'invalid' | null {
  if (row === undefined) return 'expired';
  if (row.purpose !== purpose || ('userId' in by && by.userId !== row.user_id)) return 'invalid';
  if (row.used_at !== null) return 'used';
  if (row.expires_at <= row.now || ('codeDigest' in by && row.tries_left <= 0)) return 'expired';
  if (row.user_id === null) return null;
  const hasChanged = owner === null || owner.disabledAt !== null || (row.epoch !== null && row.epoch !== owner.sessionEpoch);
  return hasChanged || (effect.kind === 'verify_email' && owner.email !== effect.email) ? 'expired' : null;
}
