/**
 * Attack: common, breached and personal passwords are tried first, a few on each of many accounts, below every limit (credential stuffing,
 * password spraying). ASVS 5.0 V6.2.4, V6.2.11, V6.2.12; NIST SP 800-63B-4 section 3.1.1.2.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type AppOptions, type TestApp } from '../support/start-app.js';

const breached = 'a phrase from an old leak';
const apps: TestApp[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.stop()));
});

async function open(options: AppOptions = {}): Promise<TestApp> {
  const app = await startApp({ limits: { login: 'insecure-off' }, ...options });
  apps.push(app);
  return app;
}

/** The status, and the code of the one field that is wrong. */
async function register(app: TestApp, password: string): Promise<string> {
  const answer = await app.client().post('/api/auth/register', { username: 'grace-hopper', email: 'admiral@navy.example', password });
  expect(answer.text).not.toContain(password);
  return answer.status === 201 ? '201' : `${answer.status} ${answer.problem.errors![0]!.path} ${answer.problem.errors![0]!.code}`;
}

describe('choosing a password', () => {
  test('that is guessed first is refused with what is wrong, and what would be right', async () => {
    const app = await open();
    expect(await register(app, 'Password123')).toBe('400 password password_common');
    expect(await register(app, 'abababababab')).toBe('400 password password_repetitive');
    expect(await register(app, 'grace-hopper 1906')).toBe('400 password password_contains_name');
    expect(await register(app, 'the admiral of the sea')).toBe('400 password password_contains_name');
    expect(await register(app, 'my example account')).toBe('400 password password_contains_service');
    expect(await register(app, 'nanoseconds of wire')).toBe('201');
  });

  test('is judged alike when it is changed, and when an administrator or the application sets it', async () => {
    const app = await open();
    const page = await app.signedIn();
    const change = { currentPassword: page.user!.password, newPassword: 'qwertyuiop' };
    const answer = await page.post('/api/auth/password', change);
    expect(answer.outcome).toBe('400 invalid_request');
    expect(answer.problem.errors).toMatchObject([{ path: 'newPassword', code: 'password_common' }]);
    const own = { ...change, newPassword: `${page.user!.username} is my name` };
    expect((await page.post('/api/auth/password', own)).problem.errors).toMatchObject([{ code: 'password_contains_name' }]);
    expect((await page.get('/hello')).status, 'and the session lives').toBe(200);
    const created = app.auth.users.create({ username: 'barbara', password: 'iloveyou' });
    await expect(created).rejects.toMatchObject({ code: 'invalid_request', fields: [{ path: 'password', code: 'password_common' }] });
  });

  test('has the length that the operator demands', async () => {
    const app = await open({ passwords: { minLength: 15 } });
    expect(await register(app, 'fourteen chars')).toBe('400 password password_too_short');
    expect(await register(app, 'fifteen letters')).toBe('201');
  });
});

describe('a range service', () => {
  let answerWith: (response: ServerResponse, prefix: string) => void;
  let asked: { readonly path: string; readonly padding: string | undefined }[];
  let service: Server;
  let rangeService: `http://127.0.0.1:${number}/${string}`;
  const digest = createHash('sha1').update(breached).digest('hex').toUpperCase();

  beforeAll(async () => {
    service = createServer((request, response) => {
      const path = request.url ?? '';
      asked.push({ path, padding: request.headers['add-padding'] as string | undefined });
      answerWith(response, path.slice('/range/'.length));
    }).listen(0, '127.0.0.1');
    await once(service, 'listening');
    rangeService = `http://127.0.0.1:${(service.address() as AddressInfo).port}/range/`;
  });

  afterAll(() => {
    service.closeAllConnections();
    service.close();
  });

  async function openWithService(answer: typeof answerWith): Promise<TestApp> {
    [asked, answerWith] = [[], answer];
    return open({ passwords: { rangeService } });
  }

  const range: typeof answerWith = (response, prefix) => {
    const own = prefix === digest.slice(0, 5) ? `${digest.slice(5)}:4711\r\n` : '';
    response.end(`${'0'.repeat(35)}:3\r\n${own}${'F'.repeat(35)}:0`);
  };

  test('refuses what it knows, and learns five digits of the SHA-1 and nothing else', async () => {
    const app = await openWithService(range);
    expect(await register(app, breached)).toBe('400 password password_breached');
    expect(asked).toEqual([{ path: `/range/${digest.slice(0, 5)}`, padding: 'true' }]);
    expect(await register(app, 'nanoseconds of wire')).toBe('201');
  });

  test('is not asked about what is refused anyway', async () => {
    const app = await openWithService(range);
    expect(await register(app, 'Password123')).toBe('400 password password_common');
    expect(asked).toEqual([]);
  });

  test('does not count a line that only pads', async () => {
    const app = await openWithService((response) => response.end(`${digest.slice(5)}:0`));
    expect(await register(app, breached)).toBe('201');
  });

  test.each<[string, typeof answerWith]>([
    ['answers an error', (response) => response.writeHead(503).end()],
    ['cuts the connection', (response) => response.destroy()],
    ['sends somewhere else', (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()],
    ['does not stop', (response) => response.end('x'.repeat(600_000))],
    ['hangs', () => undefined],
  ])('that %s keeps nobody out, and the log says so without the password', async (_, answer) => {
    const app = await openWithService(answer);
    expect(await register(app, breached)).toBe('201');
    const warnings = app.log.filter(({ message }) => message.includes('range service'));
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(app.log)).not.toContain(breached);
    expect(JSON.stringify(app.log)).not.toContain(digest);
  });

  test.each([
    'http://ranges.example/',
    'https://ranges.example',
    'https://ranges.example/range',
    'file:///etc/passwd/',
    'https://ranges.example/?q=/',
  ])('at %s is refused at the start', async (url) => {
    await expect(open({ passwords: { rangeService: url as never } })).rejects.toThrow(/passwords.rangeService/);
  });
});
