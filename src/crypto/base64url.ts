/** Strict base64url without padding (RFC 4648 section 5): one encoding per value. */

/** The bytes, or null unless `text` is exactly what encoding them gives: no padding, no other alphabet, no stray bits. */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}
