/** Password hashing: the format, the queue, and stored hashes that cannot be trusted. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { performHashing, type HashingOutcome, type HashingTask } from './hashing-task.js';
import { hashingPlaces } from './hashing-threads.js';
import {
  createPasswordHasher as create,
  PasswordHasherBusyError,
  type PasswordHasher,
  type PasswordHasherOptions,
} from './password-hash.js';

const work = { running: 0, mostRunning: 0, hashes: 0, verified: [] as string[] };

/** The work itself, on this thread, and counted. The threads that do it otherwise have tests of their own. */
async function perform(task: HashingTask): Promise<HashingOutcome> {
  if ('parameters' in task) work.hashes += 1;
  else work.verified.push(task.hash);
  work.running += 1;
  work.mostRunning = Math.max(work.mostRunning, work.running);
  await pause(0);
  work.running -= 1;
  return performHashing(task);
}

const createPasswordHasher = (options: PasswordHasherOptions = {}): PasswordHasher => create({ perform, ...options });

beforeEach(() => {
  Object.assign(work, { running: 0, mostRunning: 0, hashes: 0, verified: [] });
});

/** The least that Argon2 takes, for tests that are not about strength. */
const cheap: PasswordHasherOptions = { memoryKib: 8, iterations: 1 };
const cheapHash = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';

describe('a hash', () => {
  it('is Argon2id in the PHC format, 19 MiB, two passes, by default', async () => {
    expect(await createPasswordHasher().hash('correct horse')).toMatch(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
  });

  it('verifies its password and no other', async () => {
    const hasher = createPasswordHasher(cheap);
    const hash = await hasher.hash('correct horse');
    expect(await hasher.verify(hash, 'correct horse')).toBe(true);
    expect(await hasher.verify(hash, 'correct horsf')).toBe(false);
    expect(await hasher.verify(hash, 'correct horse ')).toBe(false);
  });

  it('is another one each time', async () => {
    const hasher = createPasswordHasher(cheap);
    expect(await hasher.hash('correct horse')).not.toBe(await hasher.hash('correct horse'));
  });

  it('takes every byte of the password into account, also after NUL and after the 72nd', async () => {
    const hasher = createPasswordHasher(cheap);
    const hash = await hasher.hash(`a\0${'b'.repeat(100)}c`);
    expect(await hasher.verify(hash, 'a')).toBe(false);
    expect(await hasher.verify(hash, `a\0${'b'.repeat(100)}d`)).toBe(false);
    expect(await hasher.verify(hash, `a\0${'b'.repeat(100)}c`)).toBe(true);
  });

  it('is not made of an empty password or of half a surrogate pair, which would verify as any other half', async () => {
    const hasher = createPasswordHasher(cheap);
    await expect(hasher.hash('')).rejects.toThrow(TypeError);
    await expect(hasher.hash('abc\ud800')).rejects.toThrow(TypeError);
    const hash = await hasher.hash('abc\ufffd');
    expect(await hasher.verify(hash, 'abc\ud800')).toBe(false);
    expect(await hasher.verify(hash, '')).toBe(false);
    expect(await hasher.verify(hash, 'abc\ufffd')).toBe(true);
  });
});

const vectors = new URL('../../../shared/vectors/password-hash/argon2id.json', import.meta.url);

describe.skipIf(!existsSync(vectors))('the published vectors', () => {
  interface Vectors {
    readonly phc_argon2id_v19: readonly { readonly encoded: string; readonly password: string }[];
    readonly must_not_verify_for_password: readonly string[];
  }
  const read = (): Vectors => JSON.parse(readFileSync(vectors, 'utf8')) as Vectors;

  it('verify', async () => {
    const hasher = createPasswordHasher(cheap);
    for (const { encoded, password } of read().phc_argon2id_v19) {
      expect(await hasher.verify(encoded, password), encoded).toBe(true);
      expect(await hasher.verify(encoded, `${password}x`), encoded).toBe(false);
    }
  });

  it('of other schemes do not', async () => {
    const hasher = createPasswordHasher(cheap);
    for (const encoded of read().must_not_verify_for_password) expect(await hasher.verify(encoded, 'password'), encoded).toBe(false);
  });
});

describe('an unknown user', () => {
  it('is refused with the work of one hash of the parameters in use', async () => {
    const hasher = createPasswordHasher({ memoryKib: 64, iterations: 3 });
    expect(await hasher.verify(null, 'correct horse')).toBe(false);
    expect(work.verified).toHaveLength(1);
    expect(work.verified[0]).toMatch(/^\$argon2id\$v=19\$m=64,t=3,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  });

  it('does not cost a hash when the hasher is made', () => {
    createPasswordHasher();
    expect(work).toMatchObject({ hashes: 0, verified: [] });
  });

  it('waits in the same queue as everyone', async () => {
    const hasher = createPasswordHasher({ ...cheap, concurrency: 1, maxQueued: 0 });
    const first = hasher.verify(null, 'x');
    await expect(hasher.verify(null, 'x')).rejects.toThrow(PasswordHasherBusyError);
    await first;
  });
});

describe('a stored hash that is damaged or forged', () => {
  const withParameters = (parameters: string) => cheapHash.replace('m=256,t=2,p=1', parameters);

  it.each([
    ['nothing at all', '', 'unknown_scheme'],
    ['another kind of Argon2', '$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', 'unknown_scheme'],
    ['the old version of Argon2', cheapHash.replace('v=19', 'v=16'), 'unknown_scheme'],
    ['no version', cheapHash.replace('v=19$', ''), 'unknown_scheme'],
    ['plain text', 'password', 'unknown_scheme'],
    ['2 TiB of memory', withParameters('m=2147483648,t=2,p=1'), 'excessive'],
    ['256 MiB and a bit', withParameters('m=262145,t=2,p=1'), 'excessive'],
    ['256 MiB for five passes', withParameters('m=262144,t=5,p=1'), 'excessive'],
    ['65 passes', withParameters('m=256,t=65,p=1'), 'excessive'],
    ['4 billion passes', withParameters('m=256,t=4294967295,p=1'), 'excessive'],
    ['17 lanes', withParameters('m=256,t=2,p=17'), 'excessive'],
    ['no pass', withParameters('m=256,t=0,p=1'), 'malformed'],
    ['no lane', withParameters('m=256,t=2,p=0'), 'malformed'],
    ['no memory', withParameters('m=0,t=2,p=1'), 'malformed'],
    ['less memory than its lanes take', withParameters('m=31,t=2,p=4'), 'malformed'],
    ['a negative number', withParameters('m=-256,t=2,p=1'), 'malformed'],
    ['a number that no integer holds', withParameters('m=99999999999999999999,t=2,p=1'), 'malformed'],
    ['a parameter of its own', withParameters('m=256,t=2,p=1,keyid=aaaa'), 'malformed'],
    ['no tag', cheapHash.slice(0, cheapHash.lastIndexOf('$')), 'malformed'],
    ['a short tag', cheapHash.slice(0, cheapHash.lastIndexOf('$') + 6), 'malformed'],
    ['padding', `${cheapHash}=`, 'malformed'],
    ['stray bits at the end', `${cheapHash.slice(0, -1)}5`, 'malformed'],
    ['a newline at the end', `${cheapHash}\n`, 'malformed'],
    ['a megabyte of salt', cheapHash.replace('c29tZXNhbHQ', 'A'.repeat(1_000_000)), 'malformed'],
  ])('with %s denies, reports, and costs what a wrong password costs', async (_, hash, reason) => {
    const onBadHash = vi.fn();
    const hasher = createPasswordHasher({ ...cheap, onBadHash });
    expect(await hasher.verify(hash, 'password')).toBe(false);
    expect(onBadHash.mock.calls).toEqual([[reason]]);
    expect(work.verified.at(-1)).toMatch(/^\$argon2id\$v=19\$m=8,t=1,p=1\$/);
  });

  it('is not reported when it is sound', async () => {
    const onBadHash = vi.fn();
    const hasher = createPasswordHasher({ ...cheap, onBadHash });
    expect(await hasher.verify(cheapHash, 'password')).toBe(true);
    expect(await hasher.verify(null, 'password')).toBe(false);
    expect(onBadHash).not.toHaveBeenCalled();
  });
});

describe('rehashing', () => {
  const of = (memoryKib: number, iterations: number) =>
    `$argon2id$v=19$m=${memoryKib},t=${iterations},p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const hasher = createPasswordHasher();

  it('is due when the parameters were raised', () => {
    expect(hasher.needsRehash(of(19_456, 1))).toBe(true);
    expect(hasher.needsRehash(of(4096, 3))).toBe(true);
    expect(hasher.needsRehash(of(19_455, 2))).toBe(true);
  });

  it('never weakens a hash', () => {
    expect(hasher.needsRehash(of(19_456, 2))).toBe(false);
    expect(hasher.needsRehash(of(19_456, 3))).toBe(false);
    expect(hasher.needsRehash(of(65_536, 3))).toBe(false);
    expect(hasher.needsRehash(of(47_104, 1))).toBe(false);
  });

  it('is due for a short salt or tag, and for any other scheme', () => {
    expect(hasher.needsRehash(of(19_456, 2).replace('A'.repeat(22), 'c29tZXNhbHQ'))).toBe(true);
    expect(hasher.needsRehash(of(19_456, 2).slice(0, -10))).toBe(true);
    expect(hasher.needsRehash('$2b$12$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8/LewdBPj4J/HS.iK8i')).toBe(true);
  });

  it('is not due for a hash of our own', async () => {
    expect(hasher.needsRehash(await hasher.hash('correct horse'))).toBe(false);
  });
});

describe('the queue', () => {
  it.each([1, 2, 3])('runs at most %i at once, and as many when there is work', async (concurrency) => {
    const hasher = createPasswordHasher({ memoryKib: 1024, iterations: 1, concurrency });
    const hash = await hasher.hash('correct horse');
    const caller = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn += 1) {
        await hasher.hash('correct horse');
        await hasher.verify(hash, 'correct horse');
        await hasher.verify(turn === 0 ? null : 'damaged', 'x');
      }
    };
    await Promise.all(Array.from({ length: 10 }, caller));
    expect(work).toMatchObject({ mostRunning: concurrency, running: 0 });
  });

  it('refuses work at once when as many wait as may, and takes it again afterwards', async () => {
    const hasher = createPasswordHasher({ ...cheap, concurrency: 1, maxQueued: 2 });
    const accepted = [hasher.hash('a'), hasher.hash('b'), hasher.hash('c')];
    await expect(hasher.hash('d')).rejects.toThrow(PasswordHasherBusyError);
    await expect(hasher.verify(cheapHash, 'd')).rejects.toThrow(PasswordHasherBusyError);
    await Promise.all(accepted);
    expect(work).toMatchObject({ hashes: 3, verified: [] });
    expect(await hasher.hash('e')).toMatch(/^\$argon2id/);
  });

  it('serves in the order of arrival', async () => {
    const hasher = createPasswordHasher({ ...cheap, concurrency: 1 });
    const order: number[] = [];
    await Promise.all([0, 1, 2, 3, 4].map(async (number) => hasher.hash('x').then(() => order.push(number))));
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it('gives its place back when the work fails', async () => {
    const hasher = createPasswordHasher({ memoryKib: 1, iterations: 1, concurrency: 1 });
    await expect(hasher.hash('x')).rejects.toThrow();
    await expect(hasher.hash('x')).rejects.not.toThrow(PasswordHasherBusyError);
  });

  it('has all its places after a storm of successes, refusals and failures', async () => {
    const onBadHash = (): void => {
      throw new Error('the logger is broken');
    };
    const hasher = createPasswordHasher({ ...cheap, concurrency: 2, maxQueued: 5, onBadHash });
    const unreadable = `${cheapHash.slice(0, -1)}5`;
    const wave = (): Promise<unknown>[] => [
      ...Array.from({ length: 4 }, () => hasher.verify(cheapHash, 'password')),
      ...Array.from({ length: 4 }, () => hasher.verify(unreadable, 'password')),
      hasher.verify('of no scheme', 'password'),
      hasher.hash(''),
    ];
    const outcomes = new Set<string>();
    for (let turn = 0; turn < 20; turn += 1) {
      for (const outcome of await Promise.allSettled([...wave(), ...wave()]))
        outcomes.add(outcome.status === 'fulfilled' ? String(outcome.value) : (outcome.reason as Error).name);
    }
    expect(outcomes).toEqual(new Set(['true', 'Error', 'TypeError', 'PasswordHasherBusyError']));
    work.mostRunning = 0;
    const full = Array.from({ length: 7 }, () => hasher.verify(cheapHash, 'password'));
    await expect(hasher.verify(cheapHash, 'password')).rejects.toThrow(PasswordHasherBusyError);
    expect(await Promise.all(full)).toEqual(Array.from({ length: 7 }, () => true));
    expect(work).toMatchObject({ running: 0, mostRunning: 2 });
  });

  it('hands over as many at once as keep the threads busy', async () => {
    const hasher = createPasswordHasher(cheap);
    await Promise.all(Array.from({ length: hashingPlaces + 5 }, () => hasher.hash('x')));
    expect(work.mostRunning).toBe(hashingPlaces);
  });
});
