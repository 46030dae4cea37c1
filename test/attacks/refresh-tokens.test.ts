/**
 * The attacker has a copy of a refresh token, or makes one up, bends one, replays one, races with one, or brings one from elsewhere.
 *
 * Proves: ASVS 5.0 V7.4, V10.4.5 (replay of refresh tokens); CVE-2026-1035, CVE-2026-53517 (rotation that is not atomic),
 * CVE-2026-9802 (reuse across a restart). The table of sessions.md itself is in `test/journeys/refresh-table.test.ts`.
 */
import { DatabaseSync } from '@photostructure/sqlite';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { overEachCarrier, withApp } from '../support/over-each-carrier.js';
import { startApp, type TestApp } from '../support/start-app.js';

overEachCarrier('a refresh token', (at) => {
  const refreshWith = (app: TestApp, refreshToken: string): Promise<string> =>
    app
      .client({ origin: null })
      .post('/api/auth/refresh', { refreshToken })
      .then(({ outcome }) => outcome);

  test('with any byte changed, cut, padded or in another encoding is refused and harms nobody (R-17)', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    const token = program.currentRefreshToken;
    const bytes = Buffer.from(token.slice(4), 'base64url');
    const bent = [...bytes.keys()].map((index) => {
      const copy = Buffer.from(bytes);
      copy[index] = copy[index]! ^ (1 << (index % 8));
      return `csr_${copy.toString('base64url')}`;
    });
    const others = [
      `${token}=`,
      `${token}A`,
      token.slice(0, -1),
      token.slice(0, 60),
      token.slice(4),
      `CSR_${token.slice(4)}`,
      `csr_csr_${token.slice(4)}`,
      ` ${token}`,
      `${token} `,
      `${token}\n`,
      `csr_${bytes.toString('base64')}`,
      `csr_${bytes.toString('hex')}`,
      'csr_',
      'csr_A',
      '',
      ' ',
      `csr_${'A'.repeat(94)}`,
      `${token}.${token}`,
      `csr_${'A'.repeat(900)}`,
    ];
    for (const made of [...bent, ...others])
      expect(await refreshWith(app, made), made.slice(0, 20)).toMatch(/^401 refresh_token_(invalid|missing)$/);
    for (const value of [null, 1, true, [token], { token }, 'x'.repeat(1025)]) {
      const answer = await app.client({ origin: null }).post('/api/auth/refresh', { refreshToken: value });
      expect(answer.outcome, JSON.stringify(value).slice(0, 20)).toBe('400 invalid_request');
    }
    expect((await program.refresh()).status).toBe(200);
    expect(app.eventsOf(program.sessionId)).toEqual(['login.succeeded']);
  });

  test('of another deployment is refused (R-09)', async () => {
    const { app } = at;
    const other = await startApp();
    try {
      expect(await refreshWith(app, (await other.signedIn({ delivery: 'bearer' })).currentRefreshToken)).toBe('401 refresh_token_invalid');
    } finally {
      await other.stop();
    }
  });

  test('asks for nothing beside: scope, audience, role and user in the body are refused (R-09, R-10)', async () => {
    const { app } = at;
    const program = await app.signedIn({ delivery: 'bearer' });
    for (const extra of ['scope', 'audience', 'resource', 'roles', 'userId', 'client_id', 'grant_type', 'delivery', 'remember']) {
      const answer = await program.post('/api/auth/refresh', { refreshToken: program.currentRefreshToken, [extra]: 'admin' });
      expect(answer.outcome, extra).toBe('400 invalid_request');
    }
    expect((await program.refresh()).json.user.roles).toEqual(['user']);
  });

  test("stolen and used first: the victim's next one ends the session for both, and that is reported (R-05)", async () => {
    const { app } = at;
    const victim = await app.signedIn({ delivery: 'bearer' });
    const thief = victim.copy();
    await thief.refresh();
    await app.advance({ minutes: 2 });
    await thief.refresh();
    await app.advance({ minutes: 2 });
    expect((await victim.refresh()).outcome).toBe('401 refresh_token_replayed');
    for (const holder of [victim, thief]) {
      expect((await holder.get('/hello')).outcome).toBe('401 session_revoked');
      expect((await holder.refresh()).outcome).toBe('401 session_revoked');
    }
    expect(app.events.find(({ type, sessionId }) => type === 'session.replayed' && sessionId === victim.sessionId)).toMatchObject({
      userId: victim.userId,
    });
  });

  test('stolen and used after the victim has moved on ends the session; the thief gains nothing by trying again (R-01, R-20)', async () => {
    const { app } = at;
    const victim = await app.signedIn();
    const thief = victim.copy();
    for (let count = 0; count < 3; count += 1) {
      await victim.refresh();
      await app.advance({ minutes: 2 });
    }
    expect((await thief.copy().refresh()).outcome).toBe('401 refresh_token_replayed');
    const events = app.events.length;
    for (let attempt = 0; attempt < 5; attempt += 1) expect((await thief.copy().refresh()).outcome).toBe('401 session_revoked');
    expect(app.events, 'no flood of alarms').toHaveLength(events);
    expect((await victim.login(victim.user!)).status, 'and the victim can log in again').toBe(200);
    expect((await thief.copy().refresh()).outcome).toBe('401 session_revoked');
    expect((await victim.get('/hello')).status, 'undisturbed by what the thief goes on doing').toBe(200);
  });

  test('of a thief who keeps pace inside the window shares one lineage, and dies with the next step-up (R-05)', async () => {
    const { app } = at;
    const victim = await app.signedIn();
    const thief = victim.copy();
    for (let round = 0; round < 3; round += 1) {
      await victim.refresh();
      await thief.refresh();
      expect(thief.currentRefreshToken).toBe(victim.currentRefreshToken);
      await app.advance({ seconds: 30 });
    }
    await victim.signInAgain('/auth/reauthenticate', { password: victim.user!.password });
    expect((await thief.refresh()).outcome).toBe('401 session_revoked');
    expect((await thief.get('/hello')).outcome).toBe('401 session_revoked');
    expect((await victim.refresh()).status).toBe(200);
  });

  test('whose session row is gone is refused (R-14)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const database = new DatabaseSync(app.file);
    database.exec('PRAGMA busy_timeout = 5000');
    database.prepare('DELETE FROM sessions WHERE id = ?').run(page.sessionId);
    database.close();
    expect((await page.refresh()).outcome).toBe('401 refresh_token_invalid');
    expect((await page.get('/api/auth/session')).json).toEqual({ user: null, session: null });
    expect((await page.post('/api/auth/password', { currentPassword: 'x', newPassword: 'a new long password' })).outcome).toBe(
      '401 session_revoked',
    );
  });

  test('racing with the end of its session never outlives it (R-06)', async () => {
    const { app } = at;
    for (let round = 0; round < 5; round += 1) {
      const page = await app.signedIn();
      const tabs = Array.from({ length: 8 }, () => page.copy());
      const [, ...answers] = await Promise.all([page.copy().logout(), ...tabs.map((tab) => tab.refresh())]);
      expect(answers.every(({ outcome }) => outcome === '200' || outcome === '401 session_revoked')).toBe(true);
      for (const tab of tabs) {
        expect((await tab.refresh()).outcome).toBe('401 session_revoked');
        expect((await tab.get('/hello')).outcome).toBe('401 session_revoked');
      }
    }
  });

  test('racing with a password change never outlives it, nor does a login with the old password (R-06)', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const tabs = Array.from({ length: 5 }, () => page.copy());
    const logins = Array.from({ length: 5 }, () => app.client());
    const change = page.signInAgain('/auth/password', { currentPassword: page.user!.password, newPassword: 'a new long password' });
    await Promise.all([change, ...tabs.map((tab) => tab.refresh()), ...logins.map((client) => client.login(page.user!))]);
    expect((await change).status).toBe(200);
    for (const holder of [...tabs, ...logins]) expect((await holder.get('/hello')).status).toBe(401);
    expect((await page.get('/api/auth/sessions')).json.items).toHaveLength(1);
    expect((await page.get('/hello')).status).toBe(200);
  });
});

describe('five hundred tabs that wake up at once (R-16)', () => {
  const at = withApp();
  test('are all served, by one rotation', async () => {
    const { app } = at;
    const page = await app.signedIn();
    await app.advance({ hours: 8 });
    const tabs = Array.from({ length: 500 }, () => page.copy());
    const answers = await Promise.all(tabs.map((tab) => tab.refresh()));
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['200']));
    expect(new Set(tabs.map((tab) => tab.currentRefreshToken)).size).toBe(1);
    const { session } = (await app.internals.core.store.sessions.find(page.sessionId))!;
    expect(session.generation).toBe(1);
  });
});

describe('across a restart', () => {
  test('a replay is still recognised, what was ended stays ended, and honest people stay in (CVE-2026-9802)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    const file = join(folder, 'auth.db');
    const first = await startApp({ file });
    const [honest, replayed, ended] = [await first.signedIn(), await first.signedIn(), await first.signedIn()];
    const stolen = replayed.copy();
    const copied = ended.copy();
    await replayed.refresh();
    await replayed.refresh();
    await ended.logout();
    await first.advance({ minutes: 2 });
    const { core } = first.internals;
    const startAt = first.now;
    await first.stop();

    const { masterSecret } = await import('countersign');
    const second = await startApp({ file, startAt, secret: masterSecret(first.secret) });
    try {
      expect(second.internals.core.ring().version).toBe(core.ring().version);
      const present = async (client: typeof honest): Promise<string> => (await Object.assign(client, { app: second }).refresh()).outcome;
      expect((await Object.assign(copied, { app: second }).get('/hello')).outcome, 'an access token that was revoked before').toBe(
        '401 session_revoked',
      );
      expect(await present(copied)).toBe('401 session_revoked');
      expect(await present(stolen)).toBe('401 refresh_token_replayed');
      expect(await present(replayed)).toBe('401 session_revoked');
      expect(await present(honest)).toBe('200');
    } finally {
      await second.stop();
      await rm(folder, { recursive: true });
    }
  });
});

describe('after a backup was restored (R-08)', () => {
  test('an older truth serves nobody wrongly: restoring ends every session and voids every token', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    const app = await startApp({ file: join(folder, 'auth.db') });
    try {
      const page = await app.signedIn();
      const copy = join(folder, 'backup.db');
      const database = new DatabaseSync(app.file);
      database.exec(`VACUUM INTO '${copy}'`);
      database.close();
      await page.refresh();
      const gone = await app.signedIn();
      const { core } = app.internals;
      await cp(copy, join(folder, 'restored.db'));
      const { masterSecret } = await import('countersign');
      const restored = await startApp({ file: join(folder, 'restored.db'), startAt: core.clock.now(), secret: masterSecret(app.secret) });
      try {
        await restored.internals.core.store.restoreEpoch();
        await restored.internals.core.keys.refresh();
        for (const holder of [page.copy(), gone.copy()]) {
          Object.assign(holder, { app: restored });
          expect((await holder.get('/hello')).outcome).toBe('401 token_expired');
          expect((await holder.refresh()).outcome).toMatch(/^401 (session_revoked|refresh_token_invalid)$/);
        }
        const again = restored.client();
        expect((await again.login(page.user!)).status).toBe(200);
        expect((await again.get('/hello')).status).toBe(200);
      } finally {
        await restored.stop();
      }
    } finally {
      await app.stop();
      await rm(folder, { recursive: true });
    }
  });
});
