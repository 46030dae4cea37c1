/** Makes and reads one-time proofs: the token and code that a person gets, the row that is kept, and what it is to bring about. */
import { sha256 } from '../crypto/digest.js';
import { formatId, newIdBytes } from '../crypto/random.js';
import { seal, unseal } from '../crypto/sealing.js';
import { AuthError } from '../errors.js';
import type { Delivery } from '../model/app-types.js';
import type { NewProofRecord, ProofPurpose, ProofRecord, RedemptionOutcome } from '../model/proofs.js';
import type { UserRecord } from '../model/store.js';
import { codeDigest, issueOneTimeToken, newCode, verifyOneTimeToken, type OneTimeTokenContent } from '../tokens/one-time-token.js';
import type { FlowContext } from './context.js';

/** What a proof brings about, as it is kept, sealed. */
export interface ProofContents {
  readonly verify_email: { readonly email: string };
  readonly change_email: { readonly email: string; readonly sessionId: string };
  readonly reset_password: { readonly email: string };
  readonly register: { readonly email: string; readonly passwordHash: string; readonly name: string | null; readonly profile: object };
  readonly disown: { readonly email: string };
  /** What the login asked for, and the user's epoch when he gave his password. */
  readonly login: { readonly epoch: number; readonly delivery: Delivery; readonly remember: boolean; readonly device: string };
}

const hour = 3600;
const day = 24 * hour;

const lifetimes: Readonly<Record<ProofPurpose, number>> = {
  verify_email: day,
  change_email: day,
  reset_password: hour,
  register: day,
  disown: 7 * day,
  login: 300,
};

/** Only where the person is signed in, so that a code is his alone. */
const haveCodes: ReadonlySet<ProofPurpose> = new Set<ProofPurpose>(['verify_email', 'change_email']);

export interface NewProof<Purpose extends ProofPurpose> {
  readonly purpose: Purpose;
  readonly content: ProofContents[Purpose];
  readonly userId: string | null;
  readonly subject: string | null;
  readonly epoch: number | null;
  readonly since?: number;
}

export interface MadeProof {
  readonly record: NewProofRecord;
  readonly token: string;
  readonly code: string | null;
  readonly validSeconds: number;
}

export function makeProof<Purpose extends ProofPurpose>(
  { secrets, random, clock }: FlowContext,
  { purpose, content, since = 0, ...terms }: NewProof<Purpose>,
): MadeProof {
  const idBytes = newIdBytes(random, clock.now());
  const id = formatId('prf', idBytes);
  const secret = random(32);
  const code = haveCodes.has(purpose) ? newCode(random) : null;
  const validSeconds = lifetimes[purpose];
  return {
    record: {
      ...terms,
      id,
      purpose,
      secretDigest: sha256(secret),
      codeDigest: code === null ? null : codeDigest(secrets, { purpose, proofId: id, code }),
      sealedContent: seal(secrets, random, sealedFor(id), Buffer.from(JSON.stringify(content))),
      lifetimeSeconds: validSeconds,
      since: since === 0 ? null : since,
    },
    token: issueOneTimeToken(secrets, { purpose, idBytes, secret }),
    code,
    validSeconds,
  };
}

/** How long after its start a process may not know yet a secret that others sign with already. */
const lagSeconds = 300;

/** @throws {AuthError} `one_time_token_invalid`, or 503 while another node may know a secret that this one does not. */
export function readOneTimeToken(
  { secrets, store, clock, startedAt }: FlowContext,
  token: string,
  purposes: readonly ProofPurpose[],
): OneTimeTokenContent {
  const verdict = verifyOneTimeToken(secrets, token, purposes);
  if (verdict.ok) return verdict.content;
  if (verdict.why === 'unknown_key' && store.shared && clock.now() - startedAt < lagSeconds * 1000)
    throw new AuthError('store_unavailable', { reason: 'one-time token of an unknown secret', retryAfterSeconds: 5 });
  throw new AuthError('one_time_token_invalid', { reason: verdict.why });
}

/** The row behind a genuine token. @throws {AuthError} `one_time_token_expired` when it is long gone, `one_time_token_invalid`. */
export async function findProof({ store }: FlowContext, { proofId, purpose }: OneTimeTokenContent): Promise<ProofRecord> {
  const proof = await store.proofs.find(proofId);
  if (proof === null) throw new AuthError('one_time_token_expired', { reason: 'no such proof any more' });
  if (proof.purpose !== purpose) throw new AuthError('one_time_token_invalid', { reason: 'proof of another purpose' });
  return proof;
}

/** @throws {AuthError} `one_time_token_expired` when the secret is gone that it was sealed under. */
export function contentOf<Purpose extends ProofPurpose>(
  { secrets }: FlowContext,
  proof: ProofRecord,
  _purpose: Purpose,
): ProofContents[Purpose] {
  const opened = unseal(secrets, sealedFor(proof.id), proof.sealedContent);
  if (opened === null) throw new AuthError('one_time_token_expired', { reason: 'sealed under a secret that is gone' });
  return JSON.parse(opened.toString('utf8')) as ProofContents[Purpose];
}

/** @throws {AuthError} `one_time_token_used`, `one_time_token_expired`, `one_time_token_invalid`, `conflict` for what another has by now. */
export function redeemed(result: RedemptionOutcome): UserRecord {
  switch (result.outcome) {
    case 'redeemed':
      return result.user;
    case 'used':
      throw new AuthError('one_time_token_used');
    case 'expired':
      throw new AuthError('one_time_token_expired');
    case 'invalid':
      throw new AuthError('one_time_token_invalid', { reason: 'wrong secret or code' });
    case 'taken':
      throw new AuthError('conflict', { detail: 'Another account has this address by now.' });
  }
}

/** Bound to its row: what is sealed for one opens in no other. */
function sealedFor(id: string): string {
  return `proof/${id}`;
}
