/** What a developer meets who types `npm start` for the first time, and for the second. */
import { execFile } from 'node:child_process';
import { stat, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServerHome, type ServerProcess } from './server-process.js';

const execute = promisify(execFile);

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

function curlLines({ output }: ServerProcess): string[] {
  return output.split('\n').filter((line) => line.startsWith('curl '));
}

/** Types the line into a shell, in a folder that is not the server's; the answer. */
async function type(line: string): Promise<{ user?: { username: string }; session?: object }> {
  const { stdout } = await execute('sh', ['-c', line], { cwd: '/', env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' } });
  return JSON.parse(stdout) as Awaited<ReturnType<typeof type>>;
}

describe('a start without any setting', () => {
  test('prints three lines of curl which work as they are printed, one after the other', async () => {
    const server = await place.start();
    await server.untilPrinted('/users/me\n');
    const [register, login, profile, ...more] = curlLines(server);
    expect(more).toEqual([]);
    expect(await type(register!)).toMatchObject({ user: { username: 'ada', roles: ['user'] } });
    expect(await type(login!)).toMatchObject({ user: { username: 'ada' }, session: { current: true } });
    expect(await type(profile!)).toMatchObject({ user: { username: 'ada' } });
  });

  test('says where it is, where the data is, and that the secret was made up', async () => {
    const server = await place.start();
    await server.untilPrinted('/users/me\n');
    expect(server.output).toContain(`http://localhost:${place.port}\n`);
    expect(server.output).toContain('data/countersign.db');
    expect(server.output).toContain('made up, in data/secret (production needs COUNTERSIGN_SECRET)');
    expect(server.output.split('\n').length).toBeLessThan(16);
  });

  test('keeps database and secret for their owner alone', async () => {
    await place.start();
    expect((await stat(place.data)).mode & 0o777).toBe(0o700);
    const files = await readdir(place.data);
    expect(files).toEqual(expect.arrayContaining(['countersign.db', 'secret']));
    for (const file of files) expect((await stat(join(place.data, file))).mode & 0o077).toBe(0);
  });

  test('listens on this machine alone', async () => {
    await place.start();
    const other = createServer().listen(place.port, '127.0.0.2');
    // Nobody else has that address, so that it was not 0.0.0.0.
    await once(other, 'listening');
    other.close();
  });
});

test('a second start keeps users and sessions, and its three lines work again', async () => {
  const first = await place.start();
  await first.untilPrinted('/users/me\n');
  const lines = curlLines(first);
  for (const line of lines) await type(line);
  expect(await first.stop()).toBe(0);

  const second = await place.start();
  await second.untilPrinted('/users/me\n');
  expect(await type(lines[2]!)).toMatchObject({ user: { username: 'ada' } });
  const [register, login, profile] = curlLines(second);
  const { user } = await type(register!);
  expect(user?.username).toMatch(/^ada-[0-9a-f]{6}$/);
  expect(await type(login!)).toMatchObject({ user });
  expect(await type(profile!)).toMatchObject({ user });
});

test('where tokens travel in another way, the lines still log in with a jar of cookies', async () => {
  const server = await place.start({
    COUNTERSIGN_DELIVERY: 'bearer',
    COUNTERSIGN_IDENTIFIERS: 'email',
    COUNTERSIGN_EMAIL_VERIFICATION: 'optional',
  });
  await server.untilPrinted('/users/me\n');
  const answers = [];
  for (const line of curlLines(server)) answers.push(await type(line));
  expect(answers).toHaveLength(3);
  expect(answers[2]).toMatchObject({ user: { email: 'ada@example.com' } });
});

test('a data folder whose name needs quotes does not break the lines', async () => {
  const server = await place.start({ COUNTERSIGN_DATA: "ada's data" });
  await server.untilPrinted('/users/me\n');
  const [register, login, profile] = curlLines(server);
  await type(register!);
  await type(login!);
  expect(await type(profile!)).toMatchObject({ user: { username: 'ada' } });
});

test('a port that is in use is one clear sentence and exit code 1', async () => {
  await place.start();
  const { code, output } = await place.fail({ COUNTERSIGN_DATA: 'elsewhere' });
  expect(code).toBe(1);
  expect(output).toBe(
    `There is 1 problem:\n  PORT  ${place.port} is in use on 127.0.0.1: stop the program that listens there, or choose another with PORT=${place.port + 1}.\n`,
  );
});
