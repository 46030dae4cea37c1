/** The Express example, started as a child process where it stands in the repository. Its README is walked through in `test/docs`. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../docs/browser.js';
import { root } from '../docs/markdown.js';
import { openStage, type Stage } from '../docs/stage.js';
import { typeProblems } from '../docs/type-check.js';

const password = 'correct horse battery';
let stage: Stage;

beforeAll(async () => {
  stage = await openStage('express-api');
});

afterAll(async () => {
  await stage.close();
});

async function signUp(username: string): Promise<Browser> {
  const browser = new Browser(`http://localhost:${stage.port}`);
  expect(await browser.send('POST', '/register', { username, password })).toMatchObject({ status: 201, body: { user: { username } } });
  expect(await browser.send('POST', '/login', { username, password })).toMatchObject({ status: 200, body: { user: { username } } });
  return browser;
}

function countersign(...args: readonly string[]): void {
  const env = { ...process.env, PORT: String(stage.port), COUNTERSIGN_DATA: join(stage.folder, 'data') };
  execFileSync(process.execPath, [join(root, 'bin/countersign.js'), ...args], { cwd: stage.folder, env });
}

const refused = (status: number, code: string): object => ({ status, body: { status, code } });

describe('the Express example', () => {
  it('type-checks', { timeout: 60_000 }, () => {
    expect(typeProblems([], [join(root, 'examples/express-api/server.js')])).toEqual([]);
  });

  it('lets everybody read what is public, and nothing else', async () => {
    const guest = new Browser(`http://localhost:${stage.port}`);
    expect(await guest.send('GET', '/api/users/public')).toMatchObject({ status: 200 });
    for (const path of ['/profile', '/api/users', '/api/users/all', '/api/notes']) {
      expect(await guest.send('GET', path), path).toMatchObject(refused(401, 'token_missing'));
    }
    expect(await guest.send('POST', '/api/notes', { text: 'Buy milk' })).toMatchObject(refused(401, 'token_missing'));
    expect(await guest.send('GET', '/nowhere')).toMatchObject({ status: 404 });
  });

  it('shows each user his own data', async () => {
    const [carol, dave] = await Promise.all([signUp('carol'), signUp('dave')]);
    expect(await carol.send('GET', '/profile')).toMatchObject({ status: 200, body: { user: { username: 'carol', roles: ['user'] } } });
    expect(await dave.send('GET', '/api/users')).toMatchObject({ status: 200, body: { roles: ['user'] } });
    expect(await carol.send('POST', '/api/notes', { text: 'Buy milk' })).toMatchObject({ status: 201 });
    expect(await carol.send('GET', '/api/notes')).toMatchObject({ status: 200, body: { notes: ['Buy milk'] } });
    expect(await dave.send('GET', '/api/notes')).toMatchObject({ status: 200, body: { notes: [] } });
    expect(await carol.send('POST', '/api/notes', {})).toMatchObject({ status: 400 });
  });

  it('shows all users to an administrator, from the next refresh on, and to no one else', async () => {
    const [erin, frank] = await Promise.all([signUp('erin'), signUp('frank')]);
    expect(await erin.send('GET', '/api/users/all')).toMatchObject(refused(403, 'insufficient_role'));
    countersign('user', 'role', 'erin', '--add', 'admin');
    await expect
      .poll(() => erin.send('GET', '/api/users/all'), { interval: 100, timeout: 5000 })
      .toMatchObject(refused(401, 'token_expired'));
    expect(await erin.send('POST', '/refresh')).toMatchObject({ status: 200, body: { user: { roles: ['user', 'admin'] } } });
    const all = await erin.send('GET', '/api/users/all');
    expect(all.status).toBe(200);
    expect((all.body as { items: { username: string }[] }).items.map(({ username }) => username)).toEqual(
      expect.arrayContaining(['erin', 'frank']),
    );
    expect(await frank.send('GET', '/api/users/all')).toMatchObject(refused(403, 'insufficient_role'));
  });

  it('refuses forged requests and what is no JSON', async () => {
    const grace = await signUp('grace');
    const forged = await grace.fetch('/api/notes', {
      method: 'POST',
      body: '{"text":"x"}',
      headers: { 'Content-Type': 'application/json' },
    });
    expect([forged.status, await forged.json()]).toMatchObject([403, { code: 'csrf_failed' }]);
    const malformed = await new Browser(grace.origin).fetch('/login', {
      method: 'POST',
      body: '{"username":',
      headers: { 'Content-Type': 'application/json' },
    });
    expect([malformed.status, await malformed.json()]).toMatchObject([400, { code: 'invalid_request' }]);
  });

  it('logs out', async () => {
    const heidi = await signUp('heidi');
    expect(await heidi.send('POST', '/logout')).toMatchObject({ status: 200 });
    expect(await heidi.send('GET', '/profile')).toMatchObject(refused(401, 'token_missing'));
    expect(await heidi.send('POST', '/refresh')).toMatchObject(refused(401, 'refresh_token_missing'));
  });
});
