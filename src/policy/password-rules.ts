/** Decides which lengths of password may be chosen (NIST SP 800-63B-4 section 3.1.1.2: length counts, composition does not). */

/** The least that `passwords.minLength` can be, and its default. */
export const minPasswordLength = 8;
export const maxPasswordLength = 256;

export interface PasswordProblem {
  readonly code:
    | 'password_malformed'
    | 'password_too_short'
    | 'password_too_long'
    | 'password_common'
    | 'password_repetitive'
    | 'password_contains_name'
    | 'password_contains_service'
    | 'password_breached';
  /** A sentence that can be shown; never holds the value. */
  readonly message: string;
}

/** The form that is hashed and verified: the same text gives the same password on every keyboard. Nothing is trimmed or cut. */
export function normalizePassword(input: string): string {
  return input.normalize('NFC');
}

/**
 * What is wrong with a password that someone chooses, or null. Length is counted in code points of the normalized form. Spaces and control
 * characters, NUL included, count as any other: Argon2id takes them as they are.
 */
export function passwordProblem(password: string, minLength: number = minPasswordLength): PasswordProblem | null {
  // No 256 code points come from more than eight times as many units: what is longer is refused before work is done on it.
  if (password.length > 8 * maxPasswordLength) return tooLong;
  // Encoding to UTF-8 makes U+FFFD of every lone surrogate, so that different passwords would be equal.
  if (!password.isWellFormed()) return malformed;
  const length = Array.from(normalizePassword(password)).length;
  if (length > maxPasswordLength) return tooLong;
  return length < minLength ? tooShort(minLength) : null;
}

const malformed: PasswordProblem = { code: 'password_malformed', message: 'The password must be well-formed Unicode text.' };
const tooShort = (least: number): PasswordProblem => ({
  code: 'password_too_short',
  message: `The password must have at least ${String(least)} characters.`,
});
const tooLong: PasswordProblem = { code: 'password_too_long', message: `The password must have at most ${maxPasswordLength} characters.` };
