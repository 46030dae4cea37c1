import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../errors.js';
import { deriveKeys, developmentSecret, isMasterSecret, masterSecret, newSecret } from './master-secret.js';
import { isSealedUnderFirst, seal, unseal } from './sealing.js';
import { systemRandom } from './random.js';

describe('a master secret', () => {
  it('is base64url or hex of at least 32 random bytes', () => {
    expect(isMasterSecret(masterSecret(newSecret()))).toBe(true);
    expect(isMasterSecret(masterSecret('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'))).toBe(true);
  });

  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['a word', 'changeit'],
    ['31 bytes', 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw'],
    ['a long sentence', 'this_is_a_very_long_sentence_but_it_is_not_random_at_all'],
    ['one letter, often', 'a'.repeat(64)],
    ['32 hex digits', '9f86d081884c7d659a2feaa0c55ad015'],
    ['zeros', '0'.repeat(64)],
    ['other characters', 'p@ssw0rd!'.repeat(8)],
  ])('is not %s, and the refusal says what to do without repeating it', (_, value) => {
    expect(() => masterSecret(value)).toThrow(ConfigError);
    try {
      masterSecret(value);
    } catch (error) {
      expect((error as Error).message).toContain('npx countersign secret');
      if (value) expect((error as Error).message).not.toContain(value);
    }
  });

  it('can be a list, each of which must be good', () => {
    const [first, second] = [newSecret(), newSecret()];
    expect(() => masterSecret(`${first}, ${second}`)).not.toThrow();
    expect(() => masterSecret(`${first},`)).toThrow(/secret\[1\]/);
    expect(() => masterSecret([newSecret(), 'cat', undefined])).toThrow(/secret\[1\][^]*secret\[2\]/);
    expect(() => masterSecret([])).toThrow(ConfigError);
  });

  it('gives a key of its own to each purpose, always the same', () => {
    const secret = masterSecret('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08');
    const [{ id, proofs, ...keys }] = deriveKeys(secret);
    const exported = [...Object.values(keys), ...Object.values(proofs)].map((key) => key.export().toString('hex'));
    expect(new Set(exported).size).toBe(exported.length);
    expect(deriveKeys(secret)[0].id).toBe(id);
  });

  it('twice in a list is refused, for tokens name their key by one byte', () => {
    const value = newSecret();
    expect(() => deriveKeys(masterSecret([value, value]))).toThrow(ConfigError);
  });
});

describe('a development secret', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it('is made once, readable by its owner only', () => {
    const [first] = deriveKeys(developmentSecret(folder));
    const [second] = deriveKeys(developmentSecret(folder));
    expect(first.refresh.equals(second.refresh)).toBe(true);
    expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'secret'), 'utf8')).toMatch(/^[\w-]{43}\n$/);
  });

  it('is closed again when its file was left open to others', () => {
    developmentSecret(folder);
    chmodSync(join(folder, 'secret'), 0o644);
    developmentSecret(folder);
    expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600);
  });

  it('does not start on a file that was spoiled', () => {
    writeFileSync(join(folder, 'secret'), 'cat');
    expect(() => developmentSecret(folder)).toThrow(/Remove the file/);
  });

  it('is refused in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => developmentSecret(folder)).toThrow(ConfigError);
  });
});

describe('what is sealed', () => {
  const ring = deriveKeys(masterSecret(newSecret()));

  it('opens under its secret and purpose only', () => {
    const sealed = seal(ring, systemRandom, 'a', Buffer.from('private'));
    expect(unseal(ring, 'a', sealed)?.toString()).toBe('private');
    expect(unseal(ring, 'b', sealed)).toBeNull();
    expect(unseal(deriveKeys(masterSecret(newSecret())), 'a', sealed)).toBeNull();
    expect(isSealedUnderFirst(ring, sealed)).toBe(true);
  });

  it('does not open with any byte changed', () => {
    const sealed = seal(ring, systemRandom, 'a', Buffer.from('private'));
    for (let index = 0; index < sealed.byteLength; index++) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(unseal(ring, 'a', changed)).toBeNull();
    }
    expect(unseal(ring, 'a', sealed.subarray(0, 20))).toBeNull();
  });
});
