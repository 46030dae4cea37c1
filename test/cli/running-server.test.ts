/** What the command line changes holds in a server that runs, without a word between the two but the database. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServerHome, type ServerProcess } from '../server/server-process.js';
import { send, type HttpAnswer } from '../support/http.js';

const password = 'correct horse battery staple';

let place: ServerHome;
let server: ServerProcess;

beforeEach(async () => {
  place = await ServerHome.open();
  server = await place.start();
  expect(
    (await command(['user', 'create', '--username', 'ada', '--role', 'user', '--role', 'admin', '--password-stdin'], password)).code,
  ).toBe(0);
  expect((await command(['user', 'create', '--username', 'bob', '--password-stdin'], password)).code).toBe(0);
});

afterEach(() => place.close());

function command(args: readonly string[], input?: string): ReturnType<ServerHome['run']> {
  return place.run(args, input === undefined ? {} : { input });
}

interface Holder {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly sessionId: string;
}

function login(identifier: string, its = password): Promise<HttpAnswer> {
  const body = JSON.stringify({ identifier, password: its, delivery: 'bearer', deviceName: `phone of ${identifier}` });
  return send({ port: place.port, method: 'POST', path: '/api/auth/login', headers: [['content-type', 'application/json']], body });
}

async function signIn(identifier: string): Promise<Holder> {
  const { accessToken, refreshToken, session } = (await login(identifier)).json as Holder & { readonly session: { readonly id: string } };
  return { accessToken, refreshToken, sessionId: session.id };
}

async function profile({ accessToken }: Holder): Promise<string> {
  return (await send({ port: place.port, path: '/api/users/me', headers: [['authorization', `Bearer ${accessToken}`]] })).outcome;
}

/** The first answer that is another than 200, within two seconds. */
async function refusalOf(holder: Holder): Promise<string> {
  const until = performance.now() + 2000;
  for (;;) {
    const outcome = await profile(holder);
    if (outcome !== '200' || performance.now() > until) return outcome;
    await pause(20);
  }
}

async function refresh({ refreshToken }: Holder): Promise<HttpAnswer> {
  const headers = [['content-type', 'application/json']] as const;
  return send({ port: place.port, method: 'POST', path: '/api/auth/refresh', headers, body: JSON.stringify({ refreshToken }) });
}

describe('within two seconds, a server that runs', () => {
  test('refuses the token of a user who was disabled, and of no other', async () => {
    const [ada, bob] = [await signIn('ada'), await signIn('bob')];
    expect([await profile(ada), await profile(bob)]).toEqual(['200', '200']);

    expect(await command(['user', 'disable', 'bob'])).toEqual({ code: 0, output: 'bob is disabled; all sessions have ended.\n' });
    expect(await refusalOf(bob)).toBe('401 session_revoked');
    expect((await refresh(bob)).outcome).toBe('403 account_disabled');
    expect((await login('bob')).outcome).toBe('401 invalid_credentials');
    expect(await profile(ada)).toBe('200');

    expect((await command(['user', 'enable', 'bob'])).code).toBe(0);
    expect((await login('bob')).status).toBe(200);
  });

  test('refuses the token of one session that was revoked; the others of the user live on', async () => {
    const [phone, laptop] = [await signIn('bob'), await signIn('bob')];
    const { output } = await command(['session', 'list', 'bob', '--json']);
    const { items } = JSON.parse(output) as { items: { id: string; device: string }[] };
    expect(items).toHaveLength(2);
    expect(items[0]).toMatchObject({ device: 'phone of bob', delivery: 'bearer' });

    expect(await command(['session', 'revoke', phone.sessionId])).toEqual({ code: 0, output: 'The session has ended.\n' });
    expect(await refusalOf(phone)).toBe('401 session_revoked');
    expect(await profile(laptop)).toBe('200');
    const again = await command(['session', 'revoke', phone.sessionId]);
    expect(again).toEqual({ code: 1, output: 'There is no such session, or it has ended already.\n' });

    expect(await command(['session', 'revoke', '--user', 'bob'])).toEqual({ code: 0, output: 'All sessions of bob have ended.\n' });
    expect(await refusalOf(laptop)).toBe('401 session_revoked');
  });

  test('has tokens with other roles renewed, and lets in who was made an administrator', async () => {
    const bob = await signIn('bob');
    expect((await command(['user', 'role', 'bob', '--add', 'admin'])).code).toBe(0);
    expect(await refusalOf(bob)).toBe('401 token_expired');
    const { accessToken } = (await refresh(bob)).json as Holder;
    expect((await send({ port: place.port, path: '/api/admin/users', headers: [['authorization', `Bearer ${accessToken}`]] })).status).toBe(
      200,
    );
  });

  test('refuses the old password and the old sessions when another password was set', async () => {
    const bob = await signIn('bob');
    const { code } = await command(['user', 'password', 'bob', '--password-stdin'], 'another horse entirely\n');
    expect(code).toBe(0);
    expect(await refusalOf(bob)).toBe('401 session_revoked');
    expect((await login('bob')).status).toBe(401);
    expect((await login('bob', 'another horse entirely')).status).toBe(200);
  });

  test('refuses the token of a user who was deleted', async () => {
    const bob = await signIn('bob');
    expect((await command(['user', 'delete', 'bob', '--yes'])).code).toBe(0);
    expect(await refusalOf(bob)).toBe('401 session_revoked');
  });

  test('lets every token of a compromised key be renewed', async () => {
    const [ada, bob] = [await signIn('ada'), await signIn('bob')];
    expect((await command(['keys', 'rotate', '--compromised'])).code).toBe(0);
    expect(await refusalOf(ada)).toBe('401 token_expired');
    expect(await refusalOf(bob)).toBe('401 token_expired');
    await pause(200);
    const { accessToken } = (await refresh(bob)).json as Holder;
    expect(await profile({ ...bob, accessToken })).toBe('200');
  });

  test('has everybody log in again after a backup was restored', async () => {
    const [ada, bob] = [await signIn('ada'), await signIn('bob')];
    expect((await command(['restore-epoch', '--yes'])).code).toBe(0);
    expect((await refusalOf(ada)).slice(0, 3)).toBe('401');
    expect((await refusalOf(bob)).slice(0, 3)).toBe('401');
    expect((await refresh(ada)).outcome).toBe('401 session_revoked');
    await pause(200);
    expect(await profile(await signIn('ada'))).toBe('200');
  });
});

test('doctor and the lists read the database of a server that runs', async () => {
  await login('ada');
  const doctor = await command(['doctor', '--json']);
  expect(doctor.code).toBe(0);
  const { ok, findings } = JSON.parse(doctor.output) as { ok: boolean; findings: { check: string; message: string }[] };
  expect(ok).toBe(true);
  expect(findings).toContainEqual({ check: 'keys', state: 'ok', message: 'All signing keys open (1).' });
  expect((await command(['session', 'list', 'ada'])).output).toContain('phone of ada');
  expect(server.hasEnded).toBe(false);
});
