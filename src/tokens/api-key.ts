/** The API key as its holder has it: recognised by scanners for secrets, told from a misprint without I/O; only a digest of its secret is stored. */
import { crc32 } from 'node:zlib';
import { sha256 } from '../crypto/digest.js';
import { formatId } from '../crypto/random.js';

const prefix = 'csk_';
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idBytes = 16;
export const apiKeySecretBytes = 32;
const contentBytes = idBytes + apiKeySecretBytes;
/** Digits that the largest content has in base 62, and the largest CRC-32. */
const contentDigits = 65;
const checksumDigits = 6;
const checksumAt = prefix.length + contentDigits;

/** `csk_`, then id and secret as one number, then the CRC-32 of all that; every part of a fixed length. */
export const apiKeyPattern: RegExp = new RegExp(`^${prefix}[0-9A-Za-z]{${String(contentDigits + checksumDigits)}}$`);

export interface ApiKeyContent {
  readonly id: string;
  /** SHA-256: the secret is random enough to need no slow hash. */
  readonly secretDigest: Buffer;
}

export function issueApiKey(id: string, secret: Buffer): string {
  const content = Buffer.concat([Buffer.from(id.slice('key_'.length), 'base64url'), secret]);
  const checked = prefix + inBase62(BigInt(`0x${content.toString('hex')}`), contentDigits);
  return checked + checksumOf(checked);
}

/** Whether it means to be one, however malformed. */
export function isApiKey(text: string): boolean {
  return text.startsWith(prefix);
}

/** Null for a wrong shape or checksum. The checksum keeps misprints from the store, not strangers: anybody can make one. */
export function parseApiKey(text: string): ApiKeyContent | null {
  if (!apiKeyPattern.test(text) || text.slice(checksumAt) !== checksumOf(text.slice(0, checksumAt))) return null;
  const hex = fromBase62(text.slice(prefix.length, checksumAt)).toString(16);
  // More digits than the content needs can say: some numbers are no key.
  if (hex.length > 2 * contentBytes) return null;
  const content = Buffer.from(hex.padStart(2 * contentBytes, '0'), 'hex');
  return { id: formatId('key', content.subarray(0, idBytes)), secretDigest: sha256(content.subarray(idBytes)) };
}

function checksumOf(checked: string): string {
  let rest = crc32(checked);
  let text = '';
  for (; text.length < checksumDigits; rest = Math.floor(rest / 62)) text = digits.charAt(rest % 62) + text;
  return text;
}

function inBase62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = digits.charAt(Number(rest % 62n)) + text;
  return text;
}

/** In pieces that a number holds exactly, which spares most of the big arithmetic. */
function fromBase62(text: string): bigint {
  let value = 0n;
  for (let at = 0; at < text.length; at += 8) {
    const piece = text.slice(at, at + 8);
    let number = 0;
    for (let index = 0; index < piece.length; index += 1) number = number * 62 + digits.indexOf(piece.charAt(index));
    value = value * 62n ** BigInt(piece.length) + BigInt(number);
  }
  return value;
}
