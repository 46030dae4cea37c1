/** Several processes on one database file, each with settings and a clock of its own: what one issues or revokes, the others know. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthError, masterSecret, newSecret, type AuthOptions } from 'countersign';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApp, type TestApp } from '../support/start-app.js';

const secret = masterSecret(newSecret());
const now = 1_800_000_000_000;
/** How far the clock that a token was issued by may be ahead. */
const toleranceSeconds = 600;

let folder: string;
let apps: TestApp[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  apps = [];
});

afterEach(async () => {
  await Promise.all(apps.map((app) => app.stop()));
  await rm(folder, { recursive: true });
});

/** One more process on the file; its clock is `ahead` by so many seconds. */
async function start({ accessTtl = '15m', ahead = 0 }: { accessTtl?: '15m' | '2h'; ahead?: number } = {}): Promise<TestApp> {
  const tokens: NonNullable<AuthOptions['tokens']> = { accessTtl };
  const app = await startApp({ file: join(folder, 'auth.db'), secret, tokens, startAt: now + ahead * 1000 });
  apps.push(app);
  return app;
}

function outcomeOf({ auth }: TestApp, accessToken: string): string {
  try {
    return auth.getPrincipal({ headers: { authorization: `Bearer ${accessToken}` } }).userId;
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}

test('a process that runs accepts the tokens of one that was started with a longer life, and keeps their signing keys for as long', async () => {
  const older = await start();
  const newer = await start({ accessTtl: '2h' });
  const { accessToken, userId } = await newer.signedIn({ delivery: 'bearer' });
  await older.advance({});
  expect(outcomeOf(older, accessToken!)).toBe(userId);

  await older.auth.keys.rotate();
  await older.advance({ minutes: 119 });
  await older.internals.core.keys.refresh();
  expect(outcomeOf(older, accessToken!)).toBe(userId);
});

test('a process that runs writes revocations that outlive the tokens of one that was started with a longer life', async () => {
  const older = await start();
  const newer = await start({ accessTtl: '2h' });
  const { accessToken, sessionId } = await newer.signedIn({ delivery: 'bearer' });
  await older.auth.sessions.end(sessionId);
  const later = await start({ accessTtl: '2h', ahead: 119 * 60 });
  expect(outcomeOf(later, accessToken!)).toBe('session_revoked');
});

test('a revocation outlives the token, though the issuer has a clock that is ahead and the revoker one that is behind', async () => {
  const behind = await start({ ahead: -toleranceSeconds });
  const ahead = await start({ ahead: toleranceSeconds });
  const { accessToken, sessionId, userId } = await ahead.signedIn({ delivery: 'bearer' });
  expect(outcomeOf(await start(), accessToken!)).toBe(userId);
  await behind.auth.sessions.end(sessionId);
  const untilItExpires = toleranceSeconds + 15 * 60;
  expect(outcomeOf(await start({ ahead: untilItExpires - 1 }), accessToken!)).toBe('session_revoked');
  expect(outcomeOf(await start({ ahead: untilItExpires }), accessToken!)).toBe('token_expired');
});

test('what a process knows of revocations can be read, and how long those of another took', async () => {
  const [one, other] = [await start(), await start()];
  const { sessionId } = await one.signedIn();
  expect(one.auth.revocations.status()).toMatchObject({ entries: 0, isFresh: true, propagation: { count: 0, p99Milliseconds: null } });
  await one.auth.sessions.end(sessionId);
  await other.advance({});
  expect(one.auth.revocations.status()).toMatchObject({ entries: 1, propagation: { count: 0 } });
  const { ageMilliseconds, ...status } = other.auth.revocations.status();
  expect(status).toMatchObject({ entries: 1, isFresh: true, propagation: { count: 1, p50Milliseconds: 0, p99Milliseconds: 0 } });
  expect(ageMilliseconds).toBeLessThan(5000);
  other.jump(60);
  expect(other.auth.revocations.status()).toMatchObject({ isFresh: false });
});

test('a process that has refused a session once, because the store told it, lets it in nowhere afterwards', async () => {
  const [one, other] = [await start(), await start()];
  const victim = await one.signedIn({ delivery: 'bearer' });
  await one.auth.sessions.end(victim.sessionId);
  const refresh = new Request('https://app.example.test/api/auth/refresh', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: victim.refreshToken }),
  });
  expect((await other.auth.fetch(refresh, { remoteAddress: null })).status).toBe(401);
  expect(outcomeOf(other, victim.accessToken!)).toBe('session_revoked');
});
