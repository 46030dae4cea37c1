/** Which passwords may be chosen, and that the same text is always the same password. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxPasswordLength, normalizePassword, passwordProblem } from './password-rules.js';

const codeOf = (password: string) => passwordProblem(password)?.code ?? null;
const wellFormed = fc.string({ unit: 'binary', maxLength: 300 });

describe('a password', () => {
  it.each([
    [0, 'password_too_short'],
    [7, 'password_too_short'],
    [8, null],
    [14, null],
    [15, null],
    [64, null],
    [256, null],
    [257, 'password_too_long'],
    [1024, 'password_too_long'],
    [16 * 1024 * 1024, 'password_too_long'],
  ])('of %i characters: %s', (length, code) => {
    expect(codeOf('x'.repeat(length))).toBe(code);
  });

  it('is measured in code points, whatever they take in UTF-16 or UTF-8', () => {
    expect(codeOf('🔒'.repeat(7))).toBe('password_too_short');
    expect(codeOf('🔒'.repeat(8))).toBeNull();
    expect(codeOf('🔒'.repeat(256))).toBeNull();
    expect(codeOf('🔒'.repeat(257))).toBe('password_too_long');
  });

  it('is measured after normalization', () => {
    expect(codeOf('e\u0301'.repeat(7))).toBe('password_too_short');
    expect(codeOf('\u03c9\u0313\u0342\u0345'.repeat(256))).toBeNull();
    expect(codeOf('\ufb2c'.repeat(100))).toBe('password_too_long');
  });

  it('may consist of spaces, of control characters and of anything else that is well-formed', () => {
    expect(codeOf(' '.repeat(8))).toBeNull();
    expect(codeOf('\0'.repeat(8))).toBeNull();
    expect(codeOf('пароль по-русски')).toBeNull();
    expect(codeOf('        x')).toBeNull();
  });

  it('may not hold half of a surrogate pair', () => {
    expect(codeOf('long enough \ud800')).toBe('password_malformed');
    expect(codeOf('\udc00 long enough')).toBe('password_malformed');
    expect(codeOf('long \udc00\ud800 enough')).toBe('password_malformed');
  });

  it('has a problem exactly when its code points, normalized, are fewer than 8 or more than 256', () => {
    fc.assert(
      fc.property(wellFormed, (password) => {
        const length = Array.from(password.normalize('NFC')).length;
        expect(passwordProblem(password) === null).toBe(length >= 8 && length <= 256);
      }),
    );
  });

  it('is judged alike in every canonically equivalent spelling', () => {
    fc.assert(
      fc.property(wellFormed, (password) => {
        expect(codeOf(password.normalize('NFD'))).toBe(codeOf(password));
        expect(codeOf(normalizePassword(password))).toBe(codeOf(password));
      }),
    );
  });

  it('is never quoted in the message', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0x4e00, max: 0xdfff }).map((unit) => String.fromCharCode(unit)), minLength: 1 }),
        (password) => {
          expect(passwordProblem(password)?.message ?? '').toMatch(/^[\x20-\x7e]*$/);
        },
      ),
    );
  });

  it('never takes more than 8 UTF-16 units for a normalized code point, so that longer input is refused unread', () => {
    for (let point = 0; point <= 0x10ffff; point += 1) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const character = String.fromCodePoint(point);
      const points = Array.from(character.normalize('NFC')).length;
      if (character.normalize('NFD').length > 8 * points) expect.fail(`U+${point.toString(16)}`);
    }
    expect(codeOf('\u03c9\u0313\u0342\u0345'.repeat(maxPasswordLength))).toBeNull();
  });
});

describe('normalization', () => {
  it('makes one password of all spellings of the same text', () => {
    expect(normalizePassword('e\u0301')).toBe(normalizePassword('\u00e9'));
    fc.assert(
      fc.property(wellFormed, (password) => {
        expect(normalizePassword(password.normalize('NFD'))).toBe(normalizePassword(password));
        expect(normalizePassword(normalizePassword(password))).toBe(normalizePassword(password));
      }),
    );
  });

  it('does not make one password of texts that only look alike', () => {
    expect(normalizePassword('ﬁ')).not.toBe(normalizePassword('fi'));
    expect(normalizePassword('K')).not.toBe(normalizePassword('k'));
    expect(normalizePassword(' x ')).toBe(' x ');
  });

  it('cuts nothing off', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 2000 }), (password) => {
        expect(normalizePassword(password)).toBe(password);
      }),
    );
  });
});
