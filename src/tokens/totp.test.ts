import { expect, test } from 'vitest';
import { haveVectors, readVectors } from '../../test/vectors/read-vectors.js';
import { encodeBase32 } from '../crypto/base32.js';
import { systemRandom } from '../crypto/random.js';
import { newRecoveryCode, recoveryCodeDigest } from './recovery-code.js';
import { findStep, stepAt, totpCode, totpUri } from './totp.js';

const secret = Buffer.from('12345678901234567890');
const now = 1_800_000_000_000;
const step = stepAt(now);

test('codes are those of RFC 4226, appendix D', () => {
  const expected = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'];
  expect(expected.map((_, counter) => totpCode(secret, counter))).toEqual(expected);
});

test('codes are the last six digits of those of RFC 6238, appendix B', () => {
  const expected = {
    59: '287082',
    1111111109: '081804',
    1111111111: '050471',
    1234567890: '005924',
    2000000000: '279037',
    20000000000: '353130',
  };
  for (const [seconds, code] of Object.entries(expected)) expect(totpCode(secret, stepAt(Number(seconds) * 1000))).toBe(code);
});

interface TotpVector {
  readonly unix_time: number;
  readonly algorithm: string;
  readonly secret_hex: string;
  readonly otp: string;
}

test.runIf(haveVectors)('codes are those that others have computed', () => {
  const { totp } = readVectors<{ readonly totp: readonly TotpVector[] }>('totp/rfc4226-rfc6238.json');
  const ours = totp.filter(({ algorithm }) => algorithm === 'SHA1');
  expect(ours.length).toBeGreaterThan(0);
  for (const { unix_time: seconds, secret_hex: hex, otp } of ours)
    expect(totpCode(Buffer.from(hex, 'hex'), stepAt(seconds * 1000))).toBe(otp.slice(-6));
});

test('a code is good in its step and in those beside it, to the millisecond', () => {
  const code = totpCode(secret, step);
  const start = step * 30_000;
  const found = (at: number): number | null => findStep(secret, code, { now: at, usedStep: -1 });
  expect([start - 30_001, start - 30_000, start, start + 59_999, start + 60_000].map(found)).toEqual([null, step, step, step, null]);
});

test('a step that is used lets nobody in, nor does one before it', () => {
  const found = (of: number, usedStep: number): number | null => findStep(secret, totpCode(secret, of), { now, usedStep });
  expect(found(step, step - 1)).toBe(step);
  expect(found(step, step)).toBeNull();
  expect(found(step - 1, step)).toBeNull();
  expect(found(step + 1, step)).toBe(step + 1);
});

test('what is no six digits is no code; spaces and hyphens do not matter', () => {
  const code = totpCode(secret, step);
  const found = (typed: string): number | null => findStep(secret, typed, { now, usedStep: -1 });
  expect([`${code.slice(0, 3)} ${code.slice(3)}`, `${code.slice(0, 3)}-${code.slice(3)}`].map(found)).toEqual([step, step]);
  const fullWidth = code.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
  for (const typed of ['', code.slice(1), `0${code}`, `+${code}`, `${code}\n`, `${code}e0`, fullWidth, 'abcdef'])
    expect(found(typed), typed).toBeNull();
});

test('base32 is that of RFC 4648, section 10', () => {
  const expected = ['', 'MY', 'MZXQ', 'MZXW6', 'MZXW6YQ', 'MZXW6YTB', 'MZXW6YTBOI'];
  expect(expected.map((_, length) => encodeBase32(Buffer.from('foobar'.slice(0, length))))).toEqual(expected);
});

test('apps are told issuer, account and secret, whatever is in the names', () => {
  const uri = new URL(totpUri(secret, { issuer: 'a.example', account: 'ada:x&secret=A?#/@b' }));
  expect(uri.protocol + uri.host + decodeURIComponent(uri.pathname)).toBe('otpauth:totp/a.example:ada:x&secret=A?#/@b');
  expect(Object.fromEntries(uri.searchParams)).toEqual({
    secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    issuer: 'a.example',
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  });
});

test('a recovery code has 120 bits, and is the same however it is typed', () => {
  const code = newRecoveryCode(systemRandom);
  expect(code).toMatch(/^(?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}$/);
  const digest = recoveryCodeDigest(code);
  expect(digest).toHaveLength(32);
  for (const typed of [code.toLowerCase(), code.replaceAll('-', ''), code.replaceAll('-', ' ')])
    expect(recoveryCodeDigest(typed)).toEqual(digest);
  for (const typed of ['', code.slice(1), `${code}A`, code.replace(/^./, '1')]) expect(recoveryCodeDigest(typed), typed).toBeNull();
  expect(newRecoveryCode(systemRandom)).not.toBe(code);
});
