/** A person sees his devices, ends one of them, or all but the one he holds. */
import { expect, test } from 'vitest';
import { overEveryCarrier } from '../support/over-each-carrier.js';

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

overEveryCarrier('devices', (at) => {
  test('are listed with what a person needs to recognise them, and no token', async () => {
    const { app } = at;
    const laptop = app.client();
    const user = await app.createUser();
    await laptop.post('/api/auth/login', { identifier: user.email, password: user.password }, { headers: { 'user-agent': firefox } });
    await app.advance({ minutes: 1 });
    const phone = app.client({ origin: null });
    await phone.login(user, { delivery: 'bearer', deviceName: "Anna's phone" });

    const answer = await phone.get('/api/auth/sessions');
    expect(answer.json).toMatchObject({
      nextCursor: null,
      items: [
        { id: phone.sessionId, current: true, device: "Anna's phone", delivery: 'bearer' },
        { current: false, device: 'Firefox on Linux', delivery: 'cookie' },
      ],
    });
    const fields = ['authenticatedAt', 'createdAt', 'current', 'delivery', 'device', 'expiresAt', 'id', 'lastUsedAt'];
    for (const item of answer.json.items) expect(Object.keys(item as object).sort()).toEqual(fields);
    expect(app.secrets.foundIn(answer.text)).toEqual([]);
    expect(answer.json.items[1].createdAt).toBe(new Date(app.now - 60_000).toISOString());
  });

  test('a lost one is ended: it is out at once, the others are not', async () => {
    const { app } = at;
    const [here, lost] = [await app.signedIn(), app.client()];
    await lost.login(here.user!);
    expect((await here.call('DELETE', `/api/auth/sessions/${lost.sessionId}`)).status).toBe(200);
    expect((await lost.get('/api/users/me')).outcome).toBe('401 session_revoked');
    expect((await lost.refresh()).outcome).toBe('401 session_revoked');
    expect((await here.call('PATCH', '/api/users/me', { json: {} })).status).toBe(200);
    expect((await here.get('/api/auth/sessions')).json.items).toHaveLength(1);
    expect((await here.call('DELETE', `/api/auth/sessions/${lost.sessionId}`)).outcome, 'twice').toBe('404 not_found');
  });

  test('all others end together', async () => {
    const { app } = at;
    const here = await app.signedIn();
    const others = [app.client(), app.client(), app.client()];
    for (const [index, other] of others.entries()) await other.login(here.user!, { delivery: index === 0 ? 'bearer' : 'cookie' });
    const stranger = await app.signedIn();
    expect((await here.call('DELETE', '/api/auth/sessions')).json).toMatchObject({ ended: 3 });
    for (const other of others) expect((await other.get('/api/users/me')).outcome).toBe('401 session_revoked');
    expect((await here.get('/api/users/me')).status).toBe(200);
    expect((await stranger.get('/api/users/me')).status).toBe(200);
  });

  test('a name that could forge a line elsewhere is refused', async () => {
    const { app } = at;
    const user = await app.createUser();
    for (const deviceName of ['two\nlines', 'esc\u001b[31m', 'x'.repeat(101), 'rtl\u202e', 'line\u2028sep']) {
      const answer = await app.client().login(user, { deviceName });
      expect(answer.outcome, JSON.stringify(deviceName)).toBe('400 invalid_request');
      expect(answer.problem.errors).toMatchObject([{ path: 'deviceName' }]);
    }
  });
});
