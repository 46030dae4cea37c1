/** The one-time token in a link, which authenticates itself, and the code beside it, which is six digits. Only digests of them are stored. */
import { decodeBase64url } from '../crypto/base64url.js';
import { constantTimeEqual, hmacSha256, sha256 } from '../crypto/digest.js';
import { proofPurposes, type ProofPurpose, type SecretRing } from '../crypto/master-secret.js';
import { formatId, type Random } from '../crypto/random.js';

const prefix = 'cso_';
const version = 1;
/** version 1 | key id 1 | purpose 1 | proof id 16 | secret 32, then the MAC. */
const macAt = 51;
const totalBytes = macAt + 32;

const codeDigits = 6;
export const codePattern: RegExp = /^\d{6}$/;

export interface OneTimeTokenContent {
  readonly purpose: ProofPurpose;
  readonly proofId: string;
  readonly secretDigest: Buffer;
}

/** `unknown_key`: well formed, but by a secret that this process does not have. */
export type OneTimeTokenVerdict =
  { readonly ok: true; readonly content: OneTimeTokenContent } | { readonly ok: false; readonly why: 'invalid' | 'unknown_key' };

export function issueOneTimeToken(
  ring: SecretRing,
  { purpose, idBytes, secret }: { readonly purpose: ProofPurpose; readonly idBytes: Buffer; readonly secret: Buffer },
): string {
  const [keys] = ring;
  const bytes = Buffer.alloc(totalBytes);
  bytes.writeUInt8(version, 0);
  bytes.writeUInt8(keys.id, 1);
  bytes.writeUInt8(proofPurposes.indexOf(purpose), 2);
  idBytes.copy(bytes, 3);
  secret.copy(bytes, 19);
  hmacSha256(keys.proofs[purpose], bytes.subarray(0, macAt)).copy(bytes, macAt);
  return prefix + bytes.toString('base64url');
}

/** One HMAC and no I/O: made-up tokens, and those of other purposes, never reach the store. */
export function verifyOneTimeToken(ring: SecretRing, token: string, purposes: readonly ProofPurpose[]): OneTimeTokenVerdict {
  const bytes = token.startsWith(prefix) && token.length < 128 ? decodeBase64url(token.slice(prefix.length)) : null;
  const purpose = proofPurposes[bytes?.[2] ?? proofPurposes.length];
  if (bytes?.byteLength !== totalBytes || bytes[0] !== version || purpose === undefined || !purposes.includes(purpose))
    return { ok: false, why: 'invalid' };
  const keys = ring.find((candidate) => candidate.id === bytes[1]);
  if (!keys) return { ok: false, why: 'unknown_key' };
  if (!constantTimeEqual(hmacSha256(keys.proofs[purpose], bytes.subarray(0, macAt)), bytes.subarray(macAt)))
    return { ok: false, why: 'invalid' };
  return {
    ok: true,
    content: { purpose, proofId: formatId('prf', bytes.subarray(3, 19)), secretDigest: sha256(bytes.subarray(19, macAt)) },
  };
}

/** Each with the same likelihood: what would make the first ones likelier is drawn again. */
export function newCode(random: Random): string {
  const most = 10 ** codeDigits;
  const bound = 2 ** 32 - (2 ** 32 % most);
  for (;;) {
    const drawn = random(4).readUInt32BE();
    if (drawn < bound) return String(drawn % most).padStart(codeDigits, '0');
  }
}

/** Keyed, for six digits could be guessed from a digest; its first byte tells which secret of the ring it is by. */
export function codeDigest(ring: SecretRing, of: CodeOfProof): Buffer {
  return digestBy(ring[0], of);
}

/** The digest of a code that is to be compared with one that is kept; null when that is by a secret that is gone. */
export function codeDigestLike(ring: SecretRing, kept: Uint8Array, of: CodeOfProof): Buffer | null {
  const keys = ring.find((candidate) => candidate.id === kept[0]);
  return keys === undefined ? null : digestBy(keys, of);
}

interface CodeOfProof {
  readonly purpose: ProofPurpose;
  readonly proofId: string;
  readonly code: string;
}

function digestBy(keys: SecretRing[number], { purpose, proofId, code }: CodeOfProof): Buffer {
  return Buffer.concat([Buffer.of(keys.id), hmacSha256(keys.proofs[purpose], `code\n${proofId}\n${code}`)]);
}
