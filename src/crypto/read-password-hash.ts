/** Which kind of password hash a text is, and what speaks against it: for hashes that are brought from other systems. */
import { argon2 } from './password-schemes/argon2.js';
import { bcrypt } from './password-schemes/bcrypt.js';
import { firebaseScrypt } from './password-schemes/firebase-scrypt.js';
import { aspNetIdentity, django, passlib } from './password-schemes/pbkdf2.js';
import type { HashProblem, PasswordScheme } from './password-schemes/scheme.js';
import { betterAuth, scryptPhc } from './password-schemes/scrypt.js';

const schemes: readonly PasswordScheme[] = [argon2, bcrypt, scryptPhc, betterAuth, firebaseScrypt, django, passlib, aspNetIdentity];

export function schemeOf(hash: string): PasswordScheme | undefined {
  return schemes.find((scheme) => scheme.recognizes(hash));
}

/** Null when it can be verified. The message never holds the hash. */
export function passwordHashProblem(hash: string): HashProblem | null {
  const scheme = schemeOf(hash);
  if (scheme !== undefined) return scheme.problem(hash);
  return { reason: 'unknown_scheme', message: 'is of no kind that is known here: Argon2, bcrypt, scrypt or PBKDF2' };
}
