/** The refresh token: opaque to its holder, authenticates itself, names its session and generation; nothing of it is stored but a digest. */
import { decodeBase64url } from '../crypto/base64url.js';
import { constantTimeEqual, hmacSha256, sha256 } from '../crypto/digest.js';
import type { SecretRing } from '../crypto/master-secret.js';
import { formatId } from '../crypto/random.js';

const prefix = 'csr_';
const version = 1;
/** version 1 | key id 1 | session id 16 | generation u32 | session secret 16, then the MAC. */
const macAt = 38;
const totalBytes = macAt + 32;

/** What a genuine refresh token says. */
export interface RefreshTokenContent {
  readonly sessionId: string;
  readonly generation: number;
  readonly secretDigest: Buffer;
  /** The token of another generation of the same session, authenticated with the first secret of the ring. */
  atGeneration(generation: number): string;
}

/** `unknown_key`: well formed, but by a secret that this process does not have. */
export type RefreshTokenVerdict =
  { readonly ok: true; readonly content: RefreshTokenContent } | { readonly ok: false; readonly why: 'invalid' | 'unknown_key' };

export interface NewRefreshToken {
  readonly sessionIdBytes: Buffer;
  readonly sessionSecret: Buffer;
  readonly generation: number;
}

export function issueRefreshToken(ring: SecretRing, { sessionIdBytes, sessionSecret, generation }: NewRefreshToken): string {
  const [keys] = ring;
  const bytes = Buffer.alloc(totalBytes);
  bytes.writeUInt8(version, 0);
  bytes.writeUInt8(keys.id, 1);
  sessionIdBytes.copy(bytes, 2);
  bytes.writeUInt32BE(generation, 18);
  sessionSecret.copy(bytes, 22);
  hmacSha256(keys.refresh, bytes.subarray(0, macAt)).copy(bytes, macAt);
  return prefix + bytes.toString('base64url');
}

/** One HMAC and no I/O: made-up tokens never reach the store. */
export function verifyRefreshToken(ring: SecretRing, token: string): RefreshTokenVerdict {
  const bytes = token.startsWith(prefix) && token.length < 128 ? decodeBase64url(token.slice(prefix.length)) : null;
  if (bytes?.byteLength !== totalBytes || bytes[0] !== version) return { ok: false, why: 'invalid' };
  const keys = ring.find((candidate) => candidate.id === bytes[1]);
  if (!keys) return { ok: false, why: 'unknown_key' };
  if (!constantTimeEqual(hmacSha256(keys.refresh, bytes.subarray(0, macAt)), bytes.subarray(macAt))) return { ok: false, why: 'invalid' };
  const sessionIdBytes = bytes.subarray(2, 18);
  const sessionSecret = bytes.subarray(22, macAt);
  return {
    ok: true,
    content: {
      sessionId: formatId('ses', sessionIdBytes),
      generation: bytes.readUInt32BE(18),
      secretDigest: sha256(sessionSecret),
      atGeneration: (generation) => issueRefreshToken(ring, { sessionIdBytes, sessionSecret, generation }),
    },
  };
}
