import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { AuthError } from '../errors.js';
import type { SigningAlgorithm } from '../model/store.js';
import { issueAccessToken, verifyAccessToken, type AccessTokenRules } from './access-token.js';
import { encodedHeader, type KeyRing, type KeyState } from './key-ring.js';
import { generateKeyMaterial, importSigningKey, type SigningKey } from './signing-key.js';

const now = Date.UTC(2026, 0, 1);
const rules: AccessTokenRules = {
  issuer: 'https://auth.example',
  audience: ['https://api.example'],
  ttlSeconds: 900,
  longestSeconds: 3600,
};
const content = { sub: 'usr_1', sid: 'ses_1', roles: ['user'], azv: 0, sep: 0, amr: ['pwd'], auth_time: now / 1000 };

async function ringOf(algorithm: SigningAlgorithm, state: KeyState = 'signing'): Promise<KeyRing & { readonly key: SigningKey }> {
  const { privateBytes } = await generateKeyMaterial(algorithm, randomBytes);
  const key = importSigningKey(algorithm, privateBytes);
  const header = encodedHeader({ algorithm, kid: 'k1' });
  return {
    version: state,
    key,
    signing: { kid: 'k1', header, key },
    byHeader: new Map([[header, { kid: 'k1', state, key }]]),
    jwks: { keys: [] },
  };
}

function issue(ring: KeyRing, more: Partial<typeof content> = {}): string {
  return issueAccessToken({ ...content, ...more }, { ring, rules, random: randomBytes, now, sessionExpiresAt: now + 1e9 }).token;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
  return 'accepted';
}

/** A token with these claims, truly signed. */
function forge(ring: KeyRing, payload: unknown, header: object | string = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' }): string {
  const encode = (part: unknown): string => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${ring.signing.key.sign(Buffer.from(input)).toString('base64url')}`;
}

describe.each(['ES256', 'EdDSA', 'RS256', 'HS256'] as const)('an access token signed with %s', (algorithm) => {
  it('verifies, until its last second', async () => {
    const ring = await ringOf(algorithm);
    const token = issue(ring);
    expect(verifyAccessToken(token, ring, rules, now).claims).toMatchObject({ ...content, iss: rules.issuer, aud: 'https://api.example' });
    expect(codeOf(() => verifyAccessToken(token, ring, rules, now + 900_000 - 1))).toBe('accepted');
    expect(codeOf(() => verifyAccessToken(token, ring, rules, now + 900_000))).toBe('token_expired');
  });

  it('is refused under another key of the same algorithm', async () => {
    expect(codeOf(() => verifyAccessToken(issueSync, foreign, rules, now))).toBe('token_invalid');
  });

  let issueSync: string;
  let foreign: KeyRing;
  beforeAll(async () => {
    issueSync = issue(await ringOf(algorithm));
    foreign = await ringOf(algorithm);
  });
});

describe('an access token', () => {
  let ring: KeyRing;
  let claims: Record<string, unknown>;
  beforeAll(async () => {
    ring = await ringOf('ES256');
    claims = { ...verifyAccessToken(issue(ring), ring, rules, now).claims };
  });

  it('has at most 700 bytes for a user with three roles', () => {
    const long = { ...rules, issuer: 'https://accounts.example-company.com', audience: ['https://api.example-company.com'] };
    const ids = {
      sub: 'usr_AaIAnP50olUw3xyEXm8p_Q',
      sid: 'ses_AaIAnP7IHhSJdGK2XkZpqg',
      roles: ['editor', 'moderator', 'admin'],
      azv: 123,
      sep: 45,
    };
    const { token } = issueAccessToken(
      { ...content, ...ids },
      { ring, rules: long, random: randomBytes, now, sessionExpiresAt: now + 1e9 },
    );
    expect(token.length).toBeLessThanOrEqual(700);
  });

  it('does not outlive its session', () => {
    const issued = issueAccessToken(content, { ring, rules, random: randomBytes, now, sessionExpiresAt: now + 60_000 });
    expect(issued.expiresInSeconds).toBe(60);
  });

  it.each<[string, Record<string, unknown>]>([
    ['no exp', { exp: undefined }],
    ['exp as text', { exp: '1893456000' }],
    ['exp beyond any year', { exp: 253_402_300_800_000 }],
    ['exp that is no whole number', { exp: now / 1000 + 0.5 }],
    ['exp as a list', { exp: [1] }],
    ['no iat', { iat: undefined }],
    ['nbf as text', { nbf: 'now' }],
    ['exp before iat', { iat: now / 1000 + 500, exp: now / 1000 + 400 }],
    ['no issuer', { iss: undefined }],
    ['another issuer', { iss: 'https://evil.example' }],
    ['our issuer with a slash', { iss: 'https://auth.example/' }],
    ['our issuer in a list', { iss: ['https://auth.example'] }],
    ['no audience', { aud: undefined }],
    ['an empty audience', { aud: [] }],
    ['another audience', { aud: 'https://api.example.evil' }],
    ['a number as audience', { aud: 1 }],
    ['an audience of mixed types', { aud: ['https://api.example', 1] }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject in a list', { sub: ['usr_1'] }],
    ['no session', { sid: undefined }],
    ['roles as text', { roles: 'admin' }],
    ['roles as an object', { roles: { admin: true } }],
    ['a role that is no text', { roles: [1] }],
    ['azv as text', { azv: '0' }],
    ['a negative epoch', { sep: -1 }],
    ['app as a list', { app: [] }],
  ])('with %s is refused, although it is truly signed', (_, change) => {
    expect(codeOf(() => verifyAccessToken(forge(ring, { ...claims, ...change }), ring, rules, now))).toBe('token_invalid');
  });

  it.each<[string, Record<string, unknown>]>([
    ['issued in the future, by a clock that was set back since,', { iat: now / 1000 + 601, exp: now / 1000 + 900 }],
    ['not to be used yet', { nbf: now / 1000 + 601 }],
    ['of a life longer than any that is configured now', { exp: now / 1000 + 3601 }],
  ])('%s counts as expired, so that an honest client refreshes', (_, change) => {
    expect(codeOf(() => verifyAccessToken(forge(ring, { ...claims, ...change }), ring, rules, now))).toBe('token_expired');
  });

  it('is accepted by any one audience of its list that is ours', () => {
    const many = {
      ...claims,
      aud: [...Array.from({ length: 50 }, (_, index) => `https://${String(index)}.example`), 'https://api.example'],
    };
    expect(codeOf(() => verifyAccessToken(forge(ring, many), ring, rules, now))).toBe('accepted');
  });

  it.each<[string, unknown]>([
    ['text', '"claims"'],
    ['a list', []],
    ['a number', 1],
    ['null', null],
    ['nothing', ''],
    ['no JSON', '{'],
    ['UTF-16', Buffer.from('{}', 'utf16le').toString('latin1')],
  ])('whose payload is %s is refused', (_, payload) => {
    expect(codeOf(() => verifyAccessToken(forge(ring, payload), ring, rules, now))).toBe('token_invalid');
  });

  it.each<[string, object | string]>([
    ['none', { alg: 'none', typ: 'at+jwt', kid: 'k1' }],
    ['another algorithm of the same key', { alg: 'HS256', typ: 'at+jwt', kid: 'k1' }],
    ['another type', { alg: 'ES256', typ: 'JWT', kid: 'k1' }],
    ['another kid', { alg: 'ES256', typ: 'at+jwt', kid: '__proto__' }],
    ['a critical extension', { alg: 'ES256', typ: 'at+jwt', kid: 'k1', crit: ['exp'] }],
    ['an unencoded payload', { alg: 'ES256', typ: 'at+jwt', kid: 'k1', b64: false }],
    ['a key of its own', { alg: 'ES256', typ: 'at+jwt', kid: 'k1', jwk: {} }],
    ['the members in another order', { typ: 'at+jwt', alg: 'ES256', kid: 'k1' }],
    ['a byte order mark', '\ufeff{"alg":"ES256","typ":"at+jwt","kid":"k1"}'],
  ])('whose header has %s is refused, although it is truly signed', (_, header) => {
    expect(codeOf(() => verifyAccessToken(forge(ring, claims, header), ring, rules, now))).toBe('token_invalid');
  });

  it.each([
    ['two parts', (t: string) => t.split('.').slice(0, 2).join('.')],
    ['four parts', (t: string) => `${t}.x`],
    ['five parts, as an encrypted one', (t: string) => `${t}.x.y`],
    ['a dot before it', (t: string) => `.${t}`],
    ['padding', (t: string) => `${t}==`],
    ['a newline', (t: string) => `${t}\n`],
    ['a space before it', (t: string) => ` ${t}`],
    ['a DER signature', (t: string) => `${t.slice(0, t.lastIndexOf('.'))}.MEUCIQDx`],
    ['no signature', (t: string) => t.slice(0, t.lastIndexOf('.') + 1)],
    ['an all-zero signature', (t: string) => `${t.slice(0, t.lastIndexOf('.') + 1)}${'A'.repeat(86)}`],
    ['more than 8 KiB', (t: string) => t + 'A'.repeat(8192)],
  ])('with %s is refused', (_, change) => {
    expect(codeOf(() => verifyAccessToken(change(issue(ring)), ring, rules, now))).toBe('token_invalid');
  });

  it('has one spelling: a last character with stray bits is refused', () => {
    const token = issue(ring);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) ?? '');
    const stray = token.slice(0, -1) + (alphabet[last ^ 1] ?? '');
    expect(codeOf(() => verifyAccessToken(stray, ring, rules, now))).toBe('token_invalid');
  });
});

describe('a key that stopped signing', () => {
  it('still verifies while tokens of it can be alive', async () => {
    const ring = await ringOf('ES256', 'verifying');
    expect(codeOf(() => verifyAccessToken(issue(ring), ring, rules, now))).toBe('accepted');
  });

  it('long ago only tells an expired token from a foreign one', async () => {
    const ring = await ringOf('ES256', 'expired');
    expect(codeOf(() => verifyAccessToken(issue(ring), ring, rules, now))).toBe('token_invalid');
    expect(codeOf(() => verifyAccessToken(issue(ring), ring, rules, now + 1e7))).toBe('token_expired');
  });

  it('because it was compromised makes every token of it count as expired, so that clients refresh', async () => {
    const ring = await ringOf('ES256', 'compromised');
    expect(codeOf(() => verifyAccessToken(issue(ring), ring, rules, now))).toBe('token_expired');
  });
});
