/** Second factors: the acts of `FactorStore`, and what the acts of sessions use up and change, as statements. */
import {
  enrolmentSeconds,
  type FactorChange,
  type FactorStore,
  type NewRecoveryCode,
  type SingleUse,
  type TotpRecord,
} from '../../model/factors.js';
import type { Run } from './connections.js';
import type { Database } from './database.js';
import { outboxWriter } from './outbox-writer.js';
import { prepared, timed, type Statement, type Wording } from './statements.js';

interface TotpRow {
  readonly user_id: string;
  readonly sealed_secret: Uint8Array;
  readonly confirmed_at: number | null;
  readonly used_step: number;
  readonly created_at: number;
}

export class FactorStatements {
  readonly find: Statement;
  readonly begin: Statement;
  readonly lockConfirmed: Statement;
  readonly confirm: Statement;
  readonly useStep: Statement;
  readonly remove: Statement;
  readonly addCode: Statement;
  readonly useCode: Statement;
  readonly removeCodes: Statement;
  readonly useTicket: Statement;
  readonly setEnabled: Statement;

  constructor(wording: Wording) {
    const { totpFactors, recoveryCodes, proofs, users } = wording;
    this.find = prepared(`SELECT user_id, sealed_secret, confirmed_at, used_step, created_at FROM ${totpFactors} WHERE user_id = $1`);
    this.begin = timed(
      wording,
      `INSERT INTO ${totpFactors} AS factor (user_id, sealed_secret, confirmed_at, used_step, created_at)
      SELECT id, $3, NULL, -1, terms.now FROM ${users}, terms WHERE id = $2 AND disabled_at IS NULL FOR KEY SHARE OF users
      ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, used_step = -1, created_at = excluded.created_at
      WHERE factor.confirmed_at IS NULL RETURNING user_id`,
    );
    this.lockConfirmed = prepared(
      `SELECT FROM ${users} AS owner JOIN ${totpFactors} AS factor ON factor.user_id = owner.id
      WHERE owner.id = $1 AND session_epoch = $2::bigint AND disabled_at IS NULL AND confirmed_at IS NOT NULL FOR NO KEY UPDATE`,
    );
    this.confirm = timed(
      wording,
      `UPDATE ${totpFactors} SET confirmed_at = terms.now, used_step = $4::bigint FROM terms
      WHERE user_id = $2 AND sealed_secret = $3 AND confirmed_at IS NULL AND created_at > terms.now - ${enrolmentSeconds * 1000}
      RETURNING user_id`,
    );
    // Looks at the step and uses it in one statement: no code is good twice, and none after a later one.
    this.useStep = prepared(
      `UPDATE ${totpFactors} SET used_step = $2::bigint, sealed_secret = coalesce($3::bytea, sealed_secret)
      WHERE user_id = $1 AND confirmed_at IS NOT NULL AND used_step < $2::bigint RETURNING user_id`,
    );
    this.remove = prepared(`DELETE FROM ${totpFactors} WHERE user_id = $1 AND confirmed_at >= $2::bigint RETURNING user_id`);
    this.addCode = prepared(`INSERT INTO ${recoveryCodes} (id, user_id, code_digest) VALUES ($1, $2, $3)`);
    this.useCode = prepared(`DELETE FROM ${recoveryCodes} WHERE user_id = $1 AND code_digest = $2 RETURNING id`);
    this.removeCodes = prepared(`DELETE FROM ${recoveryCodes} WHERE user_id = $1`);
    this.useTicket = timed(
      wording,
      `UPDATE ${proofs} SET used_at = terms.now FROM terms
      WHERE id = $2 AND purpose = 'login' AND user_id = $3 AND secret_digest = $4 AND used_at IS NULL AND proofs.expires_at > terms.now
      RETURNING id`,
    );
    this.setEnabled = timed(wording, `UPDATE ${users} SET mfa_enabled = $3, updated_at = terms.now FROM terms WHERE id = $2`);
  }
}

export function factorStore(database: Database, wording: Wording): FactorStore {
  const statements = new FactorStatements(wording);
  const write = outboxWriter(wording);
  return {
    findTotp: async (userId) => {
      const [row] = await database.read<TotpRow>(statements.find, userId);
      return row === undefined ? null : totpFromRow(row);
    },
    beginTotp: async (userId, sealedSecret) => (await database.write(statements.begin, userId, sealedSecret)).length === 1,
    replaceRecoveryCodes: async ({ userId, epoch, codes, outgoing }) => {
      const replaced = await database.transaction(async (run) => {
        if ((await run(statements.lockConfirmed, [userId, epoch])).length === 0) return null;
        await replaceCodes(run, statements, { userId, codes });
        await write(run, outgoing);
        return true;
      });
      return replaced ?? false;
    },
  };
}

function totpFromRow(row: TotpRow): TotpRecord {
  return {
    userId: row.user_id,
    sealedSecret: row.sealed_secret,
    confirmedAt: row.confirmed_at,
    usedStep: row.used_step,
    createdAt: row.created_at,
  };
}

async function replaceCodes(
  run: Run,
  statements: FactorStatements,
  { userId, codes }: { readonly userId: string; readonly codes: readonly NewRecoveryCode[] },
): Promise<void> {
  await run(statements.removeCodes, [userId]);
  for (const { id, codeDigest } of codes) await run(statements.addCode, [id, userId, codeDigest]);
}

/** Inside the transaction of its caller, who has locked the user, and takes all back when it is false: one of them is good no more. */
export async function useUp(
  run: Run,
  statements: FactorStatements,
  { userId, uses }: { readonly userId: string; readonly uses: readonly SingleUse[] },
): Promise<boolean> {
  for (const use of uses) if ((await run(...usingOf(statements, userId, use))).length === 0) return false;
  return true;
}

function usingOf({ useTicket, useStep, useCode }: FactorStatements, userId: string, use: SingleUse): [Statement, unknown[]] {
  switch (use.kind) {
    case 'ticket':
      return [useTicket, [use.proofId, userId, use.secretDigest]];
    case 'totp':
      return [useStep, [userId, use.step, use.resealed]];
    case 'recovery':
      return [useCode, [userId, use.codeDigest]];
  }
}

/** As `useUp`: false when it does not apply. */
export async function changeFactor(
  run: Run,
  statements: FactorStatements,
  { userId, change }: { readonly userId: string; readonly change: FactorChange },
): Promise<boolean> {
  if (change.kind === 'disable') return removeFactorSince(run, statements, { userId, since: 0 });
  const { sealedSecret, step, recoveryCodes: codes } = change;
  if ((await run(statements.confirm, [userId, sealedSecret, step])).length === 0) return false;
  await replaceCodes(run, statements, { userId, codes });
  await run(statements.setEnabled, [userId, true]);
  return true;
}

/** The factor goes if it was confirmed at that instant or later. */
export async function removeFactorSince(
  run: Run,
  statements: FactorStatements,
  { userId, since }: { readonly userId: string; readonly since: number },
): Promise<boolean> {
  if ((await run(statements.remove, [userId, since])).length === 0) return false;
  await run(statements.removeCodes, [userId]);
  await run(statements.setEnabled, [userId, false]);
  return true;
}
