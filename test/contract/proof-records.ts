/** One-time proofs for the contract's tests, valid unless a test says otherwise. */
import type { NewProofRecord } from '../../src/model/proofs.js';
import type { OpenStore } from '../../src/model/store.js';

let serial = 0;

export const secret: Uint8Array = new Uint8Array(32).fill(11);
export const code: Uint8Array = new Uint8Array(32).fill(12);
export const wrong: Uint8Array = new Uint8Array(32).fill(13);

export function newProof(overrides: Partial<NewProofRecord> = {}): NewProofRecord {
  serial += 1;
  return {
    id: `prf_${String(serial).padStart(6, '0')}`,
    purpose: 'verify_email',
    userId: null,
    subject: overrides.userId ?? null,
    secretDigest: secret,
    codeDigest: code,
    epoch: 0,
    sealedContent: Uint8Array.of(7, 8, 9),
    lifetimeSeconds: 1000,
    since: null,
    ...overrides,
  };
}

/** As the outbox does. */
export async function issue(store: OpenStore, overrides: Partial<NewProofRecord> = {}): Promise<NewProofRecord> {
  const proof = newProof(overrides);
  const row = { id: `out_of_${proof.id}`, kind: 'cause', sealedPayload: Uint8Array.of(1), lifetimeSeconds: 10 };
  await store.outbox.add([row]);
  const outcome = await store.outbox.settle(row.id, { proof, rows: [] });
  if (outcome !== 'settled') throw new Error(outcome);
  return proof;
}
