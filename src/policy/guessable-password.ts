/** Decides whether a password is one of the first that somebody would try (NIST SP 800-63B-4 section 3.1.1.2, ASVS 5.0 V6.2). */
import type { PasswordProblem } from './password-rules.js';

/** What a guess about this account would begin with. */
export interface PasswordContext {
  readonly username: string | null;
  readonly email: string | null;
  /** The host name of the service. */
  readonly hostname: string;
}

/** A shorter word occurs by chance. */
const leastWordLength = 4;
/** Parts of host names that say nothing about whose they are. */
const generalWords: ReadonlySet<string> = new Set(['auth', 'login', 'account', 'accounts', 'identity', 'internal']);

/** What is wrong with a password of acceptable length, or null. `common`: in lower case. */
export function guessableProblem(password: string, context: PasswordContext, common: ReadonlySet<string>): PasswordProblem | null {
  const text = password.toLowerCase();
  if (isPattern(text)) return problems.repetitive;
  if (spellings(text).some((spelling) => common.has(spelling))) return problems.common;
  if (containsAny(text, wordsOfUser(context))) return problems.name;
  return containsAny(text, wordsOfService(context.hostname)) ? problems.service : null;
}

const problems = {
  common: {
    code: 'password_common',
    message: 'The password is among those that are guessed first. Several unrelated words make a good one.',
  },
  repetitive: {
    code: 'password_repetitive',
    message: 'The password repeats or counts through a few characters. Several unrelated words make a good one.',
  },
  name: { code: 'password_contains_name', message: 'The password must not contain your user name or e-mail address.' },
  service: { code: 'password_contains_service', message: 'The password must not contain the name of this service.' },
} as const satisfies Record<string, PasswordProblem>;

/** As it is, without what people put around a word, and with letters for the digits that stand for them. */
function spellings(text: string): string[] {
  const plain = text.replace(/[013457@$!]/g, (sign) => lettersFor.get(sign) ?? sign);
  return [text, plain].flatMap((spelling) => [spelling, spelling.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')]);
}

const lettersFor: ReadonlyMap<string, string> = new Map(
  Object.entries({ 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's', '!': 'i' }),
);

/** At most two different characters, a short text over and over, or neighbours of the code table: `abcdefgh`, `87654321`. */
function isPattern(text: string): boolean {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  if (new Set(points).size <= 2) return true;
  const step = (points[1] ?? 0) - (points[0] ?? 0);
  const counts = Math.abs(step) === 1 && points.every((point, index) => index === 0 || point - (points[index - 1] ?? 0) === step);
  return counts || [3, 4].some((period) => points.every((point, index) => point === points[index % period]));
}

function wordsOfUser({ username, email }: PasswordContext): string[] {
  return [username, email?.slice(0, email.lastIndexOf('@'))].flatMap((word) => (word === null || word === undefined ? [] : [word]));
}

/** All parts of the host name but the last; an address has no name. */
function wordsOfService(hostname: string): string[] {
  return hostname
    .split('.')
    .slice(0, hostname.includes('.') ? -1 : 1)
    .filter((word) => /\p{L}/u.test(word) && !generalWords.has(word));
}

function containsAny(text: string, words: readonly string[]): boolean {
  return words.some((word) => word.length >= leastWordLength && text.includes(word.toLowerCase()));
}
