/** The threads that hash passwords, as the package has them. */
import { execFile } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { HashingOutcome } from '../../dist/crypto/hashing-task.js';
import { hashingPlaces, runHashing } from '../../dist/crypto/hashing-threads.js';
import { root } from '../docs/markdown.js';

const parameters = { memoryKib: 19_456, iterations: 2, parallelism: 1 };
const task = { password: 'correct horse', parameters };
const valuesOf = async (outcomes: readonly Promise<HashingOutcome>[]) => (await Promise.all(outcomes)).map(({ value }) => value);
const many = (count: number) => Array.from({ length: count }, () => runHashing(task));

/** Runs to its end as a process of its own. */
async function run(code: string): Promise<string> {
  const imported = `import { runHashing } from '${root}/dist/crypto/hashing-threads.js'; const task = ${JSON.stringify(task)};`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `${imported} ${code}`]);
  return stdout.trim();
}

describe('the threads for passwords', () => {
  test('give what was asked for, each caller his own', async () => {
    const passwords = Array.from({ length: hashingPlaces * 3 }, (_, index) => `password ${index}`);
    const hashes = await valuesOf(passwords.map((password) => runHashing({ password, parameters })));
    const verify = (shift: number) =>
      valuesOf(hashes.map((hash, index) => runHashing({ hash: String(hash), password: passwords[(index + shift) % passwords.length]! })));
    expect(await verify(0)).toEqual(hashes.map(() => true));
    expect(await verify(1)).toEqual(hashes.map(() => false));
  });

  test('say of what cannot be computed only that, and go on', async () => {
    expect(await runHashing({ password: 'x', hash: '$argon2id$v=19$secret' })).toMatchObject({ value: null });
    expect(await runHashing({ password: 'x', hash: 'of no scheme' })).toMatchObject({ value: null });
    expect(await runHashing({ password: 'x', parameters: { ...parameters, memoryKib: 1 } })).toMatchObject({ value: null });
    expect(await runHashing(task)).toMatchObject({ value: expect.stringMatching(/^\$argon2id\$/) as string });
  });

  test('leave the thread pool to others: what comes after many passwords is done before they are', async () => {
    const hashes = many(availableParallelism() * 10);
    const isDone = Promise.all(hashes).then(() => 'passwords');
    expect(await Promise.race([isDone, promisify(pbkdf2)('x', 'y', 1, 32, 'sha256').then(() => 'the pool')])).toBe('the pool');
    await isDone;
  });

  test.runIf(process.platform === 'linux')('step back behind everything else: their own priority, and no other', async () => {
    await Promise.all(many(hashingPlaces));
    const priorities = readdirSync('/proc/self/task').map(
      (id) => readFileSync(`/proc/self/task/${id}/stat`, 'utf8').split(') ')[1]!.split(' ')[16],
    );
    expect(priorities.filter((nice) => nice === '5')).toHaveLength(availableParallelism());
    expect(priorities).toContain('0');
  });

  test('keep no process alive once they have nothing to do, and let it end only when they have', async () => {
    const startedAt = performance.now();
    expect(await run('console.log(String((await runHashing(task)).value).slice(0, 9))')).toBe('$argon2id');
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});
