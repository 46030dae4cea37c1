/** Limits as people and strangers meet them (requirement G3): who is slowed down, and above all who is not. */
import { afterEach, describe, expect, test } from 'vitest';
import { masterSecret, type AuthOptions } from 'countersign';
import { formatId, systemRandom } from '../../dist/crypto/random.js';
import { issueApiKey } from '../../dist/tokens/api-key.js';
import type { Client } from '../support/client.js';
import { FeedReader } from '../support/feed-reader.js';
import { send, type HttpAnswer } from '../support/http.js';
import { articleRoles, startApp, type AppOptions, type TestApp, type TestUser } from '../support/start-app.js';
import { newServiceKey } from '../support/start-service.js';

const apps: TestApp[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.stop()));
});

async function start(
  options: Partial<Pick<AuthOptions, 'limits' | 'trustedProxies'>> = {},
  beside?: TestApp,
  more: AppOptions = {},
): Promise<TestApp> {
  const shared = beside === undefined ? {} : { file: beside.file, secret: masterSecret(beside.secret) };
  const app = await startApp({ limits: { login: '10/15m', api: 'insecure-off' }, ...options, ...shared, ...more });
  apps.push(app);
  return app;
}

const wrong = 'not the password at all';

function attempt(client: Client, { username }: TestUser, password: string, from?: string): Promise<HttpAnswer> {
  const headers = from === undefined ? {} : { 'x-forwarded-for': from };
  return client.post(`${client.path}/auth/login`, { username, password }, { headers });
}

const statuses = (answers: readonly HttpAnswer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

async function failTimes(app: TestApp, user: TestUser, times: number, from?: string): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = [];
  for (let time = 0; time < times; time += 1) answers.push(await attempt(app.client(), user, wrong, from));
  return answers;
}

describe('failed attempts to sign in', () => {
  test('are refused after the tenth, with the time to wait, whatever the password, until the time has passed', async () => {
    const app = await start();
    const user = await app.createUser();
    const failed = await failTimes(app, user, 10);
    expect(statuses(failed)).toEqual({ 401: 10 });
    expect(failed[0]!.header('ratelimit-policy')).toBe('"login";q=10;w=900');
    expect(failed[0]!.header('ratelimit')).toBe('"login";r=9;t=900');
    const refused = await attempt(app.client(), user, user.password);
    expect([refused.status, refused.code, refused.header('retry-after')]).toEqual([429, 'too_many_attempts', '900']);
    expect(refused.header('ratelimit')).toBe('"login";r=0;t=900');
    expect(refused.setCookies).toEqual([]);
    await app.advance({ minutes: 15 });
    expect((await attempt(app.client(), user, user.password)).status).toBe(200);
  });

  test('that succeed do not count', async () => {
    const app = await start();
    const user = await app.createUser();
    await failTimes(app, user, 9);
    for (let time = 0; time < 25; time += 1) expect((await attempt(app.client(), user, user.password)).status).toBe(200);
    expect(statuses(await failTimes(app, user, 2))).toEqual({ 401: 1, 429: 1 });
  });

  test('in one burst: no more than ten are judged', async () => {
    const app = await start();
    const user = await app.createUser();
    const burst = await Promise.all(Array.from({ length: 60 }, () => attempt(app.client(), user, wrong)));
    expect(statuses(burst)).toEqual({ 401: 10, 429: 50 });
  });

  test('an office that signs in at the same moment from behind one address gets in', async () => {
    const app = await start();
    const users = await Promise.all(Array.from({ length: 25 }, () => app.createUser()));
    const answers = await Promise.all(users.map((user) => attempt(app.client(), user, user.password)));
    expect(statuses(answers)).toEqual({ 200: 25 });
  });

  test('of a stranger behind the same address do not keep out a device that its user has signed in on before', async () => {
    const app = await start();
    const user = await app.createUser();
    const browser = app.client();
    await browser.login(user);
    await browser.post(`${browser.path}/auth/logout`);
    const known = app.client();
    await known.login(user);
    await failTimes(app, user, 12);
    expect((await attempt(app.client(), user, user.password)).status).toBe(429);
    expect((await attempt(known, user, wrong)).status).toBe(401);
    expect((await attempt(known, user, user.password)).status).toBe(200);
  });

  test('a device that another user has signed in on is not known', async () => {
    const app = await start();
    const [user, other] = [await app.createUser(), await app.createUser()];
    const browser = app.client();
    await browser.login(other);
    await failTimes(app, user, 10);
    expect((await attempt(browser, user, wrong)).status).toBe(429);
  });

  test('a known device has ten failures of its own', async () => {
    const app = await start();
    const user = await app.createUser();
    const browser = app.client();
    await browser.login(user);
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 12; time += 1) answers.push(await attempt(browser, user, wrong));
    expect(statuses(answers)).toEqual({ 401: 10, 429: 2 });
    expect((await attempt(app.client(), user, user.password)).status).toBe(200);
  });

  test('guessing the password of a session that was taken over is limited as well', async () => {
    const app = await start();
    const browser = await app.signedIn();
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 12; time += 1) {
      answers.push(await browser.post(`${browser.path}/auth/reauthenticate`, { password: wrong }));
    }
    expect(statuses(answers)).toEqual({ 401: 10, 429: 2 });
  });

  test('registrations of names that are taken count', async () => {
    const app = await start();
    const { username } = await app.createUser();
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 11; time += 1) {
      answers.push(await app.client().post('/api/auth/register', { username, password: 'correct horse battery staple' }));
    }
    expect(statuses(answers)).toEqual({ 409: 10, 429: 1 });
  });

  test('are counted by all processes of one store together', async () => {
    const one = await start();
    const two = await start({}, one);
    const user = await one.createUser();
    const burst = await Promise.all(Array.from({ length: 40 }, (_, index) => attempt((index % 2 ? one : two).client(), user, wrong)));
    expect(statuses(burst)).toEqual({ 401: 10, 429: 30 });
  });
});

describe('addresses', () => {
  test('a forwarded header that no trusted proxy wrote is not believed', async () => {
    const app = await start();
    const user = await app.createUser();
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 11; time += 1) answers.push(await attempt(app.client(), user, wrong, `203.0.113.${String(time)}`));
    expect(statuses(answers)).toEqual({ 401: 10, 429: 1 });
    expect(app.log.filter(({ message }) => message.includes('trustedProxies'))).toHaveLength(1);
  });

  test('behind a trusted proxy each client has its own, and what he claims himself is not believed', async () => {
    const app = await start({ trustedProxies: ['127.0.0.1'] });
    const user = await app.createUser();
    await failTimes(app, user, 10, '203.0.113.7');
    expect((await attempt(app.client(), user, wrong, '198.51.100.1, 203.0.113.7')).status).toBe(429);
    expect((await attempt(app.client(), user, wrong, '203.0.113.8')).status).toBe(401);
  });

  test('an IPv6 customer is one, whichever of his addresses he uses', async () => {
    const app = await start({ trustedProxies: 1 });
    const user = await app.createUser();
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 11; time += 1) answers.push(await attempt(app.client(), user, wrong, `2001:db8:0:1::${String(time)}`));
    expect(statuses(answers)).toEqual({ 401: 10, 429: 1 });
    expect((await attempt(app.client(), user, wrong, '2001:db8:0:2::1')).status).toBe(401);
  });
});

describe('requests', () => {
  const limits = { login: 'insecure-off', api: '10/1m' } as const;
  const askTimes = async (client: Client, times: number): Promise<HttpAnswer[]> => {
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < times; time += 1) answers.push(await client.get(`${client.path}/users/me`));
    return answers;
  };

  test('are limited by session, so that people behind one address do not count for each other', async () => {
    const app = await start({ limits });
    const [one, two] = [await app.signedIn(), await app.signedIn()];
    const answers = await askTimes(one, 12);
    expect(statuses(answers)).toEqual({ 200: 10, 429: 2 });
    expect(answers[0]!.header('ratelimit-policy')).toBe('"api";q=10;w=60');
    expect(answers[0]!.header('ratelimit')).toMatch(/^"api";r=9;t=(60|59)$/);
    expect(answers[11]!.code).toBe('too_many_attempts');
    expect(Number(answers[11]!.header('retry-after'))).toBeGreaterThan(50);
    expect(statuses(await askTimes(two, 10))).toEqual({ 200: 10 });
  });

  test('of programs are limited by API key, so that many on one machine do not count for each other', async () => {
    const app = await start({ limits: { api: '5/1m' } }, undefined, { roles: { user: ['x'], admin: [] } });
    const { id: userId } = await app.auth.users.create({ username: 'service' });
    const newKey = async (): Promise<string> => (await app.auth.apiKeys.create({ userId, name: 'x', scopes: ['x'] })).secret;
    const askToken = (key: string): Promise<HttpAnswer> =>
      app
        .client({ origin: null })
        .post('/api/auth/token', { grant_type: 'client_credentials' }, { headers: { authorization: `Bearer ${key}` } });
    const keys = [await newKey(), await newKey(), await newKey()];
    for (const key of keys) expect((await askToken(key)).status, 'counted for the address, while it is not known').toBe(200);
    for (let time = 0; time < 5; time += 1) for (const key of keys) expect((await askToken(key)).status).toBe(200);
    expect((await askToken(keys[0]!)).outcome).toBe('429 too_many_attempts');
  });

  test('with made-up API keys keep no program from elsewhere out, at our routes and at those of the application', async () => {
    const app = await start({ limits: { api: '5/1m' }, trustedProxies: 1 }, undefined, { roles: articleRoles });
    const { id: userId } = await app.auth.users.create({ username: 'service', roles: ['editor'] });
    const newKey = async (): Promise<string> => (await app.auth.apiKeys.create({ userId, name: 'x', scopes: ['article:read'] })).secret;
    const madeUp = (): string => issueApiKey(formatId('key', systemRandom(16)), systemRandom(32));
    const ask = (method: string, path: string, [key, from]: readonly [string, string]): Promise<HttpAnswer> => {
      const json = method === 'POST' ? { grant_type: 'client_credentials' } : undefined;
      return app
        .client({ origin: null })
        .call(method, path, { json, headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': from } });
    };
    const flood = async (method: string, path: string): Promise<Record<string, number>> => {
      const answers: HttpAnswer[] = [];
      for (let time = 0; time < 260; time += 1) answers.push(await ask(method, path, [madeUp(), '203.0.113.7']));
      return statuses(answers);
    };
    expect(await flood('POST', '/api/auth/token')).toEqual({ 401: 5, 429: 255 });
    expect((await ask('GET', '/articles', [await newKey(), '203.0.113.7'])).status, 'what was refused caused no look-up').toBe(200);
    expect(await flood('GET', '/articles')).toEqual({ 401: 45, 503: 215 });
    for (const [method, path] of [
      ['GET', '/articles'],
      ['POST', '/api/auth/token'],
    ] as const)
      expect((await ask(method, path, [await newKey(), '203.0.113.8'])).status).toBe(200);
  });

  test('while revocations are not up to date are still counted by session, so that those behind one address can sign in afterwards', async () => {
    const app = await start({ limits });
    const people = await Promise.all(Array.from({ length: 4 }, () => app.signedIn()));
    app.internals.core.feed.stop();
    app.jump(60);
    for (const person of people) expect(new Set((await askTimes(person, 4)).map(({ code }) => code))).not.toContain('too_many_attempts');
    expect((await app.client().login(await app.createUser())).status).not.toBe(429);
  });

  test('of whoever has no session are limited by address', async () => {
    const app = await start({ limits });
    expect(statuses(await askTimes(app.client(), 12))).toEqual({ 401: 10, 429: 2 });
  });

  test('a page that asks too much does not lose its session: refreshing has a budget of its own', async () => {
    const app = await start({ limits });
    const browser = await app.signedIn();
    await askTimes(browser, 12);
    expect((await browser.refresh()).status).toBe(200);
  });

  test('refreshing too often is refused without harm', async () => {
    const app = await start({ limits });
    const browser = await app.signedIn();
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 11; time += 1) answers.push(await browser.refresh());
    expect(statuses(answers)).toEqual({ 200: 10, 429: 1 });
    expect(answers[10]!.setCookies).toEqual([]);
    expect(app.eventsOf(browser.sessionId)).not.toContain('session.ended');
  });

  test('made-up refresh tokens are limited by address', async () => {
    const app = await start({ limits });
    const client = app.client();
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 12; time += 1) answers.push(await client.post('/api/auth/refresh', { refreshToken: 'csr_made-up' }));
    expect(statuses(answers)).toEqual({ 401: 10, 429: 2 });
  });

  test('for public documents and of the application itself are not limited', async () => {
    const app = await start({ limits });
    const client = await app.signedIn();
    for (let time = 0; time < 15; time += 1) {
      expect((await client.get('/.well-known/jwks.json')).status).toBe(200);
      expect((await client.get('/hello')).status).toBe(200);
    }
  });

  test('are counted by all processes of one store together, within a moment', async () => {
    const one = await start({ limits });
    const two = await start({ limits }, one);
    expect(statuses(await askTimes(one.client(), 10))).toEqual({ 401: 10 });
    const client = two.client();
    await expect.poll(async () => (await client.get('/api/users/me')).status, { timeout: 5000, interval: 300 }).toBe(429);
  });
});

describe('the feed of revocations', () => {
  const feedPath = '/.well-known/countersign/revocations';
  const openOnce = async (app: TestApp, key: string): Promise<number | undefined> => {
    const reader = await FeedReader.open(app.port, key);
    reader.close();
    return reader.response.statusCode;
  };

  test('is opened by many services with one key, also from an address that has used up its own limit', async () => {
    const app = await start({ limits: {} });
    const key = await newServiceKey(app);
    const guest = app.client();
    for (let time = 0; time < 100; time += 1) await guest.get('/api/auth/session');
    expect((await guest.get('/api/auth/session')).status).toBe(429);
    const opened: (number | undefined)[] = [];
    // A rolling restart of four workers, on each of which sixty streams end.
    for (let time = 0; time < 240; time += 1) opened.push(await openOnce(app, key));
    expect(new Set(opened)).toEqual(new Set([200]));
    const head = await send({ port: app.port, path: feedPath, method: 'HEAD', headers: [['Authorization', `Bearer ${key}`]] });
    expect(head.header('ratelimit')).toBe('"feed";r=759;t=60');
  });

  test('is closed to an address that tries keys which are none', async () => {
    const app = await start({ limits: {} });
    const key = await newServiceKey(app);
    const answers: HttpAnswer[] = [];
    for (let time = 0; time < 101; time += 1) answers.push(await send({ port: app.port, path: feedPath }));
    expect(statuses(answers)).toEqual({ 401: 100, 429: 1 });
    expect(await openOnce(app, key)).toBe(200);
  });
});
