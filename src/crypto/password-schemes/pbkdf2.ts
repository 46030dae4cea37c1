/** PBKDF2 (RFC 8018) as Django, passlib and ASP.NET Core Identity write it. */
import { pbkdf2Sync } from 'node:crypto';
import { derivedScheme, type PasswordScheme } from './scheme.js';

interface Stored {
  readonly digest: string;
  readonly iterations: number;
  readonly salt: Buffer;
  readonly expected: Buffer;
}

const blockBytes: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/** Of one block each: about a second of one thread. */
const greatestIterations = 2_000_000;

const shared = {
  excess({ digest, iterations, expected }: Stored): string | null {
    const blocks = Math.ceil(expected.length / (blockBytes[digest] ?? 1));
    if (blocks * iterations <= greatestIterations) return null;
    return `of ${iterations} iterations${blocks === 1 ? '' : ` and ${blocks} blocks`}, and at most ${greatestIterations} are taken`;
  },
  costOf: ({ digest, iterations, expected }: Stored): string => `${digest},${iterations},${expected.length}`,
  derive: ({ digest, iterations, salt, expected }: Stored, password: string): Buffer =>
    pbkdf2Sync(password, salt, iterations, expected.length, digest),
};

const djangoFormat = /^pbkdf2_(sha1|sha256)\$([1-9]\d{0,9})\$([!-#%-~]{1,128})\$([A-Za-z0-9+/]{22,172}={0,2})$/;

/** `pbkdf2_sha256$600000$salt$hash` */
export const django: PasswordScheme = derivedScheme<Stored>({
  ...shared,
  name: 'PBKDF2 of Django',
  recognizes: (hash) => hash.startsWith('pbkdf2_'),
  parse(hash) {
    const [, digest, iterations, salt, key] = djangoFormat.exec(hash) ?? [];
    if (digest === undefined || salt === undefined || key === undefined) return null;
    return { digest, iterations: Number(iterations), salt: Buffer.from(salt), expected: Buffer.from(key, 'base64') };
  },
});

const passlibFormat = /^\$pbkdf2(-sha256|-sha512)?\$([1-9]\d{0,9})\$([A-Za-z0-9./]{1,172})\$([A-Za-z0-9./]{22,172})$/;

/** `$pbkdf2-sha256$29000$salt$hash`; without a name of a digest it is SHA-1. */
export const passlib: PasswordScheme = derivedScheme<Stored>({
  ...shared,
  name: 'PBKDF2 of passlib',
  recognizes: (hash) => /^\$pbkdf2[$-]/.test(hash),
  parse(hash) {
    const [, digest = '-sha1', iterations, salt, key] = passlibFormat.exec(hash) ?? [];
    if (salt === undefined || key === undefined) return null;
    // Its Base64 says `.` for `+`.
    const bytes = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64');
    return { digest: digest.slice(1), iterations: Number(iterations), salt: bytes(salt), expected: bytes(key) };
  },
});

const digestsOfIdentity = ['sha1', 'sha256', 'sha512'] as const;

/** Base64 of: 1, then as 32-bit integers the digest, the iterations and the length of the salt, then salt and key. */
export const aspNetIdentity: PasswordScheme = derivedScheme<Stored>({
  ...shared,
  name: 'PBKDF2 of ASP.NET Core Identity',
  recognizes: (hash) => hash.startsWith('AQAAAA'),
  parse(hash) {
    if (!/^[A-Za-z0-9+/]{38,400}={0,2}$/.test(hash)) return null;
    const bytes = Buffer.from(hash, 'base64');
    const digest = digestsOfIdentity[bytes.readUInt32BE(1)];
    const saltEnd = 13 + bytes.readUInt32BE(9);
    const [salt, expected] = [bytes.subarray(13, saltEnd), bytes.subarray(saltEnd)];
    if (digest === undefined || salt.length < 8 || expected.length < 16 || bytes.readUInt32BE(5) === 0) return null;
    return { digest, iterations: bytes.readUInt32BE(5), salt, expected };
  },
});
