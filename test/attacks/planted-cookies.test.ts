/**
 * The attacker controls a sister host, a plain-http connection or another path, and plants cookies of our names: twice, in other spellings,
 * behind odd white space, or without a name. Or he sends cookies that a parser trips over.
 *
 * Proves: ASVS 5.0 V3.3.1 to V3.3.4 (Secure, SameSite, prefixes, HttpOnly); C-01 to C-18; PortSwigger "Cookie Chaos" (2025).
 */
import { ConfigError, createAuth, masterSecret, newSecret, type AuthOptions } from 'countersign';
import { sqlite } from 'countersign/sqlite';
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { parseSetCookie } from '../support/cookie-jar.js';
import { send, type HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { startApp } from '../support/start-app.js';

overEachCarrier('cookies', (at) => {
  const get = (cookie: string | readonly string[], path = '/hello'): Promise<HttpAnswer> =>
    send({ port: at.app.port, path, headers: [cookie].flat().map((value) => ['cookie', value]) });
  const names = { access: '__Host-cs-access', refresh: '__Host-cs-refresh', state: '__Host-cs-state' };

  test('two access cookies are refused, whichever comes first, and even when they are equal (C-01, C-02, C-08)', async () => {
    const { app } = at;
    const [victim, attacker] = [await app.signedIn(), await app.signedIn()];
    const [good, evil] = [`${names.access}=${victim.currentAccessToken}`, `${names.access}=${attacker.currentAccessToken}`];
    const spellings = [
      `${good}; ${evil}`,
      `${evil}; ${good}`,
      `${good}; ${good}`,
      `${good};${names.access}=`,
      `${names.access}=;x=1; ${good}`,
      `${good}\t;\t${evil}`,
      [good, evil],
      [evil, good],
    ];
    for (const cookie of spellings) {
      for (const path of ['/hello', '/api/users/me', '/api/auth/session']) {
        const answer = await get(cookie, path);
        expect(answer.outcome, path).toBe('400 invalid_request');
        expect(answer.problem.errors).toMatchObject([{ path: names.access, code: 'duplicate_cookie' }]);
        expect(app.secrets.foundIn(answer.text)).toEqual([]);
      }
    }
  });

  test('two refresh cookies are refused wherever one is read, and nothing is rotated, ended or cleared', async () => {
    const { app } = at;
    const [victim, attacker] = [await app.signedIn(), await app.signedIn()];
    const cookie = `${victim.jar.header ?? ''}; ${names.refresh}=${attacker.currentRefreshToken}`;
    const change = { currentPassword: 'correct horse battery staple', newPassword: 'a new long password' };
    for (const [method, path, json] of [
      ['POST', '/api/auth/refresh', undefined],
      ['POST', '/api/auth/logout', undefined],
      ['POST', '/api/auth/password', change],
      ['DELETE', '/api/users/me', undefined],
      ['POST', '/api/auth/login', { identifier: victim.user!.username, password: victim.user!.password }],
    ] as const) {
      const answer = await victim.call(method, path, { headers: { cookie }, ...(json === undefined ? {} : { json }) });
      expect(answer.outcome, path).toBe('400 invalid_request');
      expect(answer.setCookies).toEqual([]);
    }
    expect((await victim.refresh()).status).toBe(200);
    expect((await attacker.refresh()).status).toBe(200);
  });

  test('a name counts only as it is, byte for byte: other case, prefixes and look-alike white space are other names (C-04, C-05)', async () => {
    const { app } = at;
    const [page, attacker] = [await app.signedIn(), await app.signedIn()];
    const evil = attacker.currentAccessToken;
    const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
    const spoofed = [
      '__host-cs-access',
      '__HOST-CS-ACCESS',
      '__HoSt-cs-access',
      '__Host-CS-access',
      'cs-access',
      '__Secure-cs-access',
      '__Host-cs-acces',
      '__Host-cs-access2',
      'x__Host-cs-access',
      '"__Host-cs-access',
      '__Host-cs-access ',
      '__Host-cs-access\t',
      '%5F_Host-cs-access',
      '__Host-cs%2Daccess',
      '$__Host-cs-access',
      utf8('\u2000__Host-cs-access'),
      '\u00a0__Host-cs-access',
      '\u0085__Host-cs-access',
      utf8('\ufeff__Host-cs-access'),
      utf8('\u3000__Host-cs-access'),
      utf8('\u2028__Host-cs-access'),
      '__Host-cs-access\u00a0',
      utf8('＿_Host-cs-access'),
      ',__Host-cs-access',
      'a=b,__Host-cs-access',
      '$Version=1,__Host-cs-access',
    ];
    for (const name of spoofed) {
      expect((await get(`${name}=${evil}`)).outcome, JSON.stringify(name)).toBe('401 token_missing');
      expect((await get(`${name}=${evil}; ${names.access}=${page.currentAccessToken}`)).json, JSON.stringify(name)).toMatchObject({
        userId: page.userId,
      });
    }
  });

  test('a cookie without a name is not taken for one that has (C-06)', async () => {
    const { app } = at;
    const attacker = await app.signedIn();
    for (const cookie of [
      `=${names.access}=${attacker.currentAccessToken}`,
      `= ${names.access}=${attacker.currentAccessToken}`,
      `x=${names.access}=${attacker.currentAccessToken}`,
      `x="; y=${names.access}=${attacker.currentAccessToken}"`,
    ]) {
      expect((await get(cookie)).outcome, cookie.slice(0, 20)).toBe('401 token_missing');
    }
  });

  test('two Cookie headers are one list; empty and odd pairs around ours do no harm', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const good = `${names.access}=${page.currentAccessToken}`;
    for (const cookie of [
      ['a=1', good],
      [good, 'b=2'],
      `;;; ;=;${good};;`,
      `a;b;c=;${good}`,
      `   ${good}   `,
      `a="x;${good}`,
      `${good};`,
    ]) {
      expect((await get(cookie)).json, JSON.stringify(cookie).slice(0, 30)).toMatchObject({ userId: page.userId });
    }
  });

  test('values that are broken are an invalid token, never an error of ours (C-10)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const token = page.currentAccessToken;
    const values = [
      '%',
      '%00',
      '%zz',
      '%E0%A4%A',
      '"',
      `"${token}"`,
      `${token}%00`,
      `${token}\u00a0`,
      `${token}\u0085`,
      `\u00a0${token}`,
      '\u00ff\u00fe',
      `${token}=`,
      `${token},`,
      '{"a":1}',
      '__proto__',
      `${token} x`,
    ];
    for (const value of values) {
      for (const path of ['/hello', '/api/users/me'])
        expect((await get(`${names.access}=${value}`, path)).outcome, JSON.stringify(value).slice(-20)).toBe('401 token_invalid');
      const refreshed = await page.copy().refresh({ headers: { cookie: `${names.refresh}=${value}` } });
      expect(refreshed.outcome, JSON.stringify(value).slice(-20)).toBe('401 refresh_token_invalid');
    }
    expect((await get(`${names.access}=`)).outcome).toBe('401 token_missing');
  });

  test('a thousand of them, or more than a header may hold, crash nothing (C-09)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const many = Array.from({ length: 1000 }, (_, index) => `c${index}=v`).join('; ');
    expect((await get(`${many}; ${names.access}=${page.currentAccessToken}`)).json).toMatchObject({ userId: page.userId });
    const almost = names.access.repeat(700);
    expect((await get(almost)).outcome).toBe('401 token_missing');
    for (const size of [17_000, 64_000]) expect((await get(`a=${'x'.repeat(size)}`)).status).toBe(431);
    expect((await page.get('/hello')).status).toBe(200);
  });

  test('nothing that a client sends gets into a header of an answer (C-12, I-08)', async () => {
    const { app } = at;
    const user = await app.createUser();
    const marker = 'look-for-me';
    for (const headers of [
      { 'x-request-id': marker, 'x-forwarded-host': marker, 'x-forwarded-proto': marker, forwarded: `host=${marker}` },
      { origin: `https://${marker}.example` },
      { 'user-agent': marker, 'accept-language': marker, referer: `https://${marker}.example/` },
    ]) {
      const answer = await app
        .client({ origin: null })
        .post('/api/auth/login', { identifier: user.username, password: user.password }, { headers });
      expect(JSON.stringify(answer.headers)).not.toContain(marker);
    }
    const injected = await app.client().login(user, { deviceName: `x\r\nSet-Cookie: ${marker}=1` });
    expect(injected.outcome).toBe('400 invalid_request');
    expect(JSON.stringify(injected.headers)).not.toContain(marker);
  });

  test('of a browser are all gone after logout, and only then (C-18)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const refusals = [
      await page.refresh({ headers: { 'x-csrf-token': 'wrong' } }),
      await page.post('/api/auth/logout', undefined, { headers: { 'x-csrf-token': 'wrong' } }),
      await page.post('/api/auth/logout', { unknown: 1 }),
      await page.post('/api/auth/password', {}),
    ];
    for (const refusal of refusals) expect([refusal.status >= 400, refusal.setCookies]).toEqual([true, []]);
    expect(page.jar.all).toHaveLength(3);
    const cleared = await page.logout();
    expect(page.jar.all).toEqual([]);
    expect(cleared.setCookies.map((line) => parseSetCookie(line).value)).toEqual(['', '', '']);
  });
});

describe('cookies of an application', () => {
  test('fit into what a browser keeps, and an access token of three roles into 700 bytes (C-13)', async () => {
    const app = await startApp({ roles: { user: [], editor: [], admin: [] } });
    try {
      const page = await app.signedIn({ roles: ['user', 'editor', 'admin'] });
      expect(page.currentAccessToken.length).toBeLessThanOrEqual(700);
      for (const { name, value } of page.jar.all) expect(name.length + value.length).toBeLessThan(4096);
    } finally {
      await app.stop();
    }
  });

  test('that a browser would not keep are a 500 that says nothing, not a session that nobody has', async () => {
    const roles = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [`a-role-with-a-very-long-name-that-fills-the-cookie-${index}`, []]),
    );
    const app = await startApp({ roles: { ...roles, admin: [] } });
    try {
      const user = await app.createUser({ roles: Object.keys(roles) });
      const answer = await app.client().login(user);
      expect(answer.outcome).toBe('500 internal_error');
      expect(answer.problem.detail).toBeUndefined();
      expect(app.logText).toContain('would be larger than a browser keeps');
    } finally {
      await app.stop();
    }
  });

  const refused = async (options: Partial<AuthOptions>): Promise<readonly string[]> => {
    const error: unknown = await createAuth({
      publicUrl: 'https://app.example.test',
      secret: masterSecret(newSecret()),
      store: sqlite(':memory:'),
      ...options,
    }).then(
      (auth) => auth.close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems.map(({ path }) => path);
  };

  test('that would be insecure are refused at start (C-14, C-16, C-17, B7)', async () => {
    expect(await refused({ publicUrl: 'http://app.example.test' })).toEqual(['publicUrl']);
    expect(await refused({ session: { absoluteLifetime: '401d' } })).toEqual(['session.absoluteLifetime']);
    expect(await refused({ publicUrl: 'http://localhost:4000', cookies: { topology: 'cross-site' } })).toEqual(['cookies.topology']);
    expect(await refused({ cookies: { topology: 'cross-site', sameSite: 'strict' } })).toEqual(['cookies.sameSite']);
    expect(await refused({ cookies: { topology: { subdomainsOf: 'other.test' } } })).toEqual(['cookies.topology']);
    expect(await refused({ cookies: { topology: { subdomainsOf: 'test' } } })).toEqual(['cookies.topology']);
    expect(await refused({ cookies: { prefix: 'a;b' } })).toEqual(['cookies.prefix']);
    for (const origin of ['*', 'https://*.example.test', 'http://app.example.test', 'https://app.example.test/', 'null', '']) {
      expect(await refused({ trustedOrigins: [origin as 'https://x'] }), origin).toEqual(['trustedOrigins[0]']);
    }
    expect(await refused({ tokens: { accessTtl: '25h' } })).toEqual(['tokens.accessTtl']);
  });
});

describe('other topologies', () => {
  const attributesOf = (page: Client, answer: HttpAnswer): Record<string, string> => {
    expect(page.jar.all).toHaveLength(3);
    return Object.fromEntries(answer.setCookies.map((line) => [parseSetCookie(line).name, line.slice(line.indexOf('; ') + 2)]));
  };

  describe('cross-site', () => {
    const at = withApp({ cookies: { topology: 'cross-site' } });
    test('SameSite=None comes with Secure and Partitioned, and keeps __Host- (C-17)', async () => {
      const page = at.app.client();
      const attributes = attributesOf(page, await page.login(await at.app.createUser()));
      expect(attributes['__Host-cs-access']).toBe('Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=None; Priority=High; Partitioned');
      expect(Object.keys(attributes)).toEqual(['__Host-cs-access', '__Host-cs-refresh', '__Host-cs-state']);
    });
  });

  describe('sub-domains', () => {
    const at = withApp({ cookies: { topology: { subdomainsOf: 'example.test' } } });
    test('only the access cookie is widened, and is cleared as it was set', async () => {
      const page = at.app.client();
      const attributes = attributesOf(page, await page.login(await at.app.createUser()));
      expect(attributes['__Secure-cs-access']).toContain('Domain=example.test; Path=/; HttpOnly; Secure; SameSite=Lax');
      expect(attributes['__Host-cs-refresh']).not.toContain('Domain');
      expect(attributes['__Host-cs-state']).not.toContain('Domain');
      expect((await page.get('/hello')).status).toBe(200);
      const logout = await page.logout();
      expect(logout.setCookies[0]).toBe(
        '__Secure-cs-access=; Max-Age=0; Domain=example.test; Path=/; HttpOnly; Secure; SameSite=Lax; Priority=High',
      );
    });
  });
});
