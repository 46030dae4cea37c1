/** A program is given a key: it does what the key says and nothing else, for as long as key and owner are good, on every carrier. */
import type { Principal } from 'countersign';
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { asProgram, makeKey, type Given } from '../support/api-keys.js';
import type { HeaderPairs, HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { articleRoles as roles } from '../support/start-app.js';

const day = 86_400;

async function outcomes(answers: readonly Promise<HttpAnswer>[]): Promise<string[]> {
  return (await Promise.all(answers)).map(({ outcome }) => outcome);
}

overEachCarrier(
  'an API key',
  (at) => {
    const editor = (): Promise<Client> => at.app.signedIn({ roles: ['editor'] });

    test('is made by a person, shown once, and opens what names a permission that it has', async () => {
      const { app } = at;
      const owner = await editor();
      const made = await owner.post('/api/auth/api-keys', { name: ' Nightly import ', scopes: ['article:read'] });
      expect(made.status).toBe(201);
      expect(made.json).toEqual({
        apiKey: {
          id: expect.stringMatching(/^key_[\w-]{22}$/) as string,
          userId: owner.userId,
          name: 'Nightly import',
          scopes: ['article:read'],
          createdAt: new Date(app.now).toISOString(),
          rotatedAt: null,
          expiresAt: new Date(app.now + 90 * day * 1000).toISOString(),
          lastUsedAt: null,
          revokedAt: null,
          previousSecretUntil: null,
        },
        secret: expect.stringMatching(/^csk_[0-9A-Za-z]{71}$/) as string,
      });
      expect(made.header('cache-control')).toBe('no-store');
      const { apiKey, secret } = made.json;
      const used = await asProgram(app, secret, '/articles');
      expect(used.json).toEqual({
        userId: owner.userId,
        sessionId: apiKey.id,
        roles: [],
        via: 'api_key',
        permissions: ['article:read'],
      });
      const listed = await owner.get('/api/auth/api-keys');
      expect(listed.json).toEqual({ items: [{ ...apiKey, lastUsedAt: new Date(app.now).toISOString() }], nextCursor: null });
      expect(app.eventsOf(apiKey.id)).toEqual(['api_key.created']);
      expect(app.events.find(({ sessionId }) => sessionId === apiKey.id)).toMatchObject({
        userId: owner.userId,
        reason: 'article:read',
      });
    });

    test('opens nothing else: no other permission, no role, no route for anybody who is signed in, none of ours', async () => {
      const { app } = at;
      const { secret } = await makeKey(await app.signedIn({ roles: ['editor', 'admin'] }), ['article:read']);
      const refused: [string, string][] = [
        ['POST', '/articles'],
        ['GET', '/articles/of-editors'],
        ['GET', '/hello'],
        ['POST', '/hello'],
        ['GET', '/recent'],
        ['GET', '/admin-area'],
        ['GET', '/area/inside'],
        ['GET', '/api/users/me'],
        ['PATCH', '/api/users/me'],
        ['DELETE', '/api/users/me'],
        ['GET', '/api/auth/session'],
        ['GET', '/api/auth/sessions'],
        ['DELETE', '/api/auth/sessions'],
        ['POST', '/api/auth/password'],
        ['POST', '/api/auth/reauthenticate'],
        ['POST', '/api/auth/logout'],
        ['GET', '/api/auth/api-keys'],
        ['POST', '/api/auth/api-keys'],
        ['GET', '/api/admin/users'],
        ['GET', '/api/admin/api-keys'],
      ];
      for (const [method, path] of refused) {
        const answer = await asProgram(app, secret, path, method);
        expect(answer.outcome, `${method} ${path}`).toBe('403 insufficient_scope');
        expect(answer.header('www-authenticate')).toBe('Bearer error="insufficient_scope"');
      }
    });

    test('that has the permission is still no proof that a person was there just now', async () => {
      const { secret } = await makeKey(await editor(), ['article:write']);
      expect((await asProgram(at.app, secret, '/articles/sensitive', 'POST')).outcome).toBe('403 insufficient_scope');
    });

    test('needs no CSRF token and comes from no page, whatever the method', async () => {
      const { app } = at;
      const { secret } = await makeKey(await editor(), ['article:write']);
      expect((await asProgram(app, secret, '/articles', 'POST')).status).toBe(200);
      const foreign: HeaderPairs = [
        ['origin', 'https://evil.example'],
        ['sec-fetch-site', 'cross-site'],
      ];
      expect((await asProgram(app, secret, '/articles', 'POST', foreign)).status).toBe(200);
    });

    test('is believed at once by many requests together, and its use is told to the minute', async () => {
      const { app } = at;
      const owner = await editor();
      const { id, secret } = await makeKey(owner, ['article:read']);
      const together = Array.from({ length: 32 }, () => asProgram(app, secret, '/articles'));
      expect(new Set(await outcomes(together))).toEqual(new Set(['200']));
      const firstUse = app.now;
      const lastUse = async (): Promise<string> =>
        (await owner.get('/api/auth/api-keys')).json.items.find((key: { id: string }) => key.id === id).lastUsedAt as string;
      expect(await lastUse()).toBe(new Date(firstUse).toISOString());
      for (let minute = 0; minute < 5; minute += 1) {
        await app.advance({ minutes: 1 });
        expect((await asProgram(app, secret, '/articles')).status).toBe(200);
      }
      expect(await lastUse()).toBe(new Date(app.now).toISOString());
    });

    test('expires to the millisecond, known or not', async () => {
      const { app } = at;
      const owner = await editor();
      const [known, unknown] = [
        await makeKey(owner, ['article:read'], { expiresIn: 60 }),
        await makeKey(owner, ['article:read'], { expiresIn: 60 }),
      ];
      await app.advance({ ms: 59_999 });
      expect((await asProgram(app, known.secret, '/articles')).status).toBe(200);
      await app.advance({ ms: 1 });
      for (const { secret } of [known, unknown]) expect((await asProgram(app, secret, '/articles')).outcome).toBe('401 token_expired');
    });

    test('without an end is good for years', async () => {
      const { app } = at;
      const created = await app.auth.apiKeys.create({
        userId: (await app.createUser({ roles: ['editor'] })).id,
        name: 'Archive',
        scopes: ['article:read'],
        expiresIn: 'never',
      });
      expect(created.apiKey.expiresAt).toBeNull();
      app.secrets.addApiKey(created.secret);
      await app.advance({ days: 400 });
      const principal: Principal = await app.auth.apiKeys.verify(created.secret, { permissions: ['article:read'] });
      expect(principal.expiresAt).toEqual(new Date(8_640_000_000_000_000));
      expect(principal.authenticatedAt.getTime()).toBe(created.apiKey.createdAt.getTime());
    });

    test('is rotated: the old secret is accepted for the overlap, and the new one lives as long as the old one did', async () => {
      const { app } = at;
      const owner = await editor();
      const { id, secret: old } = await makeKey(owner, ['article:read'], { expiresIn: 10 * day });
      expect((await asProgram(app, old, '/articles')).status).toBe(200);
      const rotated = await owner.post(`/api/auth/api-keys/${id}/rotate`, { overlapSeconds: 3600 });
      expect(rotated.status).toBe(201);
      expect(rotated.json.apiKey).toMatchObject({
        id,
        rotatedAt: new Date(app.now).toISOString(),
        previousSecretUntil: new Date(app.now + 3_600_000).toISOString(),
        expiresAt: new Date(app.now + 10 * day * 1000).toISOString(),
      });
      const fresh = rotated.json.secret as string;
      expect(await outcomes([asProgram(app, old, '/articles'), asProgram(app, fresh, '/articles')])).toEqual(['200', '200']);
      await app.advance({ ms: 3_599_999 });
      expect((await asProgram(app, old, '/articles')).status).toBe(200);
      await app.advance({ ms: 1 });
      expect((await asProgram(app, old, '/articles')).outcome).toBe('401 token_expired');
      expect((await asProgram(app, fresh, '/articles')).status).toBe(200);
      expect(app.eventsOf(id)).toEqual(['api_key.created', 'api_key.rotated']);

      await owner.refresh();
      await owner.signInAgain('/auth/reauthenticate', { password: owner.user!.password });
      expect((await owner.post(`/api/auth/api-keys/${id}/rotate`, {})).status).toBe(201);
      await app.advance({ minutes: 1 });
      expect((await asProgram(app, old, '/articles')).outcome, 'two secrets ago').toBe('401 token_invalid');
    });

    test('whose rotation is repeated, because the answer to the first was lost, goes on with the secret that it has', async () => {
      const { app } = at;
      const owner = await editor();
      const { id, secret: inUse } = await makeKey(owner, ['article:read']);
      expect((await asProgram(app, inUse, '/articles')).status).toBe(200);
      const rotate = async (): Promise<HttpAnswer> => owner.post(`/api/auth/api-keys/${id}/rotate`, { overlapSeconds: 3600 });
      const lost = (await rotate()).json.secret as string;
      await app.advance({ minutes: 5 });
      const repeated = await rotate();
      expect(repeated.json.apiKey.previousSecretUntil).toBe(new Date(app.now + 3_300_000).toISOString());
      await app.advance({ minutes: 2 });
      const fresh = repeated.json.secret as string;
      expect(await outcomes([inUse, lost, fresh].map((secret) => asProgram(app, secret, '/articles')))).toEqual([
        '200',
        '401 token_invalid',
        '200',
      ]);
      await rotate();
      await app.advance({ minutes: 2 });
      expect(await outcomes([inUse, fresh].map((secret) => asProgram(app, secret, '/articles'))), 'once the new one is used').toEqual([
        '401 token_invalid',
        '200',
      ]);
    });

    test('is revoked: the next request is refused, known or not, under every secret of it, and it stays in the list', async () => {
      const { app } = at;
      const owner = await editor();
      const { id, secret: old } = await makeKey(owner, ['article:read']);
      const fresh = (await owner.post(`/api/auth/api-keys/${id}/rotate`, {})).json.secret as string;
      expect((await asProgram(app, old, '/articles')).status).toBe(200);
      expect((await owner.call('DELETE', `/api/auth/api-keys/${id}`)).status).toBe(200);
      for (const secret of [old, fresh, old, fresh])
        expect((await asProgram(app, secret, '/articles')).outcome).toBe('401 session_revoked');
      expect((await owner.call('DELETE', `/api/auth/api-keys/${id}`)).outcome).toBe('404 not_found');
      expect((await owner.post(`/api/auth/api-keys/${id}/rotate`, {})).outcome).toBe('409 conflict');
      const { items } = (await owner.get('/api/auth/api-keys')).json;
      expect(items).toMatchObject([{ id, revokedAt: new Date(app.now).toISOString() }]);
      expect(app.eventsOf(id)).toEqual(['api_key.created', 'api_key.rotated', 'api_key.revoked']);
    });

    test('is managed by whoever has just proved who he is, with the cookies of his session', async () => {
      const { app } = at;
      const owner = await editor();
      const { id } = await makeKey(owner, ['article:read']);
      const acts = (client: Client): Promise<HttpAnswer>[] => [
        client.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] }),
        client.post(`/api/auth/api-keys/${id}/rotate`, {}),
        client.call('DELETE', `/api/auth/api-keys/${id}`),
      ];
      const copied = app.client({ origin: null });
      copied.accessToken = owner.currentAccessToken;
      expect(new Set(await outcomes(acts(copied)))).toEqual(new Set(['401 refresh_token_missing']));
      const forged = owner.copy();
      forged.origin = 'https://evil.example';
      expect(new Set(await outcomes(acts(forged)))).toEqual(new Set(['403 origin_not_allowed']));
      await app.advance({ minutes: 11 });
      expect(new Set(await outcomes(acts(owner)))).toEqual(new Set(['401 step_up_required']));
      expect((await owner.get('/api/auth/api-keys')).json.items).toHaveLength(1);
    });

    test('is refused where it says what it cannot mean', async () => {
      const owner = await editor();
      const good = { name: 'x', scopes: ['article:read'] };
      const wrong: [object, string][] = [
        [{ ...good, name: '' }, 'name'],
        [{ ...good, name: '   ' }, 'name'],
        [{ ...good, name: 'x'.repeat(101) }, 'name'],
        [{ ...good, name: 'a\nb' }, 'name'],
        [{ ...good, scopes: [] }, 'scopes'],
        [{ ...good, scopes: ['article:delete'] }, 'scopes'],
        [{ ...good, scopes: ['article:read article:write'] }, 'scopes'],
        [{ ...good, scopes: Array.from({ length: 65 }, (_, index) => `s${String(index)}`) }, 'scopes'],
        [{ ...good, scopes: 'article:read' }, 'scopes'],
        [{ ...good, expiresIn: 59 }, 'expiresIn'],
        [{ ...good, expiresIn: 60.5 }, 'expiresIn'],
        [{ ...good, expiresIn: 315_360_001 }, 'expiresIn'],
        [{ ...good, expiresIn: '90d' }, 'expiresIn'],
        [{ scopes: ['article:read'] }, 'name'],
        [{ ...good, userId: 'usr_other' }, 'userId'],
      ];
      for (const [body, path] of wrong) {
        const answer = await owner.post('/api/auth/api-keys', body);
        expect(answer.outcome, JSON.stringify(body)).toBe('400 invalid_request');
        expect(answer.problem.errors?.map((problem) => problem.path)).toEqual([path]);
      }
      const { id } = await makeKey(owner, ['article:read']);
      for (const overlapSeconds of [0, 59, 7 * day + 1, 1.5, '1h']) {
        expect((await owner.post(`/api/auth/api-keys/${id}/rotate`, { overlapSeconds })).outcome).toBe('400 invalid_request');
      }
    });
  },
  { roles },
);

overEachCarrier(
  'what happens to its owner',
  (at) => {
    async function ownerWithKey(delivery: 'cookie' | 'bearer' = 'bearer'): Promise<{ owner: Client; key: Given }> {
      const owner = await at.app.signedIn({ roles: ['editor'], delivery });
      const key = await makeKey(owner, ['article:read', 'article:write']);
      expect((await asProgram(at.app, key.secret, '/articles')).status).toBe(200);
      return { owner, key };
    }
    const outcome = async ({ secret }: Given, method = 'GET'): Promise<string> =>
      (await asProgram(at.app, secret, '/articles', method)).outcome;

    test('who loses a permission takes it from his keys at once, and who gets it back gives it back', async () => {
      const { owner, key } = await ownerWithKey();
      expect(await outcome(key, 'POST')).toBe('200');
      await at.app.auth.users.setRoles(owner.userId, ['user']);
      expect([await outcome(key), await outcome(key, 'POST')]).toEqual(['200', '403 insufficient_scope']);
      await at.app.auth.users.setRoles(owner.userId, []);
      expect(await outcome(key)).toBe('403 insufficient_scope');
      await at.app.auth.users.setRoles(owner.userId, ['editor']);
      expect(await outcome(key, 'POST')).toBe('200');
    });

    test('who is disabled stops them at once; when he is enabled they go on', async () => {
      const { owner, key } = await ownerWithKey();
      await at.app.auth.users.setDisabled(owner.userId, true);
      expect([await outcome(key), await outcome(key)]).toEqual(['403 account_disabled', '403 account_disabled']);
      await at.app.auth.users.setDisabled(owner.userId, false);
      await at.app.advance({ seconds: 10 });
      expect(await outcome(key)).toBe('200');
    });

    test('who is deleted takes them with him', async () => {
      const { owner, key } = await ownerWithKey();
      await at.app.auth.users.delete(owner.userId);
      expect([await outcome(key), await outcome(key)]).toEqual(['401 token_invalid', '401 token_invalid']);
    });

    test('who logs out, also everywhere, or changes his password leaves them as they are', async () => {
      const { owner, key } = await ownerWithKey();
      await owner.signInAgain('/auth/password', { currentPassword: owner.user!.password, newPassword: 'another long password' });
      expect(await outcome(key)).toBe('200');
      await owner.logout();
      await at.app.auth.sessions.endAll(owner.userId);
      expect([await outcome(key), await outcome(key, 'POST')]).toEqual(['200', '200']);
    });

    test('whose password is set by somebody else loses them at once', async () => {
      const { owner, key } = await ownerWithKey();
      await at.app.internals.core.store.users.setPassword(owner.userId, 'a hash');
      expect([await outcome(key), await outcome(key)]).toEqual(['401 session_revoked', '401 session_revoked']);
    });

    test('and what the application says about him is in the principal', async () => {
      const { owner, key } = await ownerWithKey();
      expect((await at.app.auth.apiKeys.verify(key.secret)).claims).toEqual({ team: owner.userId.slice(0, 8) });
    });
  },
  { roles, claims: ({ id }) => ({ team: id.slice(0, 8) }) },
);

describe('administrators', () => {
  const at = withApp({ roles });

  test('make keys for service accounts, for nobody who has a password, list all and revoke any', async () => {
    const { app } = at;
    const [boss, person] = [await app.signedIn({ roles: ['admin'] }), await app.signedIn({ roles: ['editor'] })];
    const service = await app.auth.users.create({ username: 'importer', roles: ['editor'] });
    const body = { name: 'Import', scopes: ['article:write', 'revocations:read'], expiresIn: null };
    const made = await boss.post(`/api/admin/users/${service.id}/api-keys`, body);
    expect(made.json).toMatchObject({ apiKey: { userId: service.id, scopes: body.scopes, expiresAt: null } });
    expect((await asProgram(app, made.json.secret as string, '/articles', 'POST')).json).toMatchObject({ userId: service.id });
    const refused = await boss.post(`/api/admin/users/${person.userId}/api-keys`, body);
    expect(refused.outcome).toBe('409 conflict');
    expect((await boss.post('/api/admin/users/usr_nobody/api-keys', body)).outcome).toBe('404 not_found');
    expect((await person.post(`/api/admin/users/${service.id}/api-keys`, body)).outcome).toBe('403 insufficient_role');

    const theirs = await makeKey(person, ['article:read']);
    const listed = async (query: string): Promise<string[]> =>
      (await boss.get(`/api/admin/api-keys${query}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await listed('')).toEqual(expect.arrayContaining([theirs.id, made.json.apiKey.id]));
    expect(await listed(`?user=${service.id}`)).toEqual([made.json.apiKey.id]);
    const first = (await boss.get('/api/admin/api-keys?limit=1')).json;
    expect(first.items).toHaveLength(1);
    const second = (await boss.get(`/api/admin/api-keys?limit=1&cursor=${first.nextCursor as string}`)).json;
    expect(second.items[0].id).not.toBe(first.items[0].id);
    expect((await boss.get(`/api/admin/users?cursor=${first.nextCursor as string}`)).outcome).toBe('400 invalid_request');
    expect((await person.get('/api/admin/api-keys')).outcome).toBe('403 insufficient_role');

    expect((await boss.call('DELETE', `/api/admin/api-keys/${theirs.id}`)).status).toBe(200);
    expect((await asProgram(app, theirs.secret, '/articles')).outcome).toBe('401 session_revoked');
    expect((await boss.call('DELETE', '/api/admin/api-keys/key_nothing')).outcome).toBe('404 not_found');
    const revoked = app.events.find(({ type, sessionId }) => type === 'api_key.revoked' && sessionId === theirs.id);
    expect(revoked).toMatchObject({ userId: person.userId, actorId: boss.userId });
  });

  test('and they alone can let a key read the revocation feed', async () => {
    const { app } = at;
    const scopes = ['revocations:read'];
    const person = await app.signedIn({ roles: ['editor'] });
    expect((await person.post('/api/auth/api-keys', { name: 'Feed', scopes })).problem.errors).toMatchObject([{ path: 'scopes' }]);
    const boss = await app.signedIn({ roles: ['admin'] });
    expect((await boss.post('/api/auth/api-keys', { name: 'Feed', scopes })).status).toBe(201);
  });

  test('nobody has more than fifty', async () => {
    const { app } = at;
    const owner = await app.signedIn({ roles: ['editor'] });
    const key = { userId: owner.userId, name: 'One of many', scopes: ['article:read'] };
    const made = await Promise.all(Array.from({ length: 50 }, () => app.auth.apiKeys.create(key)));
    expect((await owner.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] })).outcome).toBe('409 conflict');
    await app.auth.apiKeys.revoke(made[0]!.apiKey.id);
    expect((await owner.post('/api/auth/api-keys', { name: 'x', scopes: ['article:read'] })).status).toBe(201);
    const page = await app.auth.apiKeys.list({ userId: owner.userId, limit: 200 });
    expect(page).toMatchObject({ nextCursor: null });
    expect(page.items).toHaveLength(51);
  });
});

describe('without a guard of an adapter', () => {
  const at = withApp({ roles });

  test('getPrincipal does not wait: it knows a key that was looked up; authenticate looks it up', async () => {
    const { app } = at;
    const { secret } = await makeKey(await app.signedIn({ roles: ['editor'] }), ['article:read']);
    const request = { headers: { authorization: `Bearer ${secret}` } };
    const rule = { permissions: ['article:read'] };
    expect(() => app.auth.getPrincipal(request, rule)).toThrow(
      expect.objectContaining({ code: 'store_unavailable', retryAfterSeconds: 1 }),
    );
    expect((await app.auth.authenticate(request, rule)).via).toBe('api_key');
    expect(app.auth.getPrincipal(request, rule).via).toBe('api_key');
    await expect(app.auth.authenticate(request)).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect(app.auth.inspect(request)).toEqual({ status: 'guest', code: 'insufficient_scope' });
    await expect(app.auth.apiKeys.verify(secret, { permissions: ['article:write'] })).rejects.toMatchObject({ code: 'insufficient_scope' });
    await expect(app.auth.apiKeys.verify('nonsense')).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('a misuse of the library is told by the field', async () => {
    const { app } = at;
    const { id: userId } = await app.createUser({ roles: ['editor'] });
    const key = { userId, name: 'x', scopes: ['article:read'] };
    await expect(app.auth.apiKeys.create({ ...key, expiresIn: 'soon' as '1d' })).rejects.toMatchObject({ fields: [{ path: 'expiresIn' }] });
    await expect(app.auth.apiKeys.create({ ...key, userId: 'usr_nobody' })).rejects.toMatchObject({ code: 'not_found' });
    const { apiKey } = await app.auth.apiKeys.create(key);
    await expect(app.auth.apiKeys.rotate(apiKey.id, { overlap: '8d' })).rejects.toMatchObject({ fields: [{ path: 'overlapSeconds' }] });
    const rotated = await app.auth.apiKeys.rotate(apiKey.id, { overlap: '1m' });
    expect(rotated.apiKey).toMatchObject({ id: apiKey.id, previousSecretUntil: new Date(app.now + 60_000) });
    await app.auth.apiKeys.revoke(apiKey.id);
    await app.auth.apiKeys.revoke(apiKey.id);
  });
});
