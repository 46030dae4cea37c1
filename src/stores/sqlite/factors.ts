/** Second factors: the acts of `FactorStore`, and what the acts of sessions use up and change, as they run on the database thread. */
import { enrolmentSeconds, type FactorChange, type NewRecoveryCode, type SingleUse, type TotpRecord } from '../../model/factors.js';
import type { ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import type { Outbox } from './outbox.js';

interface TotpRow {
  readonly user_id: string;
  readonly sealed_secret: Uint8Array;
  readonly confirmed_at: number | null;
  readonly used_step: number;
  readonly created_at: number;
}

class FactorStatements {
  readonly find: SqliteStatement;
  readonly findConfirmed: SqliteStatement;
  readonly begin: SqliteStatement;
  readonly confirm: SqliteStatement;
  readonly useStep: SqliteStatement;
  readonly remove: SqliteStatement;
  readonly forget: SqliteStatement;
  readonly addCode: SqliteStatement;
  readonly useCode: SqliteStatement;
  readonly removeCodes: SqliteStatement;
  readonly findTicket: SqliteStatement;
  readonly useTicket: SqliteStatement;
  readonly setEnabled: SqliteStatement;

  constructor(database: SqliteDatabase) {
    this.find = database.prepare('SELECT * FROM totp_factors WHERE user_id = :userId');
    this.findConfirmed = database.prepare(`
      SELECT 1 FROM users JOIN totp_factors ON totp_factors.user_id = users.id
      WHERE users.id = :userId AND users.session_epoch = :epoch AND users.disabled_at IS NULL AND totp_factors.confirmed_at IS NOT NULL`);
    this.begin = database.prepare(`
      INSERT INTO totp_factors (user_id, sealed_secret, confirmed_at, used_step, created_at)
      SELECT id, :sealedSecret, NULL, -1, :now FROM users WHERE id = :userId AND disabled_at IS NULL
      ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, used_step = -1, created_at = excluded.created_at
      WHERE confirmed_at IS NULL`);
    this.confirm = database.prepare(`
      UPDATE totp_factors SET confirmed_at = :now, used_step = :step
      WHERE user_id = :userId AND sealed_secret = :sealedSecret AND confirmed_at IS NULL AND created_at > :now - ${enrolmentSeconds * 1000}`);
    // Looks at the step and uses it in one statement: no code is good twice, and none after a later one.
    this.useStep = database.prepare(`
      UPDATE totp_factors SET used_step = :step, sealed_secret = coalesce(:resealed, sealed_secret)
      WHERE user_id = :userId AND confirmed_at IS NOT NULL AND used_step < :step`);
    this.remove = database.prepare('DELETE FROM totp_factors WHERE user_id = :userId AND confirmed_at >= :since');
    this.forget = database.prepare('DELETE FROM totp_factors WHERE user_id = :userId');
    this.addCode = database.prepare('INSERT INTO recovery_codes (id, user_id, code_digest) VALUES (:id, :userId, :codeDigest)');
    this.useCode = database.prepare('DELETE FROM recovery_codes WHERE user_id = :userId AND code_digest = :codeDigest');
    this.removeCodes = database.prepare('DELETE FROM recovery_codes WHERE user_id = :userId');
    const isGoodTicket = `
      id = :proofId AND purpose = 'login' AND user_id = :userId AND secret_digest = :secretDigest AND used_at IS NULL AND expires_at > :now`;
    this.findTicket = database.prepare(`SELECT 1 FROM proofs WHERE ${isGoodTicket}`);
    this.useTicket = database.prepare(`UPDATE proofs SET used_at = :now WHERE ${isGoodTicket}`);
    this.setEnabled = database.prepare('UPDATE users SET mfa_enabled = :enabled, updated_at = :now WHERE id = :userId');
  }
}

export function factorActs(database: SqliteDatabase, outbox: Outbox): ActsOf<'factors'> {
  const factors = new Factors(database);
  return {
    'factors.findTotp': (_, userId) => factors.find(userId),
    'factors.beginTotp': (scope, userId, sealedSecret) => factors.begin(scope, userId, sealedSecret),
    'factors.replaceRecoveryCodes': (scope, { userId, epoch, codes, outgoing }) => {
      if (!factors.isConfirmed(userId, epoch)) return false;
      factors.replaceCodes(userId, codes);
      outbox.write(scope, outgoing);
      return true;
    },
  };
}

export class Factors {
  readonly #statements: FactorStatements;

  constructor(database: SqliteDatabase) {
    this.#statements = new FactorStatements(database);
  }

  find(userId: string): TotpRecord | null {
    const row = this.#statements.find.get({ userId }) as TotpRow | undefined;
    if (row === undefined) return null;
    const { sealed_secret: sealedSecret, confirmed_at: confirmedAt, used_step: usedStep, created_at: createdAt } = row;
    return { userId, sealedSecret, confirmedAt, usedStep, createdAt };
  }

  begin({ now }: ActScope, userId: string, sealedSecret: Uint8Array): boolean {
    return this.#statements.begin.run({ userId, sealedSecret, now }).changes !== 0;
  }

  isConfirmed(userId: string, epoch: number): boolean {
    return this.#statements.findConfirmed.get({ userId, epoch }) !== undefined;
  }

  replaceCodes(userId: string, codes: readonly NewRecoveryCode[]): void {
    this.removeCodes(userId);
    for (const { id, codeDigest } of codes) this.#statements.addCode.run({ id, userId, codeDigest });
  }

  removeCodes(userId: string): void {
    this.#statements.removeCodes.run({ userId });
  }

  /** False: one of them is good no more, and none was used. At most one of them is a code: tickets are looked at before it, and used after it. */
  useUp({ now }: ActScope, userId: string, uses: readonly SingleUse[]): boolean {
    const { findTicket, useTicket, useStep, useCode } = this.#statements;
    const tickets = uses
      .filter((use) => use.kind === 'ticket')
      .map(({ proofId, secretDigest }) => ({ proofId, secretDigest, userId, now }));
    if (tickets.some((ticket) => findTicket.get(ticket) === undefined)) return false;
    for (const use of uses) {
      if (use.kind === 'totp' && useStep.run({ userId, step: use.step, resealed: use.resealed }).changes === 0) return false;
      if (use.kind === 'recovery' && useCode.run({ userId, codeDigest: use.codeDigest }).changes === 0) return false;
    }
    for (const ticket of tickets) useTicket.run(ticket);
    return true;
  }

  /** False: it does not apply, and nothing was written. */
  change({ now }: ActScope, userId: string, change: FactorChange): boolean {
    if (change.kind === 'disable') return this.removeSince(now, userId, 0);
    const { sealedSecret, step, recoveryCodes } = change;
    if (this.#statements.confirm.run({ userId, sealedSecret, step, now }).changes === 0) return false;
    this.replaceCodes(userId, recoveryCodes);
    this.#statements.setEnabled.run({ userId, enabled: 1, now });
    return true;
  }

  /** The factor goes if it was confirmed at that instant or later. */
  removeSince(now: number, userId: string, since: number): boolean {
    const { remove, removeCodes, setEnabled } = this.#statements;
    if (remove.run({ userId, since }).changes === 0) return false;
    removeCodes.run({ userId });
    setEnabled.run({ userId, enabled: 0, now });
    return true;
  }

  /** Of a user who is deleted. */
  forget(userId: string): void {
    this.#statements.removeCodes.run({ userId });
    this.#statements.forget.run({ userId });
  }
}
