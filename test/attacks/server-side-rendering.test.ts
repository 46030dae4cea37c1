/**
 * The attacker has a page rendered on the server with odd credentials: a broken bearer token beside somebody's cookies, a planted second
 * cookie that makes looking itself fail, a form that would rotate the visitor's session.
 *
 * Proves: the promises of `inspect` and `continueSession`; "a bearer credential, even an invalid one, never falls back to cookies"; C-01.
 */
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { withApp } from '../support/over-each-carrier.js';

describe('a page rendered on the server', () => {
  const at = withApp();
  const requestOf = (page: Client, headers: Record<string, string> = {}, method = 'GET'): Request =>
    new Request('https://app.example.test/page', { method, headers: { cookie: page.jar.header ?? '', ...headers } });

  test('continues an expired session: it gets a principal and cookies, and the browser goes on with them', async () => {
    const { app } = at;
    const page = await app.signedIn();
    expect(app.auth.inspect(requestOf(page))).toMatchObject({ status: 'authenticated', principal: { userId: page.userId } });
    await app.advance({ minutes: 15 });
    expect(app.auth.inspect(requestOf(page))).toEqual({ status: 'refreshable', code: 'token_expired' });
    const { principal, headers } = await app.auth.continueSession(requestOf(page));
    expect(principal).toMatchObject({ userId: page.userId, sessionId: page.sessionId });
    for (const line of headers.getSetCookie()) page.jar.store(line);
    expect((await page.post('/hello')).status).toBe(200);
    const again = await app.auth.continueSession(requestOf(page));
    expect([again.principal?.userId, [...again.headers]]).toEqual([page.userId, []]);
  });

  test('rotates nothing for an unsafe method, and nothing for whoever is out', async () => {
    const { app } = at;
    const page = await app.signedIn();
    await app.advance({ minutes: 15 });
    for (const method of ['POST', 'PUT', 'DELETE', 'PROPFIND']) {
      const { principal, headers } = await app.auth.continueSession(requestOf(page, {}, method));
      expect([principal, [...headers]], method).toEqual([null, []]);
    }
    const { session } = (await app.internals.core.store.sessions.find(page.sessionId))!;
    expect(session.generation).toBe(0);
    await app.auth.sessions.end(page.sessionId);
    const { principal, headers } = await app.auth.continueSession(requestOf(page));
    expect([principal, [...headers]]).toEqual([null, []]);
  });

  test('does not fall back to the cookies beside a bearer credential that is not valid', async () => {
    const { app } = at;
    const page = await app.signedIn();
    for (const authorization of ['Bearer made-up', 'Bearer ', 'bearer\tx']) {
      const request = requestOf(page, { authorization });
      expect(app.auth.inspect(request)).toEqual({ status: 'guest', code: 'token_invalid' });
      const { principal, headers } = await app.auth.continueSession(request);
      expect([principal, [...headers]]).toEqual([null, []]);
    }
    expect((await page.refresh()).status).toBe(200);
  });

  test("is a guest's, not an error, when one of our cookies is there twice", async () => {
    const { app } = at;
    const page = await app.signedIn();
    const twice = (kind: 'access' | 'refresh'): string => `${page.jar.header ?? ''}; ${app.cookie(kind)}=planted`;
    expect(app.auth.inspect(requestOf(page, { cookie: twice('access') }))).toEqual({ status: 'guest', code: 'invalid_request' });
    await app.advance({ minutes: 15 });
    const request = requestOf(page, { cookie: twice('refresh') });
    expect(app.auth.inspect(request)).toEqual({ status: 'guest', code: 'token_expired' });
    expect((await app.auth.continueSession(request)).principal).toBeNull();
  });
});
