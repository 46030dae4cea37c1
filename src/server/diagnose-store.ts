/** Examines the database: its schema, whether its keys open, and whether it is from the future. Makes and migrates nothing. */
import { stat } from 'node:fs/promises';
import type { SecretRing } from '../crypto/master-secret.js';
import { ConfigError } from '../errors.js';
import type { Clock, Logger } from '../model/app-types.js';
import { StoreUnavailableError, type OpenStore, type SigningKeyRecord } from '../model/store.js';
import type { Settings } from '../settings/read-settings.js';
import { canOpenKey } from '../tokens/key-rotation.js';
import type { Finding } from './diagnose.js';

/** What clocks of one machine may differ by, between two readings. */
const clockToleranceMilliseconds = 5000;
const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** `ring` null: no secret is known. */
export async function examineStore(settings: Settings, ring: SecretRing | null, clock: Clock): Promise<Finding[]> {
  const { databaseFile } = settings;
  if (databaseFile === null) return examineOpened(settings, ring, clock);
  if (databaseFile === ':memory:') return [{ check: 'database', state: 'warning', message: 'The database is in memory and is forgotten.' }];
  if (!(await exists(databaseFile))) {
    return [{ check: 'database', state: 'ok', message: `None yet: ${databaseFile} is made at the first start.` }];
  }
  return examineOpened(settings, ring, clock);
}

async function examineOpened(settings: Settings, ring: SecretRing | null, clock: Clock): Promise<Finding[]> {
  const warnings: Finding[] = [];
  const logger: Logger = { ...silent, warn: (_facts, message) => void warnings.push({ check: 'database', state: 'warning', message }) };
  try {
    const store = await open(settings, clock, logger);
    try {
      return [...(await examine(store, ring, clock)), ...warnings];
    } finally {
      await store.close();
    }
  } catch (error) {
    return findingsOf(error, settings.databaseFile);
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

function open({ options, config }: Settings, clock: Clock, logger: Logger): Promise<OpenStore> {
  return options.store.open({
    clock,
    logger,
    accessTtlSeconds: config.tokens.accessSeconds,
    mode: 'inspect',
    onRevocations: () => undefined,
  });
}

async function examine(store: OpenStore, ring: SecretRing | null, clock: Clock): Promise<Finding[]> {
  const [migrations, keys, users] = await Promise.all([
    store.appliedMigrations(),
    store.keys.list(),
    store.users.list({ query: null, limit: 1, after: null }),
  ]);
  const newest = Math.max(...[...migrations.map((row) => row.appliedAt), ...[...keys, ...users.items].map((row) => row.createdAt)]);
  const version = migrations.at(-1)?.version ?? 0;
  return [
    { check: 'database', state: 'ok', message: `The schema is up to date (version ${version}).` },
    ...examineAge(newest, clock.now()),
    ...(store.shared ? examineDifference(await store.now(), clock.now()) : []),
    ...(ring === null ? [] : [examineKeys(keys, ring)]),
  ];
}

function examineAge(newest: number, now: number): Finding[] {
  if (newest <= now + clockToleranceMilliseconds) return [];
  const message = `The clock is behind the newest row, of ${new Date(newest).toISOString()}: sessions and keys would seem to be of the future.`;
  return [{ check: 'clock', state: 'problem', message, remedy: 'Set the clock of this machine.' }];
}

/** Nodes judge by the clock of the store and issue by their own. */
function examineDifference(storeNow: number, now: number): Finding[] {
  const difference = Math.abs(storeNow - now);
  if (difference <= clockToleranceMilliseconds) return [];
  const message = `The clock of this machine and that of the database differ by ${Math.round(difference / 1000)} seconds.`;
  return [{ check: 'clock', state: 'problem', message, remedy: 'Set the clocks of both, and have them kept.' }];
}

function examineKeys(keys: readonly SigningKeyRecord[], ring: SecretRing): Finding {
  const closed = keys.filter((key) => !canOpenKey(key, ring));
  if (closed.length === 0) {
    const message = keys.length === 0 ? 'No signing key yet: one is made at the first start.' : `All signing keys open (${keys.length}).`;
    return { check: 'keys', state: 'ok', message };
  }
  return {
    check: 'keys',
    state: 'problem',
    message: `${closed.length} of ${keys.length} signing keys are sealed under a secret that is gone.`,
    remedy: 'Add the secret that they were sealed under to COUNTERSIGN_SECRET, behind the new one and a comma.',
  };
}

function findingsOf(error: unknown, file: string | null): Finding[] {
  if (error instanceof ConfigError) return error.problems.map(({ message }) => ({ check: 'database', state: 'problem', message }));
  if (!(error instanceof StoreUnavailableError)) throw error;
  const remedy =
    file === null
      ? 'Look whether the server runs, takes connections from here, and lets this user in (psql with the same URL).'
      : `Look at the permissions of ${file}, at the space on its disk, and at what else has it open.`;
  return [{ check: 'database', state: 'problem', message: error.message, remedy }];
}
