/** The master secret: checked when it is made, and the only thing that keys are derived from. */
import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';

declare const checked: unique symbol;

/** Checked key material. Made only by `masterSecret()` and `developmentSecret()`, so `secret: 'cat'` does not compile. */
export interface MasterSecret {
  readonly [checked]: 'MasterSecret';
}

/** The keys of one master secret, one for each purpose (HKDF-SHA-256, RFC 5869, with a label of its own each). */
export interface DerivedKeys {
  /** First byte of HKDF(secret, "id"): tells which secret made a token. */
  readonly id: number;
  readonly refresh: KeyObject;
  readonly csrf: KeyObject;
  readonly sealing: KeyObject;
  readonly cursor: KeyObject;
  /** Of one-time proofs, a key for each purpose. */
  readonly proofs: Readonly<Record<ProofPurpose, KeyObject>>;
  /** Of what is counted under a name that is nobody's business. */
  readonly counting: KeyObject;
  /** Of where the record of events begins and ends. */
  readonly events: KeyObject;
}

/** What one-time proofs are for; a key each, so that none is taken for another. */
export const proofPurposes = ['verify_email', 'change_email', 'reset_password', 'register', 'disown', 'login'] as const;
export type ProofPurpose = (typeof proofPurposes)[number];

/** The first signs and seals, all verify. */
export type SecretRing = readonly [DerivedKeys, ...DerivedKeys[]];

interface Material {
  readonly secrets: readonly [Buffer, ...Buffer[]];
  readonly madeForDevelopment: boolean;
}

const minimumBytes = 32;
/** 43 random base64url characters have 32 different ones on average and below 20 once in ten million; sentences rarely reach 20. */
const minimumDistinctCharacters = 20;
const remedy = 'Make one with `npx countersign secret` and pass it from the environment.';

const materials = new WeakMap<MasterSecret, Material>();

/**
 * From base64url (or hex) of at least 32 random bytes, as `npx countersign secret` prints it. In a list, or a text with commas, the first
 * signs and all verify, so that a secret is changed without logging anyone out.
 * @throws {ConfigError} missing, too short, or not random.
 */
export function masterSecret(value: string | undefined | readonly (string | undefined)[]): MasterSecret {
  const values = (typeof value === 'string' ? value.split(',') : value === undefined ? [value] : value).map((entry) => entry?.trim());
  const problems = values.flatMap((entry, index) => {
    const message = weakness(entry);
    return message === null ? [] : [{ path: values.length > 1 ? `secret[${String(index)}]` : 'secret', message: `${message} ${remedy}` }];
  });
  if (values.length === 0) problems.push({ path: 'secret', message: `is missing. ${remedy}` });
  if (problems.length > 0) throw new ConfigError(problems);
  return keep(
    values.map((entry) => Buffer.from(entry ?? '', 'base64url')),
    false,
  );
}

/** Says what is wrong with a secret, without repeating it; null when nothing is. */
function weakness(value: string | undefined): string | null {
  if (value === undefined || value === '') return 'is missing.';
  if (!/^[A-Za-z0-9_-]+$/.test(value)) return 'must be base64url: letters, digits, "-" and "_" only.';
  if (Buffer.from(value, 'base64url').byteLength < minimumBytes) return `must hold at least ${String(minimumBytes)} random bytes.`;
  const isHex = /^[0-9a-f]+$/i.test(value);
  if (isHex && value.length < 2 * minimumBytes) return `must hold at least ${String(minimumBytes)} random bytes.`;
  if (new Set(value).size < (isHex ? 10 : minimumDistinctCharacters)) return 'is not random.';
  return null;
}

/**
 * Made once and kept in `folder` (file `secret`, mode 0600), so that a development server needs no setting.
 * @throws {ConfigError} when `NODE_ENV` is `production`; `createAuth` also refuses it when `publicUrl` is not this machine.
 */
export function developmentSecret(folder: string): MasterSecret {
  if (process.env['NODE_ENV'] === 'production') {
    throw new ConfigError([{ path: 'secret', message: `a development secret is not for production. ${remedy}` }]);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'secret');
  try {
    writeFileSync(file, `${newSecret()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  chmodSync(file, 0o600);
  const value = readFileSync(file, 'utf8').trim();
  const message = weakness(value);
  if (message !== null) throw new ConfigError([{ path: file, message: `${message} Remove the file to have a new one made.` }]);
  return keep([Buffer.from(value, 'base64url')], true);
}

/** What `countersign secret` prints: base64url of 32 random bytes that `masterSecret` accepts. */
export function newSecret(): string {
  for (;;) {
    const value = randomBytes(minimumBytes).toString('base64url');
    if (weakness(value) === null) return value;
  }
}

function keep(secrets: readonly Buffer[], madeForDevelopment: boolean): MasterSecret {
  const secret = Object.freeze({}) as MasterSecret;
  materials.set(secret, { secrets: secrets as [Buffer, ...Buffer[]], madeForDevelopment });
  return secret;
}

/** Whether `value` was made by `masterSecret()` or `developmentSecret()`. */
export function isMasterSecret(value: unknown): value is MasterSecret {
  return typeof value === 'object' && value !== null && materials.has(value as MasterSecret);
}

export function isDevelopmentSecret(secret: MasterSecret): boolean {
  return materials.get(secret)?.madeForDevelopment === true;
}

/** @throws {ConfigError} when two secrets of the list have the same key id. */
export function deriveKeys(secret: MasterSecret): SecretRing {
  const material = materials.get(secret);
  if (!material) throw new ConfigError([{ path: 'secret', message: 'must be made by masterSecret() or developmentSecret().' }]);
  const ring = material.secrets.map((bytes) => derive(bytes));
  const ids = new Set(ring.map((keys) => keys.id));
  if (ids.size < ring.length) {
    throw new ConfigError([{ path: 'secret', message: 'two secrets of the list have the same key id; make the newer one anew.' }]);
  }
  return ring as [DerivedKeys, ...DerivedKeys[]];
}

function derive(secret: Buffer): DerivedKeys {
  const expand = (label: string, size: number): Buffer => Buffer.from(hkdfSync('sha256', secret, '', `countersign/${label}`, size));
  const key = (label: string): KeyObject => createSecretKey(expand(label, 32));
  return {
    id: expand('id', 1).readUInt8(0),
    refresh: key('refresh'),
    csrf: key('csrf'),
    sealing: key('sealing'),
    cursor: key('cursor'),
    proofs: Object.fromEntries(proofPurposes.map((purpose) => [purpose, key(`proof/${purpose}`)])) as DerivedKeys['proofs'],
    counting: key('counting'),
    events: key('events'),
  };
}
