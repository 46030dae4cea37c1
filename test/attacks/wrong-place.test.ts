/**
 * The attacker has one kind of proof and tries it in the place of every other: an access token as a refresh token, a CSRF token as a cursor.
 *
 * Proves: a proof is bound to its purpose; ASVS 5.0 V9.2.2 (token type); J-36; CVE-2023-48309, CVE-2026-114607.
 */
import { expect, test } from 'vitest';
import type { CallOptions, Client } from '../support/client.js';
import type { HttpAnswer } from '../support/http.js';
import { overEachCarrier } from '../support/over-each-carrier.js';
import { articleRoles } from '../support/start-app.js';

/** Ids of API keys by their secrets. */
const keyIds = new Map<string, string>();

const headerSafe = (value: string): string => value.replace(/[^\x21-\x7e]/g, '');

/** Presents `value` in one place, with everything else of the request as an honest one has it. */
const places: Readonly<Record<string, (client: Client, value: string) => Promise<HttpAnswer>>> = {
  'the bearer credential': (client, value) =>
    client.get('/api/users/me', { cookies: false, headers: { authorization: `Bearer ${value}` } }),
  'the bearer credential of a route for programs': (client, value) =>
    client.get('/articles', { cookies: false, headers: { authorization: `Bearer ${value}` } }),
  'the client secret of the token endpoint': (client, value) => {
    const headers = { authorization: `Basic ${Buffer.from(`${keyIds.get(value) ?? 'key_x'}:${value}`, 'latin1').toString('base64')}` };
    return client.post('/api/auth/token', { grant_type: 'client_credentials' }, { cookies: false, headers });
  },
  'the access cookie': (client, value) => client.get('/hello', withCookie(client, 'access', value)),
  'the refresh cookie': (client, value) => client.refresh(withCookie(client, 'refresh', value)),
  'the refresh token of a body': (client, value) => client.app.client({ origin: null }).post('/api/auth/refresh', { refreshToken: value }),
  'the refresh token of a logout': (client, value) => client.app.client({ origin: null }).post('/api/auth/logout', { refreshToken: value }),
  'the CSRF header': (client, value) => client.post('/hello', undefined, { headers: { 'x-csrf-token': value } }),
  'the cursor': (client, value) => client.get(`/api/admin/users?limit=1&cursor=${encodeURIComponent(value)}`),
  'the password': (client, value) => client.app.client().login(client.user!, { password: value }),
};

function withCookie(client: Client, kind: 'access' | 'refresh', value: string): CallOptions {
  const pairs = client.jar.all.map(
    (cookie) => `${cookie.name}=${cookie.name === client.app.cookie(kind) ? headerSafe(value) : cookie.value}`,
  );
  return { headers: { cookie: pairs.join('; ') } };
}

overEachCarrier(
  'each proof in each place',
  (at) => {
    test('counts in its own only', async () => {
      const { app } = at;
      const page = await app.signedIn({ roles: ['user', 'admin'] });
      const program = await app.signedIn({ delivery: 'bearer' });
      await app.createUser();
      const cursor = (await page.get('/api/admin/users?limit=1')).json.nextCursor as string;
      const made = await program.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] });
      const { apiKey, secret } = made.json as { apiKey: { id: string }; secret: string };
      keyIds.set(secret, apiKey.id);
      const asProgram = { cookies: false, headers: { authorization: `Bearer ${secret}` } };
      const tokenOfKey = (await page.post('/api/auth/token', { grant_type: 'client_credentials' }, asProgram)).json.access_token as string;
      const [forPrograms, clientSecret] = ['the bearer credential of a route for programs', 'the client secret of the token endpoint'];
      const { kid } = (app.auth.keys.jwks().keys as { kid: string }[])[0]!;
      const proofs: readonly (readonly [string, () => string, readonly string[]])[] = [
        ['access token', () => page.currentAccessToken, ['the bearer credential', 'the access cookie', forPrograms]],
        ['refresh token of a page', () => page.currentRefreshToken, ['the refresh cookie']],
        ['CSRF token', () => page.csrf!, ['the CSRF header']],
        ['value of the state cookie', () => page.jar.get(app.cookie('state'))!.value, []],
        ['cursor', () => cursor, ['the cursor']],
        ['password', () => page.user!.password, ['the password']],
        ['session id', () => page.sessionId, []],
        ['user id', () => page.userId, []],
        ['key id', () => kid, []],
        ['access token with csr_', () => `csr_${page.currentAccessToken}`, []],
        ['refresh token without csr_', () => page.currentRefreshToken.slice(4), []],
        ['refresh token as JWT', () => `e30.${page.currentRefreshToken.slice(4)}.e30`, []],
        ['refresh token of a program', () => program.currentRefreshToken, ['the refresh token of a body']],
        ['access token of a program', () => program.currentAccessToken, ['the bearer credential', 'the access cookie', forPrograms]],
        ['API key', () => secret, [forPrograms, clientSecret]],
        ['access token made from an API key', () => tokenOfKey, [forPrograms]],
        ['id of an API key', () => apiKey.id, []],
        ['API key without csk_', () => secret.slice(4), []],
        ['API key as refresh token', () => `csr_${secret.slice(4)}`, []],
        ['refresh token as API key', () => `csk_${page.currentRefreshToken.slice(4)}`, []],
      ];
      for (const [name, proof, own] of proofs) {
        for (const [place, present] of Object.entries(places)) {
          // Whoever holds a refresh token may end its session; tried on its own below.
          if (place === 'the refresh token of a logout' && name.startsWith('refresh token of')) continue;
          const answer = await present(
            page.copy(),
            headerSafe(proof()) === proof() || place === 'the password' ? proof() : headerSafe(proof()),
          );
          expect(answer.status === 200, `${name} as ${place}: ${answer.outcome}`).toBe(own.includes(place));
          expect(answer.status, `${name} as ${place}`).toBeLessThan(500);
        }
      }
      expect((await page.copy().refresh()).status, 'and nothing of it has done harm').toBe(200);
      const ended = await app.client({ origin: null }).post('/api/auth/logout', { refreshToken: program.currentRefreshToken });
      expect(ended.status).toBe(200);
      expect((await program.get('/hello')).outcome).toBe('401 session_revoked');
    });
  },
  { roles: articleRoles },
);
