/** Users who come from another system: brought by the real command, they log in as ever, and have hashes of ours from then on. */
import { execFile } from 'node:child_process';
import { createHash, pbkdf2Sync, randomBytes, scryptSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hash as bcryptHash } from 'bcryptjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSnippets } from '../docs/markdown.js';
import { ServerHome } from '../server/server-process.js';
import { send, type HttpAnswer } from '../support/http.js';
import { startApp } from '../support/start-app.js';

const password = 'correct horse bättery staple';

interface Exported {
  readonly id: string;
  readonly username?: string;
  readonly passwordHash?: string;
}

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

function login(identifier: string, its = password): Promise<HttpAnswer> {
  const body = JSON.stringify({ identifier, password: its, delivery: 'bearer' });
  return send({ port: place.port, method: 'POST', path: '/api/auth/login', headers: [['content-type', 'application/json']], body });
}

async function exported(): Promise<Exported[]> {
  const { output } = await place.run(['export']);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Exported);
}

function importLines(lines: readonly object[], ...more: string[]): ReturnType<ServerHome['run']> {
  return place.run(['import', '-', ...more], { input: lines.map((line) => JSON.stringify(line)).join('\n') });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');

async function hashesOf(text: string): Promise<Record<string, string>> {
  const salt = randomBytes(16);
  const hex = salt.toString('hex');
  return {
    bcrypt: await bcryptHash(text, 10),
    scrypt: `$scrypt$ln=12,r=8,p=1$${base64(salt)}$${base64(scryptSync(text, salt, 32, { N: 4096 }))}`,
    django: `pbkdf2_sha256$5000$seasalt$${pbkdf2Sync(text, 'seasalt', 5000, 32, 'sha256').toString('base64')}`,
    betterauth: `${hex}:${scryptSync(text.normalize('NFKC'), hex, 64, { N: 16384, r: 16, maxmem: 2 ** 26 }).toString('hex')}`,
  };
}

describe('users from elsewhere', () => {
  test('log in with the passwords they have, into a server that runs, and have an Argon2id hash of ours then', async () => {
    await place.start();
    const hashes = await hashesOf(password);
    const names = Object.keys(hashes);
    const { code, output } = await importLines(names.map((username) => ({ username, passwordHash: hashes[username] })));
    expect(output).toContain('4 users imported; 0 were there already; 0 lines have a problem.');
    expect(code).toBe(0);
    for (const name of names) {
      expect((await login(name, `${password}!`)).outcome, name).toBe('401 invalid_credentials');
      expect((await login(name)).status, name).toBe(200);
      expect((await login(name)).status, `${name} again`).toBe(200);
    }
    for (const { username, passwordHash } of await exported())
      expect(passwordHash, username).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await login('bcrypt', `${password}!`)).outcome).toBe('401 invalid_credentials');
  });

  test('are the same after they went out and came in again', async () => {
    const [hash] = Object.values(await hashesOf(password));
    await importLines([
      { externalId: 7, username: 'Ada', email: 'Ada@Example.com', emailVerified: true, name: 'Ada L.', roles: ['admin', 'user'] },
      { id: `usr_${'A'.repeat(22)}`, email: 'bob@example.com', passwordHash: hash, createdAt: 1_500_000_000_000, disabled: true },
      { externalId: 'uuid', username: 'carol', profile: { colour: 'grün', list: [1, null] }, createdAt: '2001-02-03T04:05:06.789Z' },
    ]);
    const before = await exported();
    expect(before).toHaveLength(3);
    const other = await ServerHome.open();
    const input = before.map((user) => JSON.stringify(user)).join('\n');
    expect((await other.run(['import', '-'], { input })).code).toBe(0);
    expect((await other.run(['export'])).output).toBe((await place.run(['export'])).output);
    await other.close();
  });

  test('have an id that follows from the one they had', async () => {
    await importLines([{ externalId: '4711', username: 'ada' }]);
    const id = createHash('sha256').update('4711').digest().subarray(0, 16).toString('base64url');
    expect((await exported()).map((user) => user.id)).toEqual([`usr_${id}`]);
  });

  test('are told line by line when something is wrong, without what is secret, and written only where nothing is', async () => {
    const lines = [
      { username: 'ada', passwordHash: '5f4dcc3b5aa765d61d8327deb882cf99' },
      { username: 'bob', passwordHash: `$2b$20$${'x'.repeat(53)}` },
      { username: 'not a name', email: 'no address', roles: ['emperor'], isAdmin: true },
      { username: 'carol', passwordHash: { format: 'firebase', salt: 'c2VjcmV0', hash: 'c2VjcmV0' } },
      { username: 'dave', name: 'n'.repeat(101), profile: { big: 'x'.repeat(20_000) } },
      { username: 'eve', passwordHash: `planted secret ${'y'.repeat(70_000)}` },
      { username: 'frank' },
    ];
    for (const isDryRun of [true, false]) {
      const { code, output } = await importLines(lines, ...(isDryRun ? ['--dry-run'] : []));
      expect(code).toBe(1);
      for (const told of [
        'line 1: passwordHash is of no kind that is known here',
        'line 2: passwordHash is bcrypt of cost 20, and at most 14 is taken',
        'line 3: Unrecognized key: "isAdmin"',
        'line 4: passwordHash is of Firebase: give --firebase FILE',
        'line 5: profile: must be at most 16384 bytes',
        'line 6: is longer than 65536 bytes',
        isDryRun ? '1 user would be imported' : '1 user imported',
      ])
        expect(output).toContain(told);
      for (const secret of ['5f4dcc3b', 'xxxx', 'c2VjcmV0', 'planted']) expect(output).not.toContain(secret);
      expect((await exported()).map(({ username }) => username)).toEqual(isDryRun ? [] : ['frank']);
    }
  });

  test('are imported once, however often the import is called or where it was stopped', async () => {
    const lines = Array.from({ length: 450 }, (_, index) => ({ externalId: index, email: `person${index}@example.com` }));
    await importLines(lines.slice(0, 230));
    expect((await importLines(lines)).output).toContain('220 users imported; 230 were there already; 0 lines have a problem.');
    const file = join(place.folder, 'users.ndjson');
    await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\r\n'));
    expect((await place.run(['import', file])).output).toContain('0 users imported; 450 were there already');
    expect(await exported()).toHaveLength(450);
    const { code, output } = await importLines([{ externalId: 'other', email: 'PERSON1@example.com' }, { email: 'person2@example.com' }]);
    expect(output).toContain('line 1: email is taken by another user');
    expect(output).toContain('0 users imported; 1 was there already; 1 line has a problem.');
    expect(code).toBe(1);
  });

  test('of Firebase come with the parameters of the project', async () => {
    const parameters = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`;
    await writeFile(join(place.folder, 'firebase.txt'), parameters);
    const hash = 'lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==';
    const user = { localId: 'a', email: 'ada@example.com', createdAt: '1500000000000', passwordHash: hash, salt: '42xEC-ixf3L2lw==' };
    await writeFile(
      join(place.folder, 'users.json'),
      JSON.stringify({ users: [user, { localId: 'b', email: 'bob@example.com', createdAt: '1' }] }),
    );
    const converter = readSnippets('docs/guide/coming-from-elsewhere.md').find(({ text }) => text.includes("format: 'firebase'"));
    await writeFile(join(place.folder, 'to-ndjson.mjs'), converter?.text ?? '');
    const { stdout: input } = await promisify(execFile)(process.execPath, ['to-ndjson.mjs'], { cwd: place.folder });
    expect((await place.run(['import', '-', '--firebase', join(place.folder, 'firebase.txt')], { input })).output).toContain('2 users');
    await place.start();
    expect((await login('ada@example.com', 'user1password')).status).toBe(200);
    expect((await login('ada@example.com', 'user2password')).outcome).toBe('401 invalid_credentials');
  });
});

describe('an upgrade beside a change of the password', () => {
  test('never puts the old password back, and does not make the change fail', async () => {
    const app = await startApp();
    const { users } = app.internals.core.store;
    const newPassword = 'quite another password';
    for (let round = 0; round < 4; round += 1) {
      const user = await app.createUser();
      const page = app.client();
      expect((await page.login(user)).status).toBe(200);
      const current = await users.findCredential({ id: user.id });
      await users.rehashPassword(user.id, current?.passwordHash ?? '', await bcryptHash(user.password, 4 + 2 * round));
      const [change] = await Promise.all([
        page.signInAgain('/auth/password', { currentPassword: user.password, newPassword }),
        app.client().login(user),
        app.client().login(user),
      ]);
      expect(change.status, change.outcome).toBe(200);
      expect((await app.client().login(user)).outcome).toBe('401 invalid_credentials');
      expect((await app.client().login({ ...user, password: newPassword })).status).toBe(200);
      expect((await users.findCredential({ id: user.id }))?.passwordHash).toMatch(/^\$argon2id\$/);
    }
    await app.stop();
  });
});
