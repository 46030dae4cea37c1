/**
 * The attacker has a token that our key signed, but for something else or by mistake: another issuer, audience or life, claims of another
 * type than a careless check expects. Each token here is signed by the application's own key, so that only the claims stand in the way.
 *
 * Proves: ASVS 5.0 V9.2.1 to V9.2.4 (validity span, type, audience, issuer); J-28 to J-40, J-41, J-44; CVE-2025-30144, CVE-2026-35039.
 */
import { describe, expect, test } from 'vitest';
import { claimsOf, signWithOurKey, withClaims } from '../support/forge.js';
import { withApp } from '../support/over-each-carrier.js';
import { presentEverywhere, verifyDirectly } from '../support/present.js';
import { ownOrigin, startApp } from '../support/start-app.js';

const at = withApp();
const nowSeconds = (): number => at.app.now / 1000;

describe('a payload', () => {
  test('that is no JSON object in UTF-8 is refused (J-28, J-29)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const text = JSON.stringify(claimsOf(page.currentAccessToken));
    const payloads: (string | Buffer)[] = [
      '"text"',
      '[]',
      '0',
      'null',
      'true',
      '',
      ' ',
      '{',
      '{}',
      `[${text}]`,
      JSON.stringify(text),
      `${text}x`,
      `${text}${text}`,
      text.replaceAll('"', "'"),
      Buffer.from(text, 'utf16le'),
      Buffer.from(`\ufeff${text}`),
      Buffer.from([0xff, 0xfe]),
      Buffer.concat([Buffer.from(text), Buffer.of(0x80)]),
      Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xc0, 0xaf), Buffer.from(`",${text.slice(1)}`)]),
      Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from(`",${text.slice(1)}`)]),
    ];
    for (const payload of payloads) {
      expect(await presentEverywhere(app, signWithOurKey(app, undefined, payload)), payload.toString().slice(0, 40)).toEqual([
        '401 token_invalid',
      ]);
    }
  });
});

describe('a claim', () => {
  const strings = [undefined, '', null, 0, 1, true, [], {}, ['x']];
  const instants = [
    undefined,
    null,
    '',
    '1800000000',
    -1,
    1.5,
    true,
    [],
    {},
    [1_800_000_000],
    2 ** 53 + 2,
    253_402_300_800,
    253_402_300_800_000,
  ];
  const lists = [undefined, null, 'admin', 'user admin', {}, { 0: 'admin', length: 1 }, [1], [['admin']], [null], 0, true];

  test.each([
    ['exp', instants],
    ['iat', instants],
    ['auth_time', instants],
    ['azv', instants],
    ['sep', instants],
    ['iss', strings],
    ['sub', strings],
    ['sid', strings],
    ['jti', strings],
    ['roles', lists],
    ['amr', lists],
    ['app', [null, 'x', 1, true, []]],
    ['nbf', [null, '', '0', 1.5, -1, {}, 253_402_300_800]],
    ['aud', [undefined, '', null, 0, [], {}, [''], [null], [[ownOrigin]], [1], { 0: ownOrigin }, true]],
  ] as const)('%s of any other type or out of range is refused (J-30, J-34, J-38, J-40)', async (name, values) => {
    const { app } = at;
    const page = await app.signedIn();
    for (const value of values) {
      expect(await presentEverywhere(app, withClaims(page, { [name]: value })), `${name}: ${JSON.stringify(value)}`).toEqual([
        '401 token_invalid',
      ]);
    }
  });

  test.each(['1e400', '-1e400', '1800000900.5', '1.8e400', 'NaN', 'Infinity', '01800000900', '0x6b49d200', '+1800000900'])(
    'exp written as %s is refused',
    async (written) => {
      const { app } = at;
      const page = await app.signedIn();
      const text = JSON.stringify(claimsOf(page.currentAccessToken)).replace(/"exp":\d+/, `"exp":${written}`);
      expect(await presentEverywhere(app, signWithOurKey(app, undefined, text))).toEqual(['401 token_invalid']);
    },
  );

  test('iss of another or in another spelling is refused (J-33)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const iss of [
      'https://evil.example',
      `${ownOrigin}/`,
      ownOrigin.toUpperCase(),
      ` ${ownOrigin}`,
      `${ownOrigin}:443`,
      `${ownOrigin}.evil.example`,
      ownOrigin.replace('https', 'http'),
      [ownOrigin],
      [ownOrigin, 'https://evil.example'],
    ]) {
      expect(await presentEverywhere(app, withClaims(page, { iss })), JSON.stringify(iss)).toEqual(['401 token_invalid']);
    }
  });

  test('aud must have ours as an exact member (J-34)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const aud of [
      'https://other.example',
      `${ownOrigin}/`,
      ownOrigin.toUpperCase(),
      ownOrigin.slice(0, -1),
      `${ownOrigin} x`,
      ['https://other.example'],
      [`x${ownOrigin}`],
    ]) {
      expect(await presentEverywhere(app, withClaims(page, { aud })), JSON.stringify(aud)).toEqual(['401 token_invalid']);
    }
    const many = [...Array.from({ length: 200 }, (_, index) => `https://s${index}`), ownOrigin];
    expect(await presentEverywhere(app, withClaims(page, { aud: many }))).toEqual(['200']);
  });

  test('exp ends the token at its second; a life longer than any configured, or one that ends before it begins, is refused', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const now = nowSeconds();
    const outcomeOf = async (iat: number, exp: number): Promise<string[]> => presentEverywhere(app, withClaims(page, { iat, exp }));
    expect(await outcomeOf(now - 899, now + 1)).toEqual(['200']);
    expect(await outcomeOf(now - 900, now)).toEqual(['401 token_expired']);
    expect(await outcomeOf(now - 901, now - 1)).toEqual(['401 token_expired']);
    expect(await outcomeOf(now, now + 901)).toEqual(['401 token_expired']);
    expect(await outcomeOf(0, now + 900)).toEqual(['401 token_expired']);
    expect(await outcomeOf(now, now)).toEqual(['401 token_invalid']);
    expect(await outcomeOf(now + 1, now)).toEqual(['401 token_invalid']);
    expect(await outcomeOf(now + 600, now + 1500), 'clock of another node ten minutes ahead').toEqual(['200']);
    expect(await outcomeOf(now + 601, now + 1501)).toEqual(['401 token_expired']);
    expect(await presentEverywhere(app, withClaims(page, { nbf: now + 601 }))).toEqual(['401 token_expired']);
  });

  test('sub of another user does not open what is judged against the live row (D-06)', async () => {
    const { app } = at;
    const [thief, victim] = [await app.signedIn(), await app.signedIn()];
    thief.jar.plant(app.cookie('access'), withClaims(thief, { sub: victim.userId }));
    expect(
      (await thief.post('/api/auth/password', { currentPassword: 'correct horse battery staple', newPassword: 'a new long password' }))
        .outcome,
    ).toBe('401 session_revoked');
    expect((await thief.call('DELETE', '/api/users/me')).outcome).toBe('401 session_revoked');
    expect((await victim.get('/api/users/me')).status).toBe(200);
  });

  test("a role in the token that the user does not have (any more) does not open an administrator's write", async () => {
    const { app } = at;
    const [page, victim] = [await app.signedIn(), await app.signedIn()];
    page.jar.plant(app.cookie('access'), withClaims(page, { roles: ['admin'] }));
    for (const [method, path, json] of [
      ['PUT', '/roles', { roles: ['admin'] }],
      ['PATCH', '', { disabled: true }],
      ['DELETE', '', undefined],
      ['DELETE', '/sessions', undefined],
    ] as const) {
      const answer = await page.call(method, `/api/admin/users/${victim.userId}${path}`, json === undefined ? {} : { json });
      expect(answer.outcome).toBe('403 insufficient_role');
    }
  });
});

describe('the clock of the machine', () => {
  test('set back does not bring an expired token to life again (J-32)', async () => {
    const app = await startApp();
    try {
      const page = await app.signedIn();
      const token = page.currentAccessToken;
      await app.advance({ seconds: 900 });
      expect(await presentEverywhere(app, token)).toEqual(['401 token_expired']);
      app.jump(-3600);
      expect(await presentEverywhere(app, token)).toEqual(['401 token_expired']);
      expect((await page.refresh()).status, 'and honest people go on').toBe(200);
      expect((await page.get('/hello')).status).toBe(200);
    } finally {
      await app.stop();
    }
  });
});

describe('the cache of verified tokens', () => {
  test('does not let in a token that shares header and payload, or the signature, with one that it holds (J-41)', async () => {
    const { app } = at;
    const [mine, other] = [await app.signedIn(), await app.signedIn({ roles: ['admin'] })];
    const [header, payload, signature = ''] = mine.currentAccessToken.split('.');
    const theirs = other.currentAccessToken.split('.');
    for (let round = 0; round < 3; round += 1) {
      expect(verifyDirectly(app, { authorization: `Bearer ${mine.currentAccessToken}` })).toBe('200');
      expect(verifyDirectly(app, { authorization: `Bearer ${other.currentAccessToken}` })).toBe('200');
      for (const mixed of [
        `${header}.${payload}.${theirs[2]}`,
        `${theirs[0]}.${theirs[1]}.${signature}`,
        // One signature in 256 ends with AA itself.
        `${header}.${payload}.${signature.slice(0, -2)}${signature.endsWith('AA') ? 'BA' : 'AA'}`,
        `${header}.${payload}.${signature.toLowerCase()}`,
        `x${header}.${payload}.${signature}`,
      ]) {
        expect(await presentEverywhere(app, mixed)).toEqual(['401 token_invalid']);
      }
    }
  });

  test('does not keep the same jti with other claims apart from what was signed', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const promoted = withClaims(page, { roles: ['admin'] });
    expect(app.auth.getPrincipal({ headers: { authorization: `Bearer ${page.currentAccessToken}` } }).roles).toEqual(['user']);
    expect(app.auth.getPrincipal({ headers: { authorization: `Bearer ${promoted}` } }).roles).toEqual(['admin']);
    expect(app.auth.getPrincipal({ headers: { authorization: `Bearer ${page.currentAccessToken}` } }).roles).toEqual(['user']);
  });

  test('gives nobody a principal that he can change for others', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const headers = { authorization: `Bearer ${page.currentAccessToken}` };
    const principal = app.auth.getPrincipal({ headers });
    expect(() => (principal.roles as string[]).push('admin')).toThrow(TypeError);
    expect(() => Object.assign(principal, { userId: 'usr_other' })).toThrow(TypeError);
    expect(() => (principal.permissions as Set<string>).add('everything')).toThrow(TypeError);
    principal.expiresAt.setTime(0);
    expect(app.auth.getPrincipal({ headers })).toMatchObject({ userId: page.userId, roles: ['user'] });
    expect(app.auth.getPrincipal({ headers }).expiresAt.getTime()).toBe(app.now + 900_000);
  });

  test('holds nothing past its end, nor past a compromised key (J-41, J-44)', async () => {
    const app = await startApp();
    try {
      const page = await app.signedIn();
      expect(await presentEverywhere(app, page.currentAccessToken)).toEqual(['200']);
      await app.auth.keys.rotate({ compromised: true });
      const old = page.currentAccessToken;
      expect(await presentEverywhere(app, old)).toEqual(['401 token_expired']);
      expect((await page.refresh()).status, 'the session goes on with the new key').toBe(200);
      expect(await presentEverywhere(app, page.currentAccessToken)).toEqual(['200']);
      expect(await presentEverywhere(app, old)).toEqual(['401 token_expired']);
      await app.advance({ minutes: 15 });
      expect(await presentEverywhere(app, page.currentAccessToken)).toEqual(['401 token_expired']);
    } finally {
      await app.stop();
    }
  });
});
