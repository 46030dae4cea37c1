/** A program exchanges its key for an access token, as OAuth's client credentials grant has it, and other services verify that. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { asProgram, makeKey } from '../support/api-keys.js';
import type { Client } from '../support/client.js';
import { send, type HeaderPairs, type HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { articleRoles as roles } from '../support/start-app.js';

overEachCarrier(
  'the token endpoint',
  (at) => {
    const form: HeaderPairs = [['content-type', 'application/x-www-form-urlencoded']];
    function askToken(authorization: string, body = 'grant_type=client_credentials', headers = form): Promise<HttpAnswer> {
      return send({
        port: at.app.port,
        method: 'POST',
        path: '/api/auth/token',
        headers: [['authorization', authorization], ...headers],
        body,
      });
    }
    const basic = (id: string, secret: string): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const editor = (): Promise<Client> => at.app.signedIn({ roles: ['editor'] });

    test('gives an access token for a key, to whoever speaks OAuth and to whoever speaks JSON', async () => {
      const { app } = at;
      const owner = await editor();
      const { id, secret } = await makeKey(owner, ['article:read', 'article:write']);
      const asked = [
        askToken(`Bearer ${secret}`),
        askToken(basic(id, secret)),
        askToken(basic(encodeURIComponent(id).replaceAll('_', '%5F'), secret)),
        askToken(`Bearer ${secret}`, JSON.stringify({ grant_type: 'client_credentials' }), [['content-type', 'application/json']]),
        askToken(`Bearer ${secret}`, 'grant_type=client_credentials&audience=ignored&client_id=ignored'),
      ];
      for (const answer of await Promise.all(asked)) {
        expect(answer.outcome).toBe('200');
        expect(answer.json).toEqual({
          access_token: expect.stringMatching(/^e/) as string,
          token_type: 'Bearer',
          expires_in: 900,
          scope: 'article:read article:write',
        });
        expect(answer.header('cache-control')).toBe('no-store');
        expect(answer.setCookies).toEqual([]);
        app.secrets.observe(answer);
        const used = await asProgram(app, answer.json.access_token as string, '/articles', 'POST');
        expect(used.json).toEqual({
          userId: owner.userId,
          sessionId: id,
          roles: [],
          via: 'api_key',
          permissions: ['article:read', 'article:write'],
        });
      }
    });

    test('gives no more than was asked for, and never more than key and owner have', async () => {
      const { app } = at;
      const owner = await editor();
      const { secret } = await makeKey(owner, ['article:read', 'article:write']);
      const answer = await askToken(`Bearer ${secret}`, 'grant_type=client_credentials&scope=article%3Aread');
      expect(answer.json.scope).toBe('article:read');
      const token = answer.json.access_token as string;
      expect((await asProgram(app, token, '/articles')).status).toBe(200);
      for (const [method, path] of [
        ['POST', '/articles'],
        ['GET', '/articles/of-editors'],
        ['GET', '/hello'],
        ['GET', '/api/users/me'],
        ['POST', '/api/auth/logout'],
      ] as const) {
        expect((await asProgram(app, token, path, method)).outcome, path).toBe('403 insufficient_scope');
      }
      for (const scope of ['article:delete', 'article:read article:delete', 'revocations:read', ' ', 'admin']) {
        const refused = await askToken(`Bearer ${secret}`, `grant_type=client_credentials&scope=${encodeURIComponent(scope)}`);
        expect(refused.outcome, scope).toBe('400 invalid_request');
      }
      await app.auth.users.setRoles(owner.userId, ['user']);
      expect((await askToken(`Bearer ${secret}`)).json.scope).toBe('article:read');
      expect((await asProgram(app, token, '/articles')).outcome, 'of the rights before').toBe('401 token_expired');
      await app.auth.users.setRoles(owner.userId, []);
      expect((await askToken(`Bearer ${secret}`)).outcome).toBe('403 insufficient_scope');
    });

    test('gives a token that ends with the key, and with the sessions of its owner', async () => {
      const { app } = at;
      const owner = await editor();
      const { id, secret } = await makeKey(owner, ['article:read']);
      const tokenOf = async (): Promise<string> => (await askToken(`Bearer ${secret}`)).json.access_token as string;
      const before = await tokenOf();
      await app.auth.sessions.endAll(owner.userId);
      expect((await asProgram(app, before, '/articles')).outcome).toBe('401 session_revoked');
      const after = await tokenOf();
      expect((await asProgram(app, after, '/articles')).status).toBe(200);
      await app.auth.apiKeys.revoke(id);
      expect((await asProgram(app, after, '/articles')).outcome).toBe('401 session_revoked');
      expect((await askToken(`Bearer ${secret}`)).outcome).toBe('401 session_revoked');
    });

    test('gives a token that does not outlive the secret that it was asked for with', async () => {
      const { app } = at;
      const owner = await editor();
      const short = await makeKey(owner, ['article:read'], { expiresIn: 100 });
      expect((await askToken(`Bearer ${short.secret}`)).json.expires_in).toBe(100);
      const { id, secret: old } = await makeKey(owner, ['article:read']);
      await owner.post(`/api/auth/api-keys/${id}/rotate`, { overlapSeconds: 60 });
      expect((await askToken(`Bearer ${old}`)).json.expires_in).toBe(60);
      await app.advance({ seconds: 60 });
      expect((await askToken(`Bearer ${old}`)).outcome).toBe('401 token_expired');
    });

    test('refuses in the words of OAuth too, in the type that its libraries read', async () => {
      const owner = await editor();
      const { secret } = await makeKey(owner, ['article:read']);
      const bearer = `Bearer ${secret}`;
      const refusals: [string, string, string, string][] = [
        ['Bearer', 'grant_type=client_credentials', '401 token_invalid', 'invalid_client'],
        ['', 'grant_type=client_credentials', '401 token_missing', 'invalid_client'],
        [bearer, '', '400 invalid_request', 'invalid_request'],
        [bearer, 'grant_type=client_credentials&grant_type=client_credentials', '400 invalid_request', 'invalid_request'],
        [bearer, 'grant_type=password', '400 invalid_request', 'unsupported_grant_type'],
        [bearer, 'grant_type=password&scope=admin', '400 invalid_request', 'unsupported_grant_type'],
        [bearer, 'grant_type=client_credentials&scope=admin', '400 invalid_request', 'invalid_scope'],
      ];
      const expectRefusal = (answer: HttpAnswer, outcome: string, error: string): void => {
        expect(answer.outcome).toBe(outcome);
        expect(answer.header('content-type')).toBe('application/json');
        expect(answer.json).toMatchObject({ error, status: answer.status, requestId: answer.header('x-request-id') });
      };
      for (const [authorization, body, outcome, error] of refusals) expectRefusal(await askToken(authorization, body), outcome, error);
      expectRefusal(await askToken(bearer, '{}', [['content-type', 'text/plain']]), '415 unsupported_media_type', 'invalid_request');
      await at.app.auth.users.setRoles(owner.userId, []);
      expectRefusal(await askToken(bearer), '403 insufficient_scope', 'invalid_scope');
      await at.app.auth.users.setDisabled(owner.userId, true);
      expectRefusal(await askToken(bearer), '403 account_disabled', 'invalid_client');
      expect((await owner.get('/api/users/me')).json, 'nowhere else').not.toHaveProperty('error');
    });

    test('refuses everybody who has no key, and what it was not made for', async () => {
      const owner = await editor();
      const program = await at.app.signedIn({ delivery: 'bearer' });
      const [{ id, secret }, other] = [await makeKey(owner, ['article:read']), await makeKey(owner, ['article:read'])];
      expect((await owner.post('/api/auth/token', { grant_type: 'client_credentials' })).outcome).toBe('401 token_missing');
      for (const authorization of [
        `Bearer ${program.currentAccessToken}`,
        'Bearer',
        basic(other.id, secret),
        basic('', secret),
        basic(id, ''),
        basic(id, `${secret}x`),
        basic(program.user!.username, program.user!.password),
      ]) {
        expect((await askToken(authorization)).outcome, authorization.slice(0, 12)).toBe('401 token_invalid');
      }
      for (const authorization of [
        'Basic',
        'Basic %',
        `Basic ${Buffer.from(secret).toString('base64')}`,
        `Basic ${Buffer.from('%zz:x').toString('base64')}`,
      ])
        expect((await askToken(authorization)).outcome, authorization).toBe('401 token_missing');
      const bodies: [string, string][] = [
        ['', '400 invalid_request'],
        ['grant_type=password', '400 invalid_request'],
        ['grant_type=client_credentials&grant_type=client_credentials', '400 invalid_request'],
        ['grant_type=client_credentials&scope=', '400 invalid_request'],
      ];
      for (const [body, outcome] of bodies) expect((await askToken(`Bearer ${secret}`, body)).outcome, body).toBe(outcome);
      const elsewhere = await send({
        port: at.app.port,
        method: 'POST',
        path: '/api/auth/login',
        headers: form,
        body: 'identifier=a&password=b',
      });
      expect(elsewhere.outcome, 'no other route takes forms').toBe('415 unsupported_media_type');
    });
  },
  { roles },
);

describe('an access token made from a key', () => {
  const at = withApp({ roles, publicUrl: 'http://localhost:4000' });

  test('can be verified by any JOSE library, which finds scope and client_id and no role', async () => {
    const { app } = at;
    const owner = await app.signedIn({ roles: ['editor'] });
    const { id, secret } = await makeKey(owner, ['article:read']);
    const answer = await send({
      port: app.port,
      method: 'POST',
      path: '/api/auth/token',
      headers: [
        ['authorization', `Bearer ${secret}`],
        ['content-type', 'application/json'],
      ],
      body: '{"grant_type":"client_credentials"}',
    });
    const keys = createRemoteJWKSet(new URL(`http://localhost:${String(app.port)}/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(answer.json.access_token as string, keys, {
      issuer: app.publicUrl,
      audience: app.publicUrl,
      currentDate: new Date(app.now),
    });
    expect(protectedHeader.typ).toBe('at+jwt');
    expect(payload).toMatchObject({ sub: owner.userId, sid: id, client_id: id, scope: 'article:read', roles: [], amr: [] });
    const metadata = (await app.client().get('/.well-known/countersign')).json;
    expect(metadata).toMatchObject({
      token_endpoint: 'http://localhost:4000/api/auth/token',
      grant_types_supported: ['client_credentials'],
    });
  });

  test('is refused in a cookie: it belongs into a header', async () => {
    const { app } = at;
    const { secret } = await makeKey(await app.signedIn({ roles: ['editor'] }), ['article:read']);
    const answer = await app.client({ origin: null }).post(
      '/api/auth/token',
      { grant_type: 'client_credentials' },
      {
        headers: { authorization: `Bearer ${secret}` },
      },
    );
    const thief = app.client();
    thief.jar.plant(app.cookie('access'), answer.json.access_token as string);
    expect((await thief.get('/articles')).outcome).toBe('401 token_invalid');
  });
});
