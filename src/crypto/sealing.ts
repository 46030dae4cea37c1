/** Seals what must be read again (private signing keys) under the master secret: AES-256-GCM (NIST SP 800-38D). */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { SecretRing } from './master-secret.js';
import type { Random } from './random.js';

const nonceBytes = 12;
const tagBytes = 16;

/** `key id 1 | nonce 12 | tag 16 | ciphertext`. `purpose` is bound: what was sealed for one does not open for another. */
export function seal(ring: SecretRing, random: Random, purpose: string, plaintext: Uint8Array): Buffer {
  const [keys] = ring;
  const nonce = random(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', keys.sealing, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(purpose));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.of(keys.id), nonce, cipher.getAuthTag(), ciphertext]);
}

/** The plaintext, or null when no secret of the ring opens it. */
export function unseal(ring: SecretRing, purpose: string, sealed: Uint8Array): Buffer | null {
  const bytes = Buffer.from(sealed);
  const keys = ring.find((candidate) => candidate.id === bytes[0]);
  if (!keys || bytes.byteLength < 1 + nonceBytes + tagBytes) return null;
  const decipher = createDecipheriv('aes-256-gcm', keys.sealing, bytes.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(purpose));
  decipher.setAuthTag(bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()]);
  } catch {
    return null;
  }
}

/** Whether it is sealed under the first secret of the ring, the one that new things are sealed under. */
export function isSealedUnderFirst(ring: SecretRing, sealed: Uint8Array): boolean {
  return sealed[0] === ring[0].id;
}
