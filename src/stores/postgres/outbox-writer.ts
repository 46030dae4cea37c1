/** Writes rows of the outbox, in the transaction of whatever act causes them. */
import type { Outgoing } from '../../model/store.js';
import type { Run } from './connections.js';
import { timed, type Wording } from './statements.js';

export type OutboxWriter = (run: Run, rows: Outgoing | undefined) => Promise<void>;

export function outboxWriter(wording: Wording): OutboxWriter {
  const insert = timed(
    wording,
    `INSERT INTO ${wording.outbox} (id, kind, sealed_payload, attempts, created_at, expires_at, due_at)
    SELECT $2, $3, $4, 0, terms.now, terms.now + $5::bigint, terms.now FROM terms`,
  );
  return async (run, rows = []) => {
    for (const { id, kind, sealedPayload, lifetimeSeconds } of rows) await run(insert, [id, kind, sealedPayload, lifetimeSeconds * 1000]);
  };
}
