/** scrypt in the PHC string format, as passlib and others write it, and in that of better-auth. */
import { derivedScheme, type PasswordScheme } from './scheme.js';
import { isScrypt, runScrypt, scryptCost, scryptExcess, type ScryptParameters } from './scrypt-work.js';

interface Stored extends ScryptParameters {
  readonly salt: Buffer;
  readonly expected: Buffer;
}

const phcFormat = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([A-Za-z0-9+/]{1,172})={0,2}\$([A-Za-z0-9+/]{22,172})={0,2}$/;

/** `$scrypt$ln=15,r=8,p=1$salt$hash` */
export const scryptPhc: PasswordScheme = derivedScheme<Stored>({
  name: 'scrypt',
  recognizes: (hash) => hash.startsWith('$scrypt$'),
  parse(hash) {
    const [, ln, r, p, salt, key] = phcFormat.exec(hash) ?? [];
    const parameters = { logN: Number(ln), r: Number(r), p: Number(p) };
    if (salt === undefined || key === undefined || !isScrypt(parameters)) return null;
    return { ...parameters, salt: Buffer.from(salt, 'base64'), expected: Buffer.from(key, 'base64') };
  },
  excess: scryptExcess,
  costOf: scryptCost,
  derive: (stored, password) => runScrypt(password, stored.salt, stored.expected.length, stored),
});

const betterAuthFormat = /^([0-9a-f]{32}):([0-9a-f]{128})$/;

/** `salt:key`, both in hexadecimal; the digits of the salt are its bytes, and the password is normalized first. */
export const betterAuth: PasswordScheme = derivedScheme<Stored>({
  name: 'scrypt of better-auth',
  recognizes: (hash) => /^[0-9a-f]{32}:/.test(hash),
  parse(hash) {
    const [, salt, key] = betterAuthFormat.exec(hash) ?? [];
    if (salt === undefined || key === undefined) return null;
    return { logN: 14, r: 16, p: 1, salt: Buffer.from(salt), expected: Buffer.from(key, 'hex') };
  },
  excess: scryptExcess,
  costOf: scryptCost,
  derive: (stored, password) => runScrypt(password.normalize('NFKC'), stored.salt, stored.expected.length, stored),
});
