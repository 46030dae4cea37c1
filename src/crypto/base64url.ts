/** Strict base64url without padding (RFC 4648 section 5): one encoding per value. */
import { isAscii, isUtf8 } from 'node:buffer';

/** What is decoded into it is read at once: new memory for each text would cost as much as the decoding. */
const scratch = Buffer.allocUnsafeSlow(8192);

/** The bytes, or null unless `text` is exactly what encoding them gives: no padding, no other alphabet, no stray bits. */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

/** The text whose UTF-8 this is the encoding of; null where `decodeBase64url` gives null, and for bytes that are no UTF-8. */
export function decodeBase64urlText(text: string): string | null {
  const memory = text.length <= scratch.length ? scratch : Buffer.allocUnsafe(text.length);
  const size = memory.write(text, 'base64url');
  if (memory.toString('base64url', 0, size) !== text) return null;
  const bytes = memory.subarray(0, size);
  // Read in a third of the time, and nearly every text is.
  if (isAscii(bytes)) return memory.toString('latin1', 0, size);
  return isUtf8(bytes) ? memory.toString('utf8', 0, size) : null;
}
