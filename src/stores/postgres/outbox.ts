/** The outbox: the acts of `OutboxStore` as statements. */
import type { OutboxRecord, OutboxStore } from '../../model/outbox.js';
import type { Database } from './database.js';
import { IssueStatements, issueProof } from './issue-proof.js';
import { outboxWriter } from './outbox-writer.js';
import { prepared, timed, type Wording } from './statements.js';

interface OutboxRow {
  readonly id: string;
  readonly kind: string;
  readonly sealed_payload: Uint8Array;
  readonly attempts: number;
  readonly created_at: number;
  readonly expires_at: number;
  readonly now: number;
}

function recordFromRow(row: OutboxRow): OutboxRecord {
  return {
    id: row.id,
    kind: row.kind,
    sealedPayload: row.sealed_payload,
    attempts: row.attempts,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    now: row.now,
  };
}

export function outboxStore(database: Database, wording: Wording): OutboxStore {
  const { outbox } = wording;
  const write = outboxWriter(wording);
  const issue = new IssueStatements(wording);
  const nextDue = timed(wording, `SELECT min(due_at) - (SELECT now FROM terms) AS due_in FROM ${outbox}`);
  // What another process is claiming is not waited for.
  const claim = timed(
    wording,
    `due AS (
      SELECT id FROM ${outbox}, terms WHERE due_at <= terms.now ORDER BY due_at, id LIMIT $2::bigint FOR UPDATE OF outbox SKIP LOCKED)`,
    `claimed AS (
      UPDATE ${outbox} SET attempts = attempts + 1, due_at = terms.now + $3::bigint FROM terms, due WHERE outbox.id = due.id
      RETURNING outbox.id, kind, sealed_payload, attempts, outbox.created_at, outbox.expires_at)`,
    'SELECT claimed.*, terms.now FROM claimed, terms ORDER BY created_at, claimed.id',
  );
  const remove = prepared(`DELETE FROM ${outbox} WHERE id = $1 RETURNING id`);
  const postpone = timed(
    wording,
    `UPDATE ${outbox} SET due_at = terms.now + $4::bigint FROM terms WHERE id = $2 AND attempts = $3::bigint`,
  );
  return {
    add: (rows) => database.transaction((run) => write(run, rows)),
    nextDue: async () => {
      const [row] = await database.read<{ due_in: number | null }>(nextDue);
      return row?.due_in === null || row === undefined ? null : Math.max(0, row.due_in);
    },
    claim: async (limit, leaseSeconds) => (await database.write<OutboxRow>(claim, limit, leaseSeconds * 1000)).map(recordFromRow),
    settle: (id, consequences) =>
      database.transaction(async (run) => {
        if ((await run(remove, [id])).length === 0) return 'gone';
        if (consequences === undefined) return 'settled';
        if (consequences.proof !== null && !(await issueProof(run, issue, consequences.proof))) return 'dropped';
        await write(run, consequences.rows);
        return 'settled';
      }),
    postpone: async (id, attempts, seconds) => {
      await database.write(postpone, id, attempts, seconds * 1000);
    },
  };
}
