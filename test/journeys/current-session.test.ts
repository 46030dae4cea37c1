/** A page asks who it is: always an answer, never a red line in the console. */
import { expect, test } from 'vitest';
import { overEveryCarrier } from '../support/over-each-carrier.js';

overEveryCarrier('GET auth/session', (at) => {
  test('of a guest is null', async () => {
    const answer = await at.app.client().get('/api/auth/session');
    expect([answer.status, answer.json]).toEqual([200, { user: null, session: null }]);
  });

  test('of a person who is signed in shows user, session and CSRF token', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const { json } = await page.get('/api/auth/session');
    expect(json).toMatchObject({ user: { id: page.userId }, session: { id: page.sessionId, current: true }, csrfToken: page.csrf });
    expect(Object.keys(json as object).sort()).toEqual(['csrfToken', 'session', 'user']);
  });

  test('of a program has no CSRF token', async () => {
    const program = await at.app.signedIn({ delivery: 'bearer' });
    expect(Object.keys((await program.get('/api/auth/session')).json as object).sort()).toEqual(['session', 'user']);
  });

  test('with an expired access token and a genuine refresh cookie says how to go on', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const csrf = page.csrf;
    await app.advance({ minutes: 15 });
    const answer = await page.get('/api/auth/session');
    expect([answer.status, answer.json]).toEqual([200, { user: null, session: null, refreshable: true, csrfToken: csrf }]);
    expect(answer.setCookies).toEqual([]);
    page.jar.remove(app.cookie('access'));
    page.jar.remove(app.cookie('state'));
    const again = (await page.get('/api/auth/session')).json as { csrfToken: string };
    expect((await page.refresh({ headers: { 'x-csrf-token': again.csrfToken } })).status).toBe(200);
  });

  test('with a refresh cookie that is made up, foreign or of an ended session is that of a guest, and nothing is cleared', async () => {
    const { app } = at;
    const [ended, program] = [await app.signedIn(), await app.signedIn({ delivery: 'bearer' })];
    const refresh = ended.currentRefreshToken;
    await ended.logout();
    for (const value of [refresh, 'csr_made-up', `${refresh.slice(0, -1)}A`, '', 'x'.repeat(2000)]) {
      const page = app.client();
      page.jar.plant(app.cookie('refresh'), value);
      const answer = await page.get('/api/auth/session');
      expect([answer.status, answer.json, answer.setCookies]).toEqual([200, { user: null, session: null }, []]);
    }
    expect((await program.get('/api/users/me')).status).toBe(200);
  });

  test('and any other route is answered after the machine was asleep: the request waits for revocations to be known', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const [pageOfMemory] = [await app.signedIn({ delivery: 'memory' })];
    app.jump(10);
    expect((await page.get('/api/auth/session')).status).toBe(200);
    app.jump(10);
    expect((await pageOfMemory.get('/api/users/me')).status).toBe(200);
    app.jump(10);
    expect((await page.post('/api/auth/logout')).status).toBe(200);
  });
});
