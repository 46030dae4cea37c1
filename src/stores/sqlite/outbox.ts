/** The outbox: rows that acts of all kinds write, and the acts of `OutboxStore`, as they run on the database thread. */
import type { NewOutboxRecord, OutboxRecord } from '../../model/outbox.js';
import type { Outgoing } from '../../model/store.js';
import type { ActArguments, ActResult, ActScope, ActsOf } from './acts.js';
import type { SqliteDatabase, SqliteStatement } from './driver.js';
import { issueProof, issueStatements, type IssueStatements } from './issue-proof.js';

interface OutboxRow {
  readonly id: string;
  readonly kind: string;
  readonly sealed_payload: Uint8Array;
  readonly attempts: number;
  readonly created_at: number;
  readonly expires_at: number;
}

class OutboxStatements {
  readonly insert: SqliteStatement;
  readonly nextDue: SqliteStatement;
  readonly claim: SqliteStatement;
  readonly remove: SqliteStatement;
  readonly postpone: SqliteStatement;
  readonly issue: IssueStatements;

  constructor(database: SqliteDatabase) {
    this.insert = database.prepare(`
      INSERT INTO outbox (id, kind, sealed_payload, attempts, created_at, expires_at, due_at)
      VALUES (:id, :kind, :sealedPayload, 0, :now, :expiresAt, :now)`);
    this.nextDue = database.prepare('SELECT min(due_at) AS due_at FROM outbox');
    this.claim = database.prepare(`
      UPDATE outbox SET attempts = attempts + 1, due_at = :now + :leaseMilliseconds
      WHERE id IN (SELECT id FROM outbox WHERE due_at <= :now ORDER BY due_at, id LIMIT :limit)
      RETURNING id, kind, sealed_payload, attempts, created_at, expires_at`);
    this.remove = database.prepare('DELETE FROM outbox WHERE id = :id');
    this.postpone = database.prepare('UPDATE outbox SET due_at = :now + :milliseconds WHERE id = :id AND attempts = :attempts');
    this.issue = issueStatements(database);
  }
}

export class Outbox {
  readonly #statements: OutboxStatements;

  constructor(database: SqliteDatabase) {
    this.#statements = new OutboxStatements(database);
  }

  write({ now }: ActScope, rows: Outgoing = []): void {
    for (const { id, kind, sealedPayload, lifetimeSeconds } of rows)
      this.#statements.insert.run({ id, kind, sealedPayload, expiresAt: now + lifetimeSeconds * 1000, now });
  }

  /** Writes the rows unless the act has done nothing, which null says; gives what the act gives. */
  with<Result>(scope: ActScope, rows: Outgoing | undefined, result: Result): Result {
    if (result !== null) this.write(scope, rows);
    return result;
  }

  nextDue({ now }: ActScope): number | null {
    const { due_at: dueAt } = this.#statements.nextDue.get() as { due_at: number | null };
    return dueAt === null ? null : Math.max(0, dueAt - now);
  }

  claim({ now }: ActScope, limit: number, leaseSeconds: number): OutboxRecord[] {
    const rows = this.#statements.claim.all({ now, limit, leaseMilliseconds: leaseSeconds * 1000 }) as OutboxRow[];
    return rows
      .map((row) => ({
        id: row.id,
        kind: row.kind,
        sealedPayload: row.sealed_payload,
        attempts: row.attempts,
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        now,
      }))
      .sort(byAge);
  }

  settle(scope: ActScope, id: string, consequences: ActArguments<'outbox.settle'>[1]): ActResult<'outbox.settle'> {
    if (this.#statements.remove.run({ id }).changes === 0) return 'gone';
    if (consequences === undefined) return 'settled';
    const { proof, rows } = consequences;
    if (proof !== null && !issueProof(this.#statements.issue, scope, proof)) return 'dropped';
    this.write(scope, rows);
    return 'settled';
  }

  postpone({ now }: ActScope, ...[id, attempts, seconds]: ActArguments<'outbox.postpone'>): void {
    this.#statements.postpone.run({ id, attempts, milliseconds: seconds * 1000, now });
  }
}

function byAge(one: OutboxRecord, other: OutboxRecord): number {
  return one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1);
}

export function outboxActs(outbox: Outbox): ActsOf<'outbox'> {
  return {
    'outbox.add': (scope, rows: readonly NewOutboxRecord[]) => outbox.write(scope, rows),
    'outbox.nextDue': (scope) => outbox.nextDue(scope),
    'outbox.claim': (scope, limit, leaseSeconds) => outbox.claim(scope, limit, leaseSeconds),
    'outbox.settle': (scope, id, consequences) => outbox.settle(scope, id, consequences),
    'outbox.postpone': (scope, ...parameters) => outbox.postpone(scope, ...parameters),
  };
}
