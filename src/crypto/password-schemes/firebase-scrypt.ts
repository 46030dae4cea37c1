/**
 * Firebase's own scrypt: what it derives encrypts the project's signer key, and the ciphertext is the hash. Written as Supabase does, with
 * everything in it that it takes: `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=…$salt$hash`, where `r` is what Firebase calls rounds.
 */
import { createCipheriv } from 'node:crypto';
import { derivedScheme, type PasswordScheme } from './scheme.js';
import { isScrypt, runScrypt, scryptCost, scryptExcess, type ScryptParameters } from './scrypt-work.js';

/** What the Firebase console shows as the project's password hash parameters. */
export interface FirebaseProject {
  /** In Base64, as the next one. */
  readonly signerKey: string;
  readonly saltSeparator: string;
  readonly rounds: number;
  readonly memoryCost: number;
}

interface Stored extends ScryptParameters {
  readonly salt: Buffer;
  readonly signerKey: Buffer;
  readonly expected: Buffer;
}

const base64 = String.raw`[A-Za-z0-9+/]{1,172}={0,2}`;
const format = new RegExp(
  String.raw`^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})(?:,ss=(${base64}))?,sk=(${base64})\$(${base64})\$(${base64})$`,
);

export const firebaseScrypt: PasswordScheme = derivedScheme<Stored>({
  name: 'scrypt of Firebase',
  recognizes: (hash) => hash.startsWith('$fbscrypt$'),
  parse(hash) {
    const [, n, r, p, separator = '', signerKey, salt, expected] = format.exec(hash) ?? [];
    const parameters = { logN: Number(n), r: Number(r), p: Number(p) };
    if (signerKey === undefined || salt === undefined || expected === undefined || !isScrypt(parameters)) return null;
    return {
      ...parameters,
      salt: Buffer.concat([Buffer.from(salt, 'base64'), Buffer.from(separator, 'base64')]),
      signerKey: Buffer.from(signerKey, 'base64'),
      expected: Buffer.from(expected, 'base64'),
    };
  },
  excess: ({ expected, signerKey, ...parameters }) =>
    expected.length === signerKey.length ? scryptExcess(parameters) : 'whose hash is not as long as the signer key of the project',
  costOf: scryptCost,
  derive(stored, password) {
    const key = runScrypt(password, stored.salt, 32, stored);
    return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(stored.signerKey);
  },
});

/** @param salt @param hash in Base64, either alphabet, as `firebase auth:export` writes them */
export function firebaseHash({ signerKey, saltSeparator, rounds, memoryCost }: FirebaseProject, salt: string, hash: string): string {
  const separator = saltSeparator === '' ? '' : `,ss=${plainBase64(saltSeparator)}`;
  return `$fbscrypt$v=1,n=${memoryCost},r=${rounds},p=1${separator},sk=${plainBase64(signerKey)}$${plainBase64(salt)}$${plainBase64(hash)}`;
}

function plainBase64(text: string): string {
  return text.replaceAll('-', '+').replaceAll('_', '/');
}
