/**
 * The attacker has an API key of his own, one that was revoked, or none, and wants more than it was given: he puts it where keys do not belong,
 * changes it, reaches for the keys of others, or makes one that may do what he may not.
 *
 * Proves: ASVS 5.0 V8.2.1, V8.2.2 (least privilege, no access to others' data), V9.2, V10.4 (scopes), V14.2.1 (no credential in a URL); F3, F5;
 * CVE-2022-23540 and its kind do not apply: nothing in a key chooses how it is judged.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { masterSecret, newSecret } from 'countersign';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { send, type HeaderPairs, type HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { articleRoles as roles, startApp, type TestApp } from '../support/start-app.js';

interface Given {
  readonly id: string;
  readonly secret: string;
}

async function makeKey(owner: Client, scopes: readonly string[] = ['article:read']): Promise<Given> {
  const answer = await owner.post('/api/auth/api-keys', { name: 'Import', scopes });
  if (answer.status !== 201) throw new Error(answer.outcome);
  return { id: answer.json.apiKey.id as string, secret: answer.json.secret as string };
}

function get(app: TestApp, path: string, headers: HeaderPairs): Promise<HttpAnswer> {
  return send({ port: app.port, path, headers });
}

const bearer = (key: string): HeaderPairs => [['authorization', `Bearer ${key}`]];

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Anybody can make one: the checksum is no secret. */
function withChecksum(checked: string): string {
  let rest = crc32(checked);
  let text = '';
  for (; text.length < 6; rest = Math.floor(rest / 62)) text = digits.charAt(rest % 62) + text;
  return checked + text;
}

overEachCarrier(
  'an API key',
  (at) => {
    const editor = (): Promise<Client> => at.app.signedIn({ roles: ['editor'] });

    test('counts in the Authorization header as Bearer, and nowhere else', async () => {
      const { app } = at;
      const { secret } = await makeKey(await editor());
      expect((await get(app, '/articles', bearer(secret))).status).toBe(200);
      const elsewhere: [string, HeaderPairs, string][] = [
        ['/articles', [['cookie', `${app.cookie('access')}=${secret}`]], '401 token_invalid'],
        ['/articles', [['cookie', `${app.cookie('refresh')}=${secret}`]], '401 token_missing'],
        ['/articles', [['x-api-key', secret]], '401 token_missing'],
        ['/articles', [['authorization', secret]], '401 token_missing'],
        ['/articles', [['authorization', `ApiKey ${secret}`]], '401 token_missing'],
        ['/articles', [['authorization', `Basic ${Buffer.from(`x:${secret}`).toString('base64')}`]], '401 token_missing'],
        ['/articles', [['authorization', `Bearer  ${secret}`]], '401 token_invalid'],
        ['/articles', [['authorization', `Bearer ${secret}, Bearer ${secret}`]], '401 token_invalid'],
      ];
      for (const [path, headers, outcome] of elsewhere)
        expect((await get(app, path, headers)).outcome, JSON.stringify(headers.map(([name]) => name))).toBe(outcome);
      for (const name of ['access_token', 'api_key', 'apikey', 'key', 'token']) {
        const answer = await get(app, `/api/users/me?${name}=${secret}`, []);
        expect(answer.outcome, name).toBe('401 token_missing');
        expect(answer.text).not.toContain(secret);
      }
    });

    test('beside the cookies of somebody who may more is judged alone, however malformed', async () => {
      const { app } = at;
      const owner = await editor();
      const { secret } = await makeKey(owner);
      const cookies: HeaderPairs = [['cookie', owner.jar.header ?? '']];
      expect((await get(app, '/articles', [...bearer(secret), ...cookies])).json).toMatchObject({ via: 'api_key' });
      expect((await get(app, '/hello', [...bearer(secret), ...cookies])).outcome).toBe('403 insufficient_scope');
      expect((await get(app, '/hello', [...bearer(`${secret}x`), ...cookies])).outcome).toBe('401 token_invalid');
      expect((await get(app, '/hello', [...bearer('csk_'), ...cookies])).outcome).toBe('401 token_invalid');
    });

    test('that is cut, changed, or put together from parts of two, is none, also with a checksum of its own', async () => {
      const { app } = at;
      const [owner, other] = [await editor(), await editor()];
      const [mine, theirs] = [(await makeKey(owner)).secret, (await makeKey(other)).secret];
      // The id is in the first 22 digits, the secret in the others.
      const wrong = [
        mine.slice(0, -1),
        mine.slice(0, 40),
        `${mine}A`,
        mine.slice(0, -6) + theirs.slice(-6),
        withChecksum(theirs.slice(0, 26) + mine.slice(26, 69)),
        withChecksum(mine.slice(0, 68) + (mine.charAt(68) === 'A' ? 'B' : 'A')),
        withChecksum(`csk_${'0'.repeat(65)}`),
        withChecksum(`csk_${'z'.repeat(65)}`),
        withChecksum('csk_'),
        mine.toLowerCase(),
        mine.replace('csk_', 'CSK_'),
        mine.replace('csk_', 'csk-'),
        encodeURIComponent(`${mine}\n`),
      ];
      for (const key of wrong) {
        for (const path of ['/articles', '/hello', '/api/users/me']) {
          expect((await get(app, path, bearer(key))).outcome, `${key} ${path}`).toBe('401 token_invalid');
        }
      }
    });

    test('of somebody else can neither be seen, rotated nor revoked, and the answer does not tell that it is there', async () => {
      const { app } = at;
      const [owner, thief] = [await editor(), await editor()];
      const { id, secret } = await makeKey(owner);
      for (const target of [id, 'key_AAAAAAAAAAAAAAAAAAAAAA', owner.sessionId, owner.userId]) {
        expect((await thief.post(`/api/auth/api-keys/${target}/rotate`, {})).outcome).toBe('404 not_found');
        expect((await thief.call('DELETE', `/api/auth/api-keys/${target}`)).outcome).toBe('404 not_found');
        expect((await thief.call('DELETE', `/api/auth/sessions/${target}`)).outcome).toBe('404 not_found');
        expect((await thief.call('DELETE', `/api/admin/api-keys/${target}`)).outcome).toBe('403 insufficient_role');
      }
      expect((await thief.get('/api/auth/api-keys')).json.items).toEqual([]);
      expect((await thief.get(`/api/auth/api-keys?user=${owner.userId}`)).outcome).toBe('400 invalid_request');
      expect((await thief.post(`/api/admin/users/${thief.userId}/api-keys`, {})).outcome).toBe('403 insufficient_role');
      expect((await get(app, '/articles', bearer(secret))).status).toBe(200);
    });

    test('is never made to do what its maker may not', async () => {
      const { app } = at;
      const reader = await app.signedIn();
      for (const scopes of [['article:write'], ['article:read', 'article:write'], ['revocations:read'], ['admin'], ['*'], ['']]) {
        const answer = await reader.post('/api/auth/api-keys', { name: 'x', scopes });
        expect(answer.outcome, scopes.join()).toBe('400 invalid_request');
      }
      const more = { roles: ['admin'], permissions: ['article:write'], userId: 'usr_other', id: 'key_x', via: 'cookie' };
      for (const [name, value] of Object.entries(more)) {
        const answer = await reader.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'], [name]: value });
        expect(answer.outcome, name).toBe('400 invalid_request');
      }
      expect((await reader.get('/api/auth/api-keys')).json.items).toEqual([]);
    });

    test('is no way around a role that was taken, also by a rotation', async () => {
      const { app } = at;
      const owner = await app.signedIn({ roles: ['editor'], delivery: 'bearer' });
      const { id, secret } = await makeKey(owner, ['article:write']);
      await app.auth.users.setRoles(owner.userId, ['user']);
      await owner.refresh();
      const rotated = (await owner.post(`/api/auth/api-keys/${id}/rotate`, {})).json.secret as string;
      for (const key of [secret, rotated]) {
        const answer = await send({ port: app.port, method: 'POST', path: '/articles', headers: bearer(key) });
        expect(answer.outcome).toBe('403 insufficient_scope');
      }
    });

    test('of a session that has ended meanwhile is not made', async () => {
      const { app } = at;
      const owner = await app.signedIn({ roles: ['editor'], delivery: 'bearer' });
      const { core } = app.internals;
      const user = (await core.store.users.find({ id: owner.userId }))!;
      await app.auth.sessions.endAll(owner.userId);
      const key = {
        id: 'key_late',
        userId: user.id,
        name: 'x',
        scopes: ['article:read'],
        secretDigest: new Uint8Array(32),
        lifetimeSeconds: null,
      };
      expect(await core.store.apiKeys.create({ key, epoch: user.sessionEpoch, maxKeys: 50 })).toEqual({ outcome: 'no_owner' });
      expect((await owner.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] })).outcome).toBe('401 session_revoked');
    });

    test('works against nobody from a page: keys of a page are made with its cookies and their CSRF token only', async () => {
      const owner = await editor();
      const body = { name: 'x', scopes: ['article:read'] };
      expect((await owner.post('/api/auth/api-keys', body, { headers: { 'x-csrf-token': null } })).outcome).toBe('403 csrf_failed');
      const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
      expect((await owner.post('/api/auth/api-keys', body, { headers: foreign })).outcome).toBe('403 origin_not_allowed');
      const token = await owner.post('/api/auth/token', undefined, {
        body: 'grant_type=client_credentials',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...foreign },
      });
      expect(token.outcome, 'a form of another page is judged by its origin').toBe('403 origin_not_allowed');
    });
  },
  { roles },
);

describe('two processes on one database', () => {
  test('both refuse a revoked key that both know, one at once, the other as soon as it has read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    const options = { file: join(folder, 'auth.db'), secret: masterSecret(newSecret()), roles };
    const [here, there] = [await startApp(options), await startApp(options)];
    try {
      const owner = await here.signedIn({ roles: ['editor'] });
      const [{ id, secret }, lost, kept] = [await makeKey(owner), await makeKey(owner), await makeKey(owner)];
      for (const app of [here, there])
        for (const key of [secret, lost.secret, kept.secret]) expect((await get(app, '/articles', bearer(key))).status).toBe(200);
      const token = async (app: TestApp): Promise<string> => {
        const headers: HeaderPairs = [...bearer(secret), ['content-type', 'application/json']];
        const answer = await send({
          port: app.port,
          method: 'POST',
          path: '/api/auth/token',
          headers,
          body: '{"grant_type":"client_credentials"}',
        });
        return answer.json.access_token as string;
      };
      const tokens = [await token(here), await token(there)];
      await here.auth.apiKeys.revoke(id);
      for (const credential of [secret, ...tokens])
        expect((await get(here, '/articles', bearer(credential))).outcome).toBe('401 session_revoked');
      await there.internals.core.feed.catchUp();
      for (const credential of [secret, ...tokens])
        expect((await get(there, '/articles', bearer(credential))).outcome).toBe('401 session_revoked');
      expect((await get(there, '/articles', bearer(kept.secret))).status).toBe(200);

      await there.auth.users.setRoles(owner.userId, []);
      await here.internals.core.feed.catchUp();
      for (const app of [here, there]) expect((await get(app, '/articles', bearer(kept.secret))).outcome).toBe('403 insufficient_scope');
      await there.auth.users.setRoles(owner.userId, ['editor']);
      await there.internals.core.store.restoreEpoch();
      await here.internals.core.feed.catchUp();
      for (const app of [here, there]) {
        await app.internals.core.keys.refresh();
        for (const key of [lost.secret, kept.secret])
          expect((await get(app, '/articles', bearer(key))).outcome, 'a restored backup is an older truth').toBe('401 session_revoked');
      }
    } finally {
      await Promise.all([here.stop(), there.stop()]);
      await rm(folder, { recursive: true });
    }
  });
});

describe('many made-up keys', () => {
  const at = withApp({ roles });

  test('with right checksums are answered 401, then 503 with Retry-After, and disturb nobody who is known', async () => {
    const { app } = at;
    const { secret } = await makeKey(await app.signedIn({ roles: ['editor'] }));
    expect((await get(app, '/articles', bearer(secret))).status).toBe(200);
    const madeUp = Array.from({ length: 400 }, (_, index) => withChecksum(`csk_0${String(index).padStart(64, 'a')}`));
    const answers = await Promise.all(madeUp.map((key) => get(app, '/articles', bearer(key))));
    const refused = answers.filter(({ outcome }) => outcome === '401 token_invalid');
    const shed = answers.filter(({ outcome }) => outcome === '503 overloaded');
    expect([refused.length <= 200, shed.length > 0, refused.length + shed.length]).toEqual([true, true, 400]);
    for (const answer of shed) expect(answer.header('retry-after')).toBe('1');
    await app.advance({ minutes: 5 });
    await Promise.all(madeUp.map((key) => get(app, '/articles', bearer(key))));
    expect((await get(app, '/articles', bearer(secret))).status, 'though it must be read anew').toBe(200);
  });
});

describe('a database that cannot be reached', () => {
  test('makes nobody forget his key: 503, for known and unknown keys, and for tokens', async () => {
    const app = await startApp({ roles });
    try {
      const owner = await app.signedIn({ roles: ['editor'] });
      const [known, unknown] = [await makeKey(owner), await makeKey(owner)];
      expect((await get(app, '/articles', bearer(known.secret))).status).toBe(200);
      await app.internals.core.store.close();
      expect((await get(app, '/articles', bearer(known.secret))).status, 'within its minute').toBe(200);
      const answers = [
        await get(app, '/articles', bearer(unknown.secret)),
        await send({
          port: app.port,
          method: 'POST',
          path: '/api/auth/token',
          headers: [...bearer(unknown.secret), ['content-type', 'application/json']],
          body: '{"grant_type":"client_credentials"}',
        }),
      ];
      app.jump(60);
      answers.push(await get(app, '/articles', bearer(known.secret)));
      for (const answer of answers) {
        expect(answer.outcome).toBe('503 store_unavailable');
        expect(answer.header('retry-after')).toBe('1');
      }
      expect(app.secrets.foundIn(app.logText)).toEqual([]);
    } finally {
      await app.stop();
    }
  });
});
