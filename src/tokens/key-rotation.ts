/** Keeps the signing keys in the store: makes the first, rotates by age and by command, seals anew, removes what is long expired. */
import { isSealedUnderFirst, seal, unseal } from '../crypto/sealing.js';
import type { SecretRing } from '../crypto/master-secret.js';
import type { Random } from '../crypto/random.js';
import { ConfigError } from '../errors.js';
import type { Clock } from '../model/app-types.js';
import type { KeyStore, SigningAlgorithm, SigningKeyRecord } from '../model/store.js';
import { buildKeyRing, keyStates, type KeyRing, type OpenedKey } from './key-ring.js';
import { generateKeyMaterial, importSigningKey } from './signing-key.js';

/** How long others may cache `jwks.json`, in seconds. */
export const jwksLifetimeSeconds = 300;
/** A new key is published for this long before it signs, so that no cache misses it. */
const publishedBeforeSeconds = jwksLifetimeSeconds + 60;

export interface KeyRotationOptions {
  readonly store: KeyStore;
  readonly secrets: SecretRing;
  readonly random: Random;
  readonly clock: Clock;
  readonly algorithm: SigningAlgorithm;
  readonly rotateSeconds: number;
  /** How long after a key stopped signing tokens of it can be alive, in seconds. */
  readonly tokenSeconds: number;
  /** How long after that a holder of an expired token may come back, in seconds. */
  readonly memorySeconds: number;
}

export interface KeyRotation {
  /** As of the last `refresh`. */
  current(): KeyRing;
  /** Calls it whenever the ring is another one. It must not throw. */
  listen(listener: () => void): void;
  /** Reads the store again and does what is due: the first key, the next by age, sealing anew, removal. */
  refresh(): Promise<void>;
  /** Publishes a next key, which signs once every cache of the key set has it. With `compromised`, all present keys are void at once. */
  rotate(options?: { readonly compromised?: boolean }): Promise<void>;
}

/** @throws {ConfigError} when the master secret does not open the keys of this store. */
export async function openKeyRotation(options: KeyRotationOptions): Promise<KeyRotation> {
  const { store, clock } = options;
  const opened = new Map<string, OpenedKey>();
  const listeners = new Set<() => void>();
  let ring: KeyRing | undefined;

  async function readAndUpkeep(): Promise<void> {
    const records = await store.list();
    // First of all: with a wrong master secret nothing may be added, or the right one would not open the store any more.
    for (const record of records) opened.set(record.kid, { record, key: opened.get(record.kid)?.key ?? openKey(record, options) });
    const due = nextKeyDue(records, options, clock.now());
    if (due !== null) {
      // False when another node was first; its key is in the next reading.
      await store.addAfter(due.after, await newKey(options, due.signsFrom));
      return readAndUpkeep();
    }
    await tidy(records, options);
    const keys = records.flatMap(({ kid }) => opened.get(kid) ?? []);
    const built = buildKeyRing(keys, { now: clock.now(), tokenSeconds: options.tokenSeconds });
    // The same ring object while nothing changed: verifiers compare it to know whether their cache still holds.
    if (built.version === ring?.version) return;
    ring = built;
    for (const listener of listeners) listener();
  }

  // One after the other, so that an older reading never replaces a newer one.
  let last = Promise.resolve();
  function refresh(): Promise<void> {
    const next = last.then(readAndUpkeep);
    last = next.catch(() => undefined);
    return next;
  }

  await refresh();
  return {
    current: () => ring as KeyRing,
    listen: (listener) => void listeners.add(listener),
    refresh,
    async rotate({ compromised = false } = {}) {
      if (compromised) {
        await store.replaceCompromised(await newKey(options, clock.now()));
      } else {
        const newest = (await store.list()).at(-1);
        const alreadyPending = newest !== undefined && newest.signsFrom > clock.now();
        if (!alreadyPending) await store.addAfter(newest?.kid ?? null, await newKey(options, clock.now() + publishedBeforeSeconds * 1000));
      }
      await refresh();
    },
  };
}

/** After which key a new one is to be added, and from when it signs; null when none is due. */
function nextKeyDue(
  records: readonly SigningKeyRecord[],
  { algorithm, rotateSeconds }: KeyRotationOptions,
  now: number,
): { after: string | null; signsFrom: number } | null {
  const newest = records.at(-1);
  const after = newest?.kid ?? null;
  if (!newest || newest.compromisedAt !== null) return { after, signsFrom: now };
  if (newest.signsFrom > now) return null;
  const publishedInTime = now + publishedBeforeSeconds * 1000;
  if (newest.algorithm !== algorithm) return { after, signsFrom: publishedInTime };
  const retiresAt = newest.signsFrom + rotateSeconds * 1000;
  return retiresAt <= publishedInTime ? { after, signsFrom: publishedInTime } : null;
}

async function newKey({ algorithm, random, secrets, clock }: KeyRotationOptions, signsFrom: number): Promise<SigningKeyRecord> {
  const kid = random(8).toString('base64url');
  const { privateBytes, publicJwk } = await generateKeyMaterial(algorithm, random);
  const sealedPrivate = seal(secrets, random, sealingPurpose(kid), privateBytes);
  return { kid, algorithm, publicJwk, sealedPrivate, createdAt: clock.now(), signsFrom, compromisedAt: null };
}

function sealingPurpose(kid: string): string {
  return `signing-key/${kid}`;
}

/** Whether one of these secrets opens the key's private part. */
export function canOpenKey(record: SigningKeyRecord, secrets: SecretRing): boolean {
  return unseal(secrets, sealingPurpose(record.kid), record.sealedPrivate) !== null;
}

function openPrivate(record: SigningKeyRecord, secrets: SecretRing): Buffer {
  const privateBytes = unseal(secrets, sealingPurpose(record.kid), record.sealedPrivate);
  if (privateBytes) return privateBytes;
  throw new ConfigError([
    {
      path: 'secret',
      message:
        'does not open the signing keys of this store: it is not the secret that they were sealed under. Pass that one, or to change it, both: the new one first, then the old one.',
    },
  ]);
}

function openKey(record: SigningKeyRecord, { secrets }: KeyRotationOptions): OpenedKey['key'] {
  return importSigningKey(record.algorithm, openPrivate(record, secrets));
}

async function tidy(records: readonly SigningKeyRecord[], options: KeyRotationOptions): Promise<void> {
  const { store, secrets, random, clock, tokenSeconds, memorySeconds } = options;
  for (const record of records) {
    if (isSealedUnderFirst(secrets, record.sealedPrivate)) continue;
    await store.reseal(record.kid, seal(secrets, random, sealingPurpose(record.kid), openPrivate(record, secrets)));
  }
  const now = clock.now();
  const forgotten = keyStates(records, { now, tokenSeconds: tokenSeconds + memorySeconds });
  const isForgotten = ({ kid, compromisedAt }: SigningKeyRecord): boolean =>
    compromisedAt === null ? forgotten?.get(kid) === 'expired' : compromisedAt + memorySeconds * 1000 < now;
  const kids = records.filter(isForgotten).map(({ kid }) => kid);
  if (kids.length > 0) await store.remove(kids);
}
