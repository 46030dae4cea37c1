/**
 * The attacker makes an access token himself: without a signature, under another algorithm, with a key of his own that the header names or
 * brings along, or by bending the encoding so that two readers see two tokens.
 *
 * Proves: ASVS 5.0 V9.1.1, V9.1.2, V9.1.3 (integrity, allow-list of algorithms, trusted keys); J-01 to J-26, J-37; CVE-2015-9235,
 * CVE-2022-23540, CVE-2025-65945, CVE-2026-35042, CVE-2026-22817, CVE-2023-48223.
 */
import { createHmac, createPublicKey, createSign, generateKeyPairSync, sign, type JsonWebKey } from 'node:crypto';
import { ConfigError, masterSecret } from 'countersign';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { encode, headerOf, signWithOurKey } from '../support/forge.js';
import { withApp } from '../support/over-each-carrier.js';
import { presentEverywhere, verifyDirectly } from '../support/present.js';
import { startApp, type TestApp } from '../support/start-app.js';

const at = withApp();

async function expectRefused(app: TestApp, token: string, why: string): Promise<void> {
  const outcomes = (await presentEverywhere(app, token)).filter((outcome) => outcome !== '401 token_invalid');
  // An empty cookie is no cookie, and white space around a value is not part of it.
  expect(token.trim() === '' ? [] : outcomes, why).toEqual([]);
}

async function parts(): Promise<{ app: TestApp; token: string; header: string; payload: string; signature: string }> {
  const { app } = at;
  const token = (await app.signedIn()).currentAccessToken;
  const [header = '', payload = '', signature = ''] = token.split('.');
  expect(await presentEverywhere(app, token)).toEqual(['200']);
  return { app, token, header, payload, signature };
}

describe('a token without a signature', () => {
  test('is refused however "none" is spelled (J-01)', async () => {
    const { app, payload, signature, token } = await parts();
    const { kid } = headerOf(token);
    const letters = ['nN', 'oO', 'nN', 'eE'];
    const cases = Array.from({ length: 16 }, (_, bits) => letters.map((pair, index) => pair[(bits >> index) & 1]).join(''));
    const decorated = cases.flatMap((none) => [
      none,
      `${none} `,
      ` ${none}`,
      `${none}\u0000`,
      `\ufeff${none}`,
      `${none}\n`,
      [none],
      { alg: none },
    ]);
    const odd = [
      'ｎｏｎｅ',
      'nоne',
      '',
      null,
      0,
      true,
      false,
      [],
      {},
      -1,
      'None/ES256',
      'ES256,none',
      'es256',
      'ES256 ',
      ' ES256',
      'ES256\u0000',
    ];
    const headers = [...decorated, ...odd].map((alg) => encode({ alg, typ: 'at+jwt', kid }));
    headers.push(encode({ typ: 'at+jwt', kid }), encode('{"alg":"n\\u006fne","typ":"at+jwt"}'), encode('{"alg":"ES256","alg":"none"}'));
    expect(headers.length).toBeGreaterThan(140);
    for (const header of headers) {
      for (const end of ['', signature]) {
        expect(verifyDirectly(app, { authorization: `Bearer ${header}.${payload}.${end}` })).toBe('401 token_invalid');
      }
    }
    for (const header of headers.slice(0, 12)) await expectRefused(app, `${header}.${payload}.`, header);
  });

  test('is refused with our own header, and so is the example of RFC 7515 A.5 (J-02)', async () => {
    const { app, header, payload } = await parts();
    await expectRefused(app, `${header}.${payload}.`, 'empty signature');
    await expectRefused(app, `${header}.${payload}`, 'no signature');
    const unsecured = 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.';
    await expectRefused(app, unsecured, 'A.5');
  });
});

describe('a token under another algorithm', () => {
  test('is refused when the public key serves as an HMAC secret, in any encoding of it (J-04)', async () => {
    const { app, payload, token } = await parts();
    const [jwk] = app.auth.keys.jwks().keys as (JsonWebKey & { x: string; y: string })[];
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const pem = key.export({ format: 'pem', type: 'spki' }) as string;
    const encodings = [
      pem,
      pem.trim(),
      ` ${pem}`,
      pem.replaceAll('\n', '\r\n'),
      key.export({ format: 'der', type: 'spki' }),
      JSON.stringify(jwk),
      Buffer.concat([Buffer.of(4), Buffer.from(jwk!.x, 'base64url'), Buffer.from(jwk!.y, 'base64url')]),
      Buffer.from(jwk!.x, 'base64url'),
      '',
      'undefined',
      'null',
      headerOf(token).kid,
    ];
    for (const alg of ['HS256', 'HS384', 'HS512', 'ES256']) {
      const input = `${encode({ ...headerOf(token), alg })}.${payload}`;
      for (const secret of encodings) {
        const mac = createHmac(alg === 'ES256' ? 'sha256' : alg.replace('HS', 'sha'), secret)
          .update(input)
          .digest('base64url');
        await expectRefused(app, `${input}.${mac}`, alg);
      }
    }
  });

  test('is refused when the header says another than the key is for, although the signature is right (J-05)', async () => {
    const { app, payload, token } = await parts();
    for (const alg of ['HS256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA', 'Ed25519', 'ES256K', 'RSA1_5', 'dir']) {
      await expectRefused(
        app,
        signWithOurKey(app, { ...headerOf(token), alg }, JSON.parse(Buffer.from(payload, 'base64url').toString())),
        alg,
      );
    }
  });

  test.each(['ES256', 'EdDSA', 'RS256', 'HS256'] as const)(
    '%s: works, and tokens of any other key or algorithm are refused',
    async (algorithm) => {
      const app = await startApp({ tokens: { algorithm } });
      try {
        const page = await app.signedIn();
        const token = page.currentAccessToken;
        expect(headerOf(token).alg).toBe(algorithm);
        expect(await presentEverywhere(app, token)).toEqual(['200']);
        if (algorithm === 'HS256') expect(app.auth.keys.jwks().keys, 'a shared secret is never published').toEqual([]);
        const [header = '', payload = '', signature = ''] = token.split('.');
        const input = `${header}.${payload}`;
        const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
        const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
        const ed = generateKeyPairSync('ed25519').privateKey;
        for (const forged of [
          sign('sha256', Buffer.from(input), rsa),
          sign('sha256', Buffer.from(input), { key: ec, dsaEncoding: 'ieee-p1363' }),
          sign(null, Buffer.from(input), ed),
          createHmac('sha256', '').update(input).digest(),
          Buffer.alloc(Buffer.from(signature, 'base64url').byteLength),
          Buffer.alloc(0),
        ]) {
          await expectRefused(app, `${input}.${forged.toString('base64url')}`, algorithm);
        }
      } finally {
        await app.stop();
      }
    },
  );

  test('cannot come from a weak secret, for the server does not start with one (J-06)', () => {
    const weak = [
      undefined,
      '',
      'undefined',
      'null',
      'a',
      'x'.repeat(42),
      '0'.repeat(64),
      'A'.repeat(43),
      Buffer.alloc(31, 7).toString('base64url'),
      'a sentence that is long enough but no key material',
    ];
    for (const value of weak) expect(() => masterSecret(value), String(value)).toThrow(ConfigError);
    expect(() => masterSecret([])).toThrow(ConfigError);
  });
});

describe('a key named or brought along by the header', () => {
  test('is not looked up: kid as path, SQL, property of Object, or huge (J-08, J-09, J-10)', async () => {
    const { app, payload, token } = await parts();
    const real = headerOf(token).kid;
    const kids = [
      '../../../../dev/null',
      '/etc/passwd',
      '..\\..\\nul',
      'file:///dev/null',
      'http://169.254.169.254/',
      `${real}\u0000`,
      `${real} `,
      ` ${real}`,
      real.toUpperCase(),
      '',
      "' OR '1'='1",
      "x' UNION SELECT 'AA",
      '"; DROP TABLE signing_keys; --',
      '*)(uid=*',
      '{"$gt":""}',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      null,
      0,
      true,
      [real],
      { toString: real },
      'k'.repeat(4000),
    ];
    const before = app.log.length;
    const unexpected = (): unknown[] => app.log.slice(before).filter(({ facts }) => facts['code'] !== 'token_invalid');
    for (const kid of kids) {
      const header = { ...headerOf(token), kid };
      await expectRefused(app, signWithOurKey(app, header, JSON.parse(Buffer.from(payload, 'base64url').toString())), JSON.stringify(kid));
      const emptyHmac = `${encode({ ...header, alg: 'HS256' })}.${payload}`;
      await expectRefused(app, `${emptyHmac}.${createHmac('sha256', '').update(emptyHmac).digest('base64url')}`, JSON.stringify(kid));
    }
    expect(unexpected(), 'nothing but refusals to log: no look-up failed, no file was opened').toEqual([]);
    expect(await presentEverywhere(app, token)).toEqual(['200']);
  });

  test('is not believed: jwk, x5c, jku, x5u of the attacker (J-12)', async () => {
    const { app, token, payload } = await parts();
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    const extras = [
      { jwk },
      { jwk: { ...jwk, kid: headerOf(token).kid } },
      { x5c: ['MIIB'] },
      { x5t: 'AAAA' },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/x' },
    ];
    for (const extra of extras) {
      const input = `${encode({ ...headerOf(token), ...extra })}.${payload}`;
      const signer = createSign('sha256').update(input);
      await expectRefused(
        app,
        `${input}.${signer.sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }, 'base64url')}`,
        JSON.stringify(extra),
      );
    }
  });

  test('of another deployment with the same issuer does not count, even under our kid (J-37)', async () => {
    const { app, header, payload } = await parts();
    const staging = await startApp();
    try {
      const foreign = (await staging.signedIn()).currentAccessToken;
      await expectRefused(app, foreign, 'as it is');
      const key = staging.internals.core.ring().signing.key;
      await expectRefused(app, `${header}.${payload}.${key.sign(Buffer.from(`${header}.${payload}`)).toString('base64url')}`, 'our header');
    } finally {
      await staging.stop();
    }
  });
});

describe('a header that we would not write', () => {
  test('is refused although our own key signed it: crit, b64, typ, order, white space (J-13, J-14)', async () => {
    const { app, token, payload } = await parts();
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const own = headerOf(token);
    const headers: unknown[] = [
      { ...own, crit: ['b64'], b64: false },
      { ...own, b64: false },
      { ...own, crit: [] },
      { ...own, crit: ['exp'] },
      { ...own, crit: 'b64' },
      { ...own, crit: ['x', 'x'] },
      { ...own, typ: 'JWT' },
      { ...own, typ: 'at+JWT' },
      { ...own, typ: 'application/at+jwt' },
      { alg: own.alg, kid: own.kid },
      { ...own, cty: 'JWT' },
      { ...own, zip: 'DEF' },
      { ...own, p2c: 2 ** 31, enc: 'A256GCM' },
      { kid: own.kid, alg: own.alg, typ: own.typ },
      ` ${JSON.stringify(own)}`,
      `${JSON.stringify(own)}\n`,
      JSON.stringify(own, null, 1),
      `\ufeff${JSON.stringify(own)}`,
      '{}',
      '[]',
      'null',
      '',
    ];
    for (const header of headers) await expectRefused(app, signWithOurKey(app, header, claims), JSON.stringify(header));
    const critInPayload = signWithOurKey(app, undefined, { ...(claims as object), crit: ['b64'], b64: false });
    expect(await presentEverywhere(app, critInPayload), 'in the payload it is a claim like any other').toEqual(['200']);
  });
});

describe('another encoding of a token', () => {
  test('is refused: padding, other alphabet, white space, stray bits, look-alikes (J-16)', async () => {
    const { app, token, header, payload, signature } = await parts();
    const last = signature.at(-1)!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const strayBits = [1, 2, 3].map((bits) => `${signature.slice(0, -1)}${alphabet[alphabet.indexOf(last) ^ bits] ?? ''}`);
    const variants = [
      `${token}=`,
      `${token}==`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}=.${signature}`,
      token.replace('.', '%2E'),
      `${header}. ${payload}.${signature}`,
      `${header}.\n${payload}.${signature}`,
      `${header}.${payload}.${signature.slice(0, 40)}\t${signature.slice(40)}`,
      `${header}.${payload}.${signature}%3D`,
      `${header}.${payload}.${signature.slice(0, -1)}`,
      `${header}.${payload}.${signature}A`,
      `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
      `${header}.${payload}.${signature.replace(/[A-Z]/, 'Ａ')}`,
      ...strayBits.map((bent) => `${header}.${payload}.${bent}`),
    ];
    for (const variant of variants) await expectRefused(app, variant, variant.slice(-40));
  });

  test('is refused: other numbers of parts, JWE, JSON serialisation, polyglots (J-17, J-18)', async () => {
    const { app, token, header, payload, signature } = await parts();
    const flattened = JSON.stringify({ protected: header, payload, signature });
    const variants = [
      header,
      `${header}.${payload}`,
      `${token}.`,
      `.${token}`,
      `${token}.${signature}`,
      `${token}.${token}`,
      '..',
      '.',
      '...',
      '....',
      `..${signature}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature}.AAAA.BBBB`,
      `${header}.${payload}.${signature}.`,
      flattened,
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      `{"x":"${token}"}`,
      `${token},${token}`,
      `"${token}"`,
    ];
    for (const variant of variants) await expectRefused(app, variant, variant.slice(0, 60));
  });

  test('is refused before any work when it is longer than 8 KiB (J-26)', async () => {
    const { app, token, header, signature } = await parts();
    const { core } = app.internals;
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    const fitting = signWithOurKey(app, undefined, { ...claims, app: { filler: 'x'.repeat(5000) } });
    expect(verifyDirectly(app, { authorization: `Bearer ${fitting}` })).toBe('200');
    const tooLong = signWithOurKey(app, undefined, { ...claims, app: { filler: 'x'.repeat(6000) } });
    expect(tooLong.length).toBeGreaterThan(8192);
    await expectRefused(app, tooLong, 'signed by us');
    for (const size of [64 * 1024, 1024 ** 2, 16 * 1024 ** 2]) {
      const started = performance.now();
      expect(verifyDirectly(app, { authorization: `Bearer ${header}.${'A'.repeat(size)}.${signature}` })).toBe('401 token_invalid');
      expect(performance.now() - started, `${size} bytes`).toBeLessThan(250);
    }
    expect(core.ring().jwks.keys).toHaveLength(1);
  });
});

describe('an ECDSA signature', () => {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const bytesOf = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

  test('with r or s out of range is refused (J-20, "psychic")', async () => {
    const { app, header, payload, signature } = await parts();
    const raw = Buffer.from(signature, 'base64url');
    const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
    const [zero, order, beyond, all] = [Buffer.alloc(32), bytesOf(n), bytesOf(n + 1n), Buffer.alloc(32, 255)];
    for (const pair of [
      [zero, zero],
      [r, zero],
      [zero, s],
      [order, order],
      [r, order],
      [order, s],
      [beyond, beyond],
      [all, all],
      [bytesOf(1n), bytesOf(1n)],
    ]) {
      await expectRefused(app, `${header}.${payload}.${Buffer.concat(pair).toString('base64url')}`, Buffer.concat(pair).toString('hex'));
    }
  });

  test('in DER is refused (J-21)', async () => {
    const { app, header, payload, token } = await parts();
    const { core } = app.internals;
    const [record] = await core.store.keys.list();
    const { unseal } = await import('../../dist/crypto/sealing.js');
    const privateBytes = unseal(core.secrets, `signing-key/${headerOf(token).kid}`, record!.sealedPrivate)!;
    const der = sign('sha256', Buffer.from(`${header}.${payload}`), {
      key: privateBytes,
      format: 'der',
      type: 'pkcs8',
      dsaEncoding: 'der',
    });
    await expectRefused(app, `${header}.${payload}.${der.toString('base64url')}`, 'der');
  });

  test('that is bent to its twin (r, n-s) gives no second life: it ends with the session (J-22)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const [header, payload, signature = ''] = page.currentAccessToken.split('.');
    const raw = Buffer.from(signature, 'base64url');
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const twin = `${header}.${payload}.${Buffer.concat([raw.subarray(0, 32), bytesOf(n - s)]).toString('base64url')}`;
    expect(await presentEverywhere(app, twin), 'mathematically it is right').toEqual(['200']);
    await page.logout();
    expect(await presentEverywhere(app, twin)).toEqual(['401 session_revoked']);
  });
});

test('a token that a JOSE library makes with its own key and all our claims is refused', async () => {
  const { app, token, payload } = await parts();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const made = await new SignJWT(JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>)
    .setProtectedHeader(headerOf(token))
    .sign(privateKey);
  await expectRefused(app, made, 'jose');
});
