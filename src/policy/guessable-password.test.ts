/** Which passwords of acceptable length are refused because somebody would try them first. */
import { describe, expect, it } from 'vitest';
import { loadCommonPasswords } from './common-passwords.js';
import { guessableProblem, type PasswordContext } from './guessable-password.js';

const common = await loadCommonPasswords();
const ada: PasswordContext = { username: 'ada-lovelace', email: 'countess@mail.example', hostname: 'auth.engines.example' };
const codeOf = (password: string, context: PasswordContext = ada): string | null =>
  guessableProblem(password, context, common)?.code ?? null;

describe('a password', () => {
  it.each([
    'password',
    'Password1',
    'PASSWORD123',
    'qwertyuiop',
    'P@ssw0rd',
    'iloveyou!!!',
    '2024sunshine2024',
    'letmein123',
    'trustno1',
    '1qaz2wsx',
  ])('that is on every list of attackers, however it is dressed up: %s', (password) => {
    expect(codeOf(password)).toBe('password_common');
  });

  it.each(['aaaaaaaa', '        ', 'abababababab', 'xyzxyzxyzxyz', '7777777788888888', 'abcdefghijkl', 'zyxwvuts'])(
    'that repeats or counts: %j',
    (password) => {
      expect(codeOf(password)).toMatch(/^password_(?:repetitive|common)$/);
    },
  );

  it('with the name or the address of its user in it', () => {
    for (const password of ['ada-lovelace', 'I am Ada-Lovelace, 1815', 'countess-of-the-sea', 'xxADA-LOVELACExx']) {
      expect(codeOf(password), password).toBe('password_contains_name');
    }
  });

  it('with the name of the service in it', () => {
    expect(codeOf('my engines password')).toBe('password_contains_service');
    expect(codeOf('localhost number 9', { ...ada, hostname: 'localhost' })).toBe('password_contains_service');
  });

  it.each([
    'correct horse battery staple',
    'tr0ub4dor&3 tr0ub4dor',
    'пароль длинный очень',
    'example of the mail', // the end of the host name and the host of the address say nothing
    'authentic login page',
    'J7#kd9!pQz',
    'ada was here first',
  ])('of its own is accepted: %s', (password) => {
    expect(codeOf(password)).toBeNull();
  });

  it('may contain a name of three letters, which occurs by chance', () => {
    expect(codeOf('shadada is a word', { ...ada, username: 'ada', email: null })).toBeNull();
  });

  it('is not judged by an address in place of a host name', () => {
    expect(codeOf('the number 127 and 0', { ...ada, hostname: '127.0.0.1' })).toBeNull();
    expect(codeOf('of seven colons abcd', { ...ada, hostname: '[::1]' })).toBeNull();
  });

  it('is never quoted in the message', () => {
    for (const password of ['password123', 'ada-lovelace!', 'engines of mine', 'aaaaaaaaaa']) {
      const { message } = guessableProblem(password, ada, common)!;
      expect(message.toLowerCase()).not.toContain(password);
    }
  });
});

describe('the list of common passwords', () => {
  it('holds thousands, each long enough to be accepted otherwise, in lower case', () => {
    expect(common.size).toBeGreaterThan(10_000);
    for (const password of common) {
      expect(Array.from(password).length).toBeGreaterThanOrEqual(8);
      expect(password).toBe(password.toLowerCase());
    }
  });
});
