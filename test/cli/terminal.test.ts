/** What a person at a terminal is asked: passwords twice and without showing them, and whether it is meant. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServerHome } from '../server/server-process.js';

const program = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));
const hasScript = String(spawnSync('script', ['--version']).stdout).includes('util-linux');

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

/** Runs a command at a terminal of its own; types each answer when its question is there. */
async function atTerminal(
  args: string,
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ code: number | null; shown: string }> {
  const child = spawn('script', ['-qec', `'${process.execPath}' '${program}' ${args}`, '/dev/null'], {
    cwd: place.folder,
    env: { PATH: process.env['PATH'] ?? '' },
  });
  let shown = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
  const closed = once(child, 'close');
  for (const [question, typed] of answers) {
    while (!shown.includes(question) && child.exitCode === null) await pause(10);
    child.stdin.write(typed);
  }
  await closed;
  return { code: child.exitCode, shown };
}

describe.skipIf(!hasScript)('at a terminal', () => {
  test('a password is asked for twice and never shown', async () => {
    const { code, shown } = await atTerminal('user create --username ada', [
      ['Password: ', 'battery staple\r'],
      ['The same again: ', 'battery staple\r'],
    ]);
    expect(code).toBe(0);
    expect(shown).toContain('Created ada');
    expect(shown).not.toContain('battery');
  });

  test('two that differ change nothing', async () => {
    const { code, shown } = await atTerminal('user create --username ada', [
      ['Password: ', 'battery staple\r'],
      ['The same again: ', 'battery stable\r'],
    ]);
    expect(code).toBe(1);
    expect(shown).toContain('The two passwords differ; nothing was changed.');
    expect((await place.run(['user', 'list'])).output).toBe('No users.\n');
  });

  test('both may be typed ahead', async () => {
    const { code } = await atTerminal('user create --username ada', [['Password: ', 'battery staple\rbattery staple\r']]);
    expect(code).toBe(0);
  });

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s changes nothing', async (_, key) => {
    const { code, shown } = await atTerminal('user create --username ada', [['Password: ', key]]);
    expect(code).toBe(1);
    expect(shown).toContain('Nothing was changed.');
  });

  test('ending every session asks first, and takes only a yes for one', async () => {
    const no = await atTerminal('restore-epoch', [['Go on? [y/N] ', '\r']]);
    expect(no).toMatchObject({ code: 1, shown: expect.stringContaining('Nothing was changed.') as string });
    const yes = await atTerminal('restore-epoch', [['Go on? [y/N] ', 'y\r']]);
    expect(yes).toMatchObject({ code: 0, shown: expect.stringContaining('Every session has ended') as string });
  });

  test('deleting a user asks first, by name, and takes only a yes for one', async () => {
    await place.run(['user', 'create', '--username', 'ada', '--password-stdin'], { input: 'battery staple' });
    const no = await atTerminal('user delete ada', [['for good. Go on? [y/N] ', 'ada\r']]);
    expect(no.code).toBe(1);
    expect(no.shown).toMatch(/This deletes ada \(usr_[\w-]+\) for good[^]*Nothing was changed\./);
    const yes = await atTerminal('user delete ada', [['for good. Go on? [y/N] ', 'y\r']]);
    expect(yes).toMatchObject({ code: 0, shown: expect.stringContaining('ada is deleted') as string });
    expect((await place.run(['user', 'list'])).output).toBe('No users.\n');
  });
});
