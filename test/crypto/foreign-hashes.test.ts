/** Hashes from elsewhere: made by other implementations (Python's hashlib, glibc's crypt, Firebase's published example), verified here. */
import { existsSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it, vi } from 'vitest';
import { createPasswordHasher } from '../../dist/crypto/password-hash.js';
import { passwordHashProblem } from '../../dist/crypto/read-password-hash.js';
import { firebaseHash } from '../../dist/crypto/password-schemes/firebase-scrypt.js';

const password = 'correct horse bättery';
const betterAuthHash =
  '0123456789abcdef0123456789abcdef:96a6fefc41ae74aa210aac802689d585bda11cc1d881eb5e2ad4d700330adf8b2e5a489bb6689cd95c60a97c859a4bcfb6d45b406f75b4631d9f69ad35a8b768';
const firebaseProject = {
  signerKey: 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
  saltSeparator: 'Bw==',
  rounds: 8,
  memoryCost: 14,
};
const firebaseExample = firebaseHash(
  firebaseProject,
  '42xEC+ixf3L2lw==',
  'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
);
const passlibSha512 =
  '$pbkdf2-sha512$1000$c2FsdHNhbHRzYWx0MTIzNA$6.9Y5LYGVS2mR9fi8Vr.W73KtbUadYf4441wQhFyqARl7z2Qlm473aVxd4LDzRuHQBFTwf7mGy6lfHpto8BuKQ';
const bcryptHash = '$2b$05$abcdefghijklmnopqrstuuiAUQSqLgPmKC.81UqN54J7SM7C5uZ5q';
/** Of 72 times the letter x. */
const bcryptOf72 = '$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i';

const hashes: readonly (readonly [name: string, hash: string, password: string])[] = [
  ['bcrypt $2y$', '$2y$04$abcdefghijklmnopqrstuu.re4/lWF.zqrrGnYy1AP3doZ95IIwKq', password],
  ['bcrypt $2b$', bcryptHash, password],
  ['bcrypt $2a$', '$2a$10$abcdefghijklmnopqrstuuSm/ysVjZnup4C8q6sm3ExFYcsWTaD4O', password],
  ['bcrypt of 72 bytes', bcryptOf72, 'x'.repeat(72)],
  ['scrypt', '$scrypt$ln=10,r=8,p=2$c2FsdHNhbHRzYWx0MTIzNA$Pkl7Hua9v9fJR7tCP0gjeWVyzb1ZjaV36KAq07y1Ja8', password],
  ['better-auth', betterAuthHash, 'pass ﬁne ①'],
  ['Firebase', firebaseExample, 'user1password'],
  ['Django', 'pbkdf2_sha256$1000$seasalt$yjO+GMYUbOlTNnYH3uvWARQu5Z4dObkhKv7Krqjn758=', password],
  ['passlib, SHA-256', '$pbkdf2-sha256$1000$c2FsdHNhbHRzYWx0MTIzNA$.SBbJNymD7SmjkZg9MHnCf8NH7/zDwa.s8MWEt.8G4E', password],
  ['passlib, SHA-512', passlibSha512, password],
  ['passlib, SHA-1', '$pbkdf2$1000$c2FsdHNhbHRzYWx0MTIzNA$hdTrQZK7aTxvHbpW37p9HupmwGQ', password],
  ['ASP.NET, SHA-1', 'AQAAAAAAAAPoAAAAEHNhbHRzYWx0c2FsdDEyMzSF1OtBkrtpPG8dulbfun0e6mbAZJ1Q9RR5WiswBiFlAw==', password],
  ['ASP.NET, SHA-256', 'AQAAAAEAAAPoAAAAEHNhbHRzYWx0c2FsdDEyMzT5IFsk3KYPtKaORmD0wecJ/w0fv/MPBr6zwxYS37wbgQ==', password],
  ['ASP.NET, SHA-512', 'AQAAAAIAAAPoAAAAEHNhbHRzYWx0c2FsdDEyMzTr71jktgZVLaZH1+LxWv5bvcq1tRp1h/jjjXBCEXKoBA==', password],
  ['Argon2i', '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA', 'password'],
  ['Argon2id of other parameters', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', 'password'],
];

describe('a hash from elsewhere', () => {
  it.each(hashes)('of %s verifies its password and no other, and is to be replaced', async (_, hash, its) => {
    const hasher = createPasswordHasher();
    expect(passwordHashProblem(hash)).toBeNull();
    expect(await hasher.verify(hash, its)).toBe(true);
    for (const other of [`${its}x`, its.slice(1), its.toUpperCase(), '']) expect(await hasher.verify(hash, other), other).toBe(false);
    expect(hasher.needsRehash(hash)).toBe(true);
  });

  it('is ours already where the parameters are Argon2, and was made of the password as typed everywhere else', () => {
    const hasher = createPasswordHasher();
    for (const [name, hash] of hashes) expect(hasher.isForeign(hash), name).toBe(!name.startsWith('Argon2'));
  });

  it('of bcrypt refuses what bcrypt is blind to: two passwords never both pass', async () => {
    const hasher = createPasswordHasher();
    expect(await hasher.verify(bcryptOf72, 'x'.repeat(73))).toBe(false);
    expect(await hasher.verify(bcryptHash, `${password}\0`)).toBe(false);
    expect(await hasher.verify(bcryptHash, `${password}\0more`)).toBe(false);
  });
});

describe('a hash that would stall others', () => {
  it.each([
    ['bcrypt', bcryptHash.replace('$05$', '$15$'), 'is bcrypt of cost 15, and at most 14 is taken'],
    [
      'scrypt of much memory',
      hashes[4]![1].replace('ln=10', 'ln=18'),
      'with N=2^18 and r=8, which is 256 MiB, and at most 128 MiB are taken',
    ],
    ['scrypt of many lanes', hashes[4]![1].replace('ln=10,r=8,p=2', 'ln=17,r=8,p=3'), 'whose product may be at most 2097152'],
    [
      'Firebase',
      firebaseHash({ ...firebaseProject, memoryCost: 20 }, 'AAAA', firebaseProject.signerKey),
      'is scrypt of Firebase with N=2^20',
    ],
    ['Django', 'pbkdf2_sha256$2000001$seasalt$yjO+GMYUbOlTNnYH3uvWARQu5Z4dObkhKv7Krqjn758=', 'of 2000001 iterations'],
    ['PBKDF2 of several blocks', passlibSha512.replace('-sha512$1000', '-sha256$1500000'), '1500000 iterations and 2 blocks'],
    ['ASP.NET', 'AQAAAAH/////AAAAEHNhbHRzYWx0c2FsdDEyMzT5IFsk3KYPtKaORmD0wecJ/w0fv/MPBr6zwxYS37wbgQ==', 'of 4294967295 iterations'],
    ['Argon2', '$argon2id$v=19$m=1048576,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', 'at most m=262144'],
  ])('is refused: %s', async (_, hash, message) => {
    const problem = passwordHashProblem(hash);
    expect(problem).toMatchObject({ reason: 'excessive', message: expect.stringContaining(message) as string });
    expect(problem?.message).not.toContain(hash.slice(-12));
    const onBadHash = vi.fn();
    expect(await createPasswordHasher({ onBadHash }).verify(hash, password)).toBe(false);
    expect(onBadHash.mock.calls).toEqual([['excessive']]);
  });

  it.each([
    ['bcrypt that was cut', bcryptHash.slice(0, -1), 'malformed'],
    ['bcrypt of cost 3', bcryptHash.replace('$05$', '$03$'), 'malformed'],
    ['bcrypt of no number', bcryptHash.replace('$05$', '$xx$'), 'malformed'],
    ['scrypt of N=1', hashes[4]![1].replace('ln=10', 'ln=0'), 'malformed'],
    ['scrypt without a lane', hashes[4]![1].replace('p=2', 'p=0'), 'malformed'],
    ['Firebase without a signer key', '$fbscrypt$v=1,n=14,r=8,p=1$C0sHCg9ek77hsg==$ZGlmZmVyZW50aGFzaA==', 'malformed'],
    ['better-auth that was cut', betterAuthHash.slice(0, -1), 'malformed'],
    ['Django of no iteration', 'pbkdf2_sha256$0$seasalt$yjO+GMYUbOlTNnYH3uvWARQu5Z4dObkhKv7Krqjn758=', 'malformed'],
    ['ASP.NET of a digest of its own', 'AQAAAAkAAAPoAAAAEHNhbHRzYWx0c2FsdDEyMzT5IFsk3KYPtKaORmD0wecJ/w0fv/MPBr6zwxYS37wbgQ==', 'malformed'],
    ['ASP.NET whose salt is longer than all', `AQAAAAEAAAPo${'/'.repeat(40)}`, 'malformed'],
    ['bcrypt of the broken $2x$', bcryptHash.replace('$2b$', '$2x$'), 'unknown_scheme'],
    ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99', 'unknown_scheme'],
    ['the password itself', password, 'unknown_scheme'],
  ])('and so is what cannot be verified: %s', (_, hash, reason) => {
    expect(passwordHashProblem(hash)?.reason).toBe(reason);
  });
});

const vectors = new URL('../../../shared/vectors/password-hash/bcrypt.json', import.meta.url);

describe.skipIf(!existsSync(vectors))('the published vectors of bcrypt', () => {
  interface Vectors {
    readonly cases: readonly { readonly password_utf8?: string; readonly hash: string; readonly valid: boolean }[];
    readonly malformed_hashes: readonly string[];
  }
  const read = (): Vectors => JSON.parse(readFileSync(vectors, 'utf8')) as Vectors;

  it('verify', async () => {
    const hasher = createPasswordHasher();
    for (const { password_utf8: its, hash } of read().cases) {
      if (its === undefined) continue;
      expect(await hasher.verify(hash, its), hash).toBe(true);
      expect(await hasher.verify(hash, `${its}x`), hash).toBe(false);
    }
  });

  it('that are malformed do not', () => {
    for (const hash of read().malformed_hashes) expect(passwordHashProblem(hash), hash).not.toBeNull();
  });
});

describe('the queue', () => {
  it('holds hashes from elsewhere as it holds ours, and the event loop stays free', async () => {
    const hasher = createPasswordHasher({ concurrency: 1, maxQueued: 1 });
    const costly = '$2a$10$abcdefghijklmnopqrstuuSm/ysVjZnup4C8q6sm3ExFYcsWTaD4O';
    await hasher.verify(costly, password);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const startedAt = performance.now();
    const two = [hasher.verify(costly, password), hasher.verify(costly, password)];
    await expect(hasher.verify(costly, password)).rejects.toThrow('too many');
    expect(await Promise.all(two)).toEqual([true, true]);
    delay.disable();
    expect(delay.max / 1e6).toBeLessThan((performance.now() - startedAt) / 2);
  });
});

describe('a refusal', () => {
  it('takes as long for an unknown user as for the slowest hash from elsewhere that was met', async () => {
    const hasher = createPasswordHasher({ memoryKib: 8, iterations: 1 });
    const slow = '$2a$10$abcdefghijklmnopqrstuuSm/ysVjZnup4C8q6sm3ExFYcsWTaD4O';
    const timed = async (hash: string | null): Promise<number> => {
      const startedAt = performance.now();
      expect(await hasher.verify(hash, 'wrong')).toBe(false);
      return performance.now() - startedAt;
    };
    const verifying = performance.now();
    expect(await hasher.verify(slow, password)).toBe(true);
    const took = performance.now() - verifying;
    expect(await timed(null), 'unknown').toBeGreaterThan(took * 0.9);
    expect(await timed('$2y$04$abcdefghijklmnopqrstuu.re4/lWF.zqrrGnYy1AP3doZ95IIwKq'), 'a fast one').toBeGreaterThan(took * 0.9);
  });
});
