/** scrypt (RFC 7914), and how much of it a stored hash may cost. */
import { scryptSync } from 'node:crypto';

export interface ScryptParameters {
  /** Binary logarithm of N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB, which is N=2^17 with r=8: the most that OWASP advises. */
const greatestBlocks = 2 ** 20;
const greatestWork = 2 * greatestBlocks;

export function scryptExcess({ logN, r, p }: ScryptParameters): string | null {
  const blocks = 2 ** logN * r;
  const mebibytes = Math.round((blocks * 128) / 2 ** 20);
  if (blocks > greatestBlocks)
    return `with N=2^${logN} and r=${r}, which is ${mebibytes} MiB, and at most ${greatestBlocks / 8192} MiB are taken`;
  if (blocks * p > greatestWork) return `with N=2^${logN}, r=${r} and p=${p}, whose product may be at most ${greatestWork}`;
  return null;
}

/** Whether RFC 7914 knows such parameters at all. */
export function isScrypt({ logN, r, p }: ScryptParameters): boolean {
  return logN >= 1 && r >= 1 && p >= 1 && logN < 16 * r && r * p < 2 ** 30;
}

export function scryptCost({ logN, r, p }: ScryptParameters): string {
  return `${logN},${r},${p}`;
}

export function runScrypt(password: string, salt: Buffer, bytes: number, { logN, r, p }: ScryptParameters): Buffer {
  const N = 2 ** logN;
  const maxmem = 128 * r * (N + p) + 2 ** 20;
  return scryptSync(password, salt, bytes, { N, r, p, maxmem });
}
