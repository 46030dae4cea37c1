/** Every row of the table by which a refresh is judged, each met exactly at its boundary. */
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import type { HttpAnswer } from '../support/http.js';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import type { TestApp } from '../support/start-app.js';

/** Presents what a client held at some time before, as a second tab or a thief would. */
async function presentAgain(held: Client): Promise<HttpAnswer> {
  return held.copy().refresh();
}

async function rotated(app: TestApp, times: number): Promise<{ page: Client; earlier: Client[] }> {
  const page = await app.signedIn();
  const earlier: Client[] = [];
  for (let count = 0; count < times; count += 1) {
    earlier.push(page.copy());
    await page.refresh();
  }
  return { page, earlier };
}

function expectEnded(app: TestApp, page: Client, answer: HttpAnswer): void {
  expect(answer.outcome).toBe('401 refresh_token_replayed');
  expect(answer.setCookies, 'a refusal clears nothing').toEqual([]);
  expect(app.eventsOf(page.sessionId)).toContain('session.replayed');
  expect(app.log.filter(({ facts }) => facts['sessionId'] === page.sessionId && facts['event'] === 'session.replayed')).toMatchObject([
    { level: 'warn' },
  ]);
}

overEachCarrier('a refresh token', (at) => {
  test('that is current is rotated; the access token before it stays valid to its own end', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const before = page.copy();
    expect((await page.refresh()).status).toBe(200);
    expect(page.currentRefreshToken).not.toBe(before.currentRefreshToken);
    expect((await before.get('/hello')).status).toBe(200);
    await app.advance({ minutes: 15, ms: -1 });
    expect((await before.get('/hello')).status).toBe(200);
    await app.advance({ ms: 1 });
    expect((await before.get('/hello')).outcome).toBe('401 token_expired');
  });

  test('that is presented twice within the window gets the very same successor', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 1);
    await app.advance({ seconds: 60 });
    const tab = earlier[0]!.copy();
    expect((await tab.refresh()).status, 'the window is inclusive').toBe(200);
    expect(tab.currentRefreshToken).toBe(page.currentRefreshToken);
    expect((await tab.get('/hello')).status).toBe(200);
    expect((await page.refresh()).status, 'nobody is out').toBe(200);
    expect(app.eventsOf(page.sessionId)).toEqual(['login.succeeded']);
  });

  test('that comes one millisecond after the window is served as a late double, reported, once', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 1);
    await app.advance({ seconds: 60, ms: 1 });
    const back = earlier[0]!.copy();
    expect((await back.refresh()).status).toBe(200);
    expect(back.currentRefreshToken).toBe(page.currentRefreshToken);
    expect(app.eventsOf(page.sessionId)).toEqual(['login.succeeded', 'session.late_double']);
    expectEnded(app, page, await presentAgain(earlier[0]!));
    expect((await page.get('/hello')).outcome).toBe('401 session_revoked');
  });

  test('that was retired within the window by two rotations is asked to wait: nothing is handed out, nobody is out', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 2);
    await app.advance({ seconds: 60 });
    const straggler = await presentAgain(earlier[0]!);
    expect(straggler.outcome).toBe('409 refresh_superseded');
    expect(straggler.setCookies).toEqual([]);
    expect(straggler.text).not.toMatch(/csr_|accessToken|csrfToken/);
    expect((await page.refresh()).status).toBe(200);
    expect(app.eventsOf(page.sessionId)).toEqual(['login.succeeded']);
  });

  test('that was retired longer ago by two rotations is a replay: the session ends and its access token is refused at once', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 2);
    const access = page.currentAccessToken;
    await app.advance({ seconds: 60, ms: 1 });
    expectEnded(app, page, await presentAgain(earlier[0]!));
    expect((await page.presentAccessToken(access)).outcome).toBe('401 session_revoked');
    expect((await page.refresh()).outcome, 'the newest token too').toBe('401 session_revoked');
    expect(page.jar.all, 'cookies are still there, for no refusal clears any').toHaveLength(3);
    expect((await presentAgain(earlier[0]!)).outcome, 'and replaying it again changes nothing').toBe('401 session_revoked');
    expect(app.eventsOf(page.sessionId).filter((type) => type === 'session.replayed')).toHaveLength(1);
  });

  test('presented a hundred times at once gives one successor, and nobody is out', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const tabs = Array.from({ length: 100 }, () => page.copy());
    const answers = await Promise.all(tabs.map((tab) => tab.refresh()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(new Set(tabs.map((tab) => tab.currentRefreshToken)).size).toBe(1);
    expect(tabs[0]!.currentRefreshToken).not.toBe(page.currentRefreshToken);
    expect((await tabs[99]!.refresh()).status).toBe(200);
    expect((await tabs[0]!.get('/hello')).status).toBe(200);
    expect(app.eventsOf(page.sessionId)).toEqual(['login.succeeded']);
  });
});

describe('late doubles', () => {
  const at = withApp();

  test('are not served in two consecutive generations', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 1);
    await app.advance({ minutes: 2 });
    expect((await presentAgain(earlier[0]!)).status).toBe(200);
    const second = page.copy();
    await page.refresh();
    await app.advance({ minutes: 2 });
    expectEnded(app, page, await presentAgain(second));
  });

  test('of two tabs that wake up together are one, and both go on with the same successor', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 1);
    await app.advance({ hours: 1 });
    const held = earlier[0]!;
    const headers = { cookie: held.jar.header ?? '', origin: app.publicUrl, 'x-csrf-token': held.csrf ?? '' };
    const wakeUp = (): Promise<Response> => app.auth.fetch(new Request(`${app.publicUrl}/api/auth/refresh`, { method: 'POST', headers }));
    const answers = await Promise.all([wakeUp(), wakeUp(), wakeUp()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const successors = answers.map(
      (answer) =>
        answer.headers
          .getSetCookie()
          .find((line) => line.includes('refresh='))
          ?.split(';')[0],
    );
    expect(new Set(successors)).toEqual(new Set([`${app.cookie('refresh')}=${page.currentRefreshToken}`]));
    expect(app.eventsOf(page.sessionId).filter((type) => type === 'session.late_double')).toHaveLength(1);
  });

  test('are served again two generations later', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 1);
    await app.advance({ minutes: 2 });
    expect((await presentAgain(earlier[0]!)).status).toBe(200);
    await page.refresh();
    const later = page.copy();
    await page.refresh();
    await app.advance({ minutes: 2 });
    expect((await presentAgain(later)).status).toBe(200);
    expect(app.eventsOf(page.sessionId).filter((type) => type === 'session.late_double')).toHaveLength(2);
  });

  test('do not extend the idle timeout', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 1);
    await app.advance({ days: 6 });
    const late = await presentAgain(earlier[0]!);
    expect(late.status).toBe(200);
    expect(late.setCookies.find((line) => line.startsWith('__Host-cs-refresh'))).toContain('Max-Age=86400;');
    const held = page.currentRefreshToken;
    await app.advance({ days: 1 });
    page.jar.plant(app.cookie('refresh'), held);
    expect((await page.refresh()).outcome).toBe('401 refresh_token_expired');
  });
});

describe("with lateDouble: 'never'", () => {
  const at = withApp({ session: { lateDouble: 'never' } });

  test('the boundary of the window is the boundary of the session', async () => {
    const { app } = at;
    const inside = await rotated(app, 1);
    const outside = await rotated(app, 1);
    await app.advance({ seconds: 60 });
    expect((await presentAgain(inside.earlier[0]!)).status).toBe(200);
    await app.advance({ ms: 1 });
    expectEnded(app, outside.page, await presentAgain(outside.earlier[0]!));
  });
});

describe('after the store lost its last moments', () => {
  const at = withApp();

  /** As a replica does that was promoted before it had the last commits. */
  function loseGenerations(app: TestApp, sessionId: string, count: number): void {
    const database = new DatabaseSync(app.file);
    database.exec('PRAGMA busy_timeout = 5000');
    database
      .prepare("UPDATE sessions SET generation = generation - :count, retired_at = NULL, retirements = '' WHERE id = :id")
      .run({ count, id: sessionId });
    database.close();
  }

  test.each([1, 2])('a genuine token %i generation(s) ahead goes on from its own generation, and that is reported', async (lost) => {
    const { app } = at;
    const { page } = await rotated(app, 4);
    const twin = page.copy();
    await twin.refresh();
    loseGenerations(app, page.sessionId, lost + 1);
    expect((await page.refresh()).status).toBe(200);
    expect(page.currentRefreshToken, 'the successor is a function of what was presented').toBe(twin.currentRefreshToken);
    expect(app.eventsOf(page.sessionId)).toEqual(['login.succeeded', 'session.fast_forwarded']);
    expect((await page.refresh()).status).toBe(200);
    expect((await presentAgain(page)).status).toBe(200);
  });

  test('a token further ahead is refused, and the session lives', async () => {
    const { app } = at;
    const { page, earlier } = await rotated(app, 4);
    loseGenerations(app, page.sessionId, 3);
    const answer = await presentAgain(page);
    expect(answer.outcome).toBe('401 refresh_token_invalid');
    expect(answer.setCookies).toEqual([]);
    expect((await presentAgain(earlier[1]!)).status).toBe(200);
  });
});

describe('a session', () => {
  const at = withApp();

  test('ends seven days after its last use, to the millisecond, and the browser forgets its cookies at the same moment', async () => {
    const { app } = at;
    const [inTime, tooLate] = [await app.signedIn(), await app.signedIn()];
    await app.advance({ days: 7, ms: -1 });
    expect((await inTime.refresh()).status).toBe(200);
    const held = tooLate.currentRefreshToken;
    await app.advance({ ms: 1 });
    expect(tooLate.jar.all).toEqual([]);
    tooLate.jar.plant(app.cookie('refresh'), held);
    expect((await tooLate.refresh()).outcome).toBe('401 refresh_token_expired');
  });

  test('of a program ends after the same time, and nothing is reported', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    await app.advance({ days: 7 });
    expect((await program.refresh()).outcome).toBe('401 refresh_token_expired');
    expect(app.eventsOf(program.sessionId)).toEqual(['login.succeeded']);
  });

  test('ends 30 days after login whatever happens; neither cookie nor access token outlives it', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    const page = await app.signedIn();
    for (let week = 0; week < 4; week += 1) {
      await app.advance({ days: 6 });
      await program.refresh();
      await page.refresh();
    }
    await app.advance({ days: 5, hours: 23, minutes: 50 });
    const last = await page.refresh();
    expect(last.json).toMatchObject({ expiresIn: 600 });
    expect(last.setCookies.every((line) => line.includes('Max-Age=600;'))).toBe(true);
    await app.advance({ minutes: 10, ms: -1 });
    expect((await page.get('/hello')).status).toBe(200);
    expect((await program.copy().refresh()).status).toBe(200);
    await app.advance({ ms: 1 });
    expect((await program.refresh()).outcome).toBe('401 refresh_token_expired');
    expect((await page.presentAccessToken(program.currentAccessToken)).outcome).toBe('401 token_expired');
  });
});

describe('sessions of one user', () => {
  const at = withApp({ session: { maxPerUser: 5 } });

  test('are capped in number: of five and one more, the least recently used ends', async () => {
    const { app } = at;
    const user = await app.createUser();
    const clients = Array.from({ length: 6 }, () => app.client());
    for (const client of clients.slice(0, 5)) {
      await client.login(user);
      await app.advance({ seconds: 1 });
    }
    await clients[0]!.refresh();
    await clients[5]!.login(user);
    const outcomes = await Promise.all(clients.map(async (client) => (await client.get('/hello')).outcome));
    expect(outcomes).toEqual(['200', '401 session_revoked', '200', '200', '200', '200']);
  });
});
