/** Examines the settings, the machine and the database, and says what is wrong and the one change that mends it. Changes nothing. */
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { deriveKeys, masterSecret, type SecretRing } from '../crypto/master-secret.js';
import { ConfigError } from '../errors.js';
import type { Clock } from '../model/app-types.js';
import type { FullEnvironment } from '../settings/environment.js';
import { checkSettings, type Settings } from '../settings/read-settings.js';
import { examineOrigins } from './diagnose-origins.js';
import { examineRedis } from './diagnose-redis.js';
import { examineStore } from './diagnose-store.js';

export interface Finding {
  readonly check:
    'settings' | 'secret' | 'cookies' | 'origins' | 'folder' | 'node' | 'sqlite' | 'pg' | 'clock' | 'database' | 'keys' | 'redis';
  readonly state: 'ok' | 'warning' | 'problem';
  /** What was found. */
  readonly message: string;
  /** The one change that mends it. */
  readonly remedy?: string;
}

export interface Diagnosis {
  /** Null when they are wrong: then nothing could be opened by them. */
  readonly settings: Settings | null;
  readonly findings: readonly Finding[];
}

/** No clock of a machine that runs this is right before it was written. */
const writtenAt = Date.UTC(2026, 0, 1);
const oldestNode = { major: 20, minor: 19 };

export async function diagnose({ values }: FullEnvironment, clock: Clock): Promise<Diagnosis> {
  const { settings, problems } = checkSettings(values);
  const driver = settings?.databaseFile === null ? examinePg() : examineSqlite(process.versions.node);
  const machine = [examineNode(process.versions.node), driver, examineClock(clock)];
  if (settings === null) {
    const wrong = problems.map(({ path, message }): Finding => ({ check: 'settings', state: 'problem', message: `${path} ${message}` }));
    return { settings, findings: [...wrong, ...machine] };
  }
  const secret = await examineSecret(settings);
  const findings = [
    ...examineSettings(settings),
    secret.finding,
    examineCookies(settings),
    ...examineOrigins(settings.config),
    ...(await examineFolder(settings)),
    ...machine,
    ...(await examineStore(settings, secret.ring, clock)),
    ...(await examineRedis(settings.options.bus)),
  ];
  return { settings, findings };
}

function examineSettings({ warnings, development }: Settings): Finding[] {
  const rules = development ? 'development: public URL and host are this machine' : 'production rules';
  return [
    { check: 'settings', state: 'ok', message: `All settings are sound (${rules}).` },
    ...warnings.map(({ path, message }): Finding => ({ check: 'settings', state: 'warning', message: `${path}: ${message}` })),
  ];
}

async function examineSecret({ secret, dataFolder }: Settings): Promise<{ finding: Finding; ring: SecretRing | null }> {
  const ok = (message: string): Finding => ({ check: 'secret', state: 'ok', message });
  if (secret !== null) {
    const ring = deriveKeys(secret);
    const count = ring.length === 1 ? 'one secret' : `${ring.length} secrets: the first signs, all verify`;
    return { finding: ok(`COUNTERSIGN_SECRET is strong enough (${count}).`), ring };
  }
  const file = join(dataFolder, 'secret');
  try {
    const ring = deriveKeys(masterSecret((await readFile(file, 'utf8')).trim()));
    return { finding: ok(`Made up for development, in ${file}.`), ring };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { finding: ok('None yet: one is made up for development at the first start.'), ring: null };
    }
    const why = error instanceof ConfigError ? 'holds no sound secret' : 'cannot be read';
    const remedy = 'Put the secret back that it held, or remove the file and the database to begin anew.';
    return { finding: { check: 'secret', state: 'problem', message: `${file} ${why}.`, remedy }, ring: null };
  }
}

function examineCookies({ config }: Settings): Finding {
  const { access, refresh } = config.cookies;
  const why = config.publicUrl.secure ? 'https' : 'plain http on this machine, where browsers refuse the prefix __Host-';
  const attributes = [`SameSite=${refresh.sameSite}`, ...(refresh.secure ? ['Secure'] : [])].join('; ');
  return { check: 'cookies', state: 'ok', message: `${access.name} and ${refresh.name}, ${attributes} (${why}).` };
}

/** Group and others have no business there. */
const forOthers = 0o077;

async function examineFolder({ dataFolder, databaseFile }: Settings): Promise<Finding[]> {
  const mode = await modeOf(dataFolder);
  if (mode === null)
    return [{ check: 'folder', state: 'ok', message: `None yet: ${dataFolder} is made at the first start, for its owner alone.` }];
  const places = [
    { path: dataFolder, mend: 'chmod 700' },
    { path: join(dataFolder, 'secret'), mend: 'chmod 600' },
    ...(databaseFile === null || databaseFile === ':memory:' ? [] : [{ path: databaseFile, mend: 'chmod 600' }]),
  ];
  const found = await Promise.all(places.map(({ path, mend }) => examineAccess(path, mend)));
  const wrong = found.flat();
  return wrong.length > 0 ? wrong : [{ check: 'folder', state: 'ok', message: `${dataFolder} is for its owner alone.` }];
}

async function examineAccess(path: string, mend: string): Promise<Finding[]> {
  const mode = await modeOf(path);
  if (mode === null) return [];
  const findings: Finding[] = [];
  if (!(await isWritable(path))) {
    const remedy = 'Give it to the user that the server runs as: chown';
    findings.push({ check: 'folder', state: 'problem', message: `This user cannot write ${path}.`, remedy: `${remedy} USER ${path}` });
  }
  if ((mode & forOthers) !== 0) {
    findings.push({
      check: 'folder',
      state: 'warning',
      message: `Other users of this machine can get at ${path}.`,
      remedy: `${mend} ${path}`,
    });
  }
  return findings;
}

/** Null when there is nothing. On Windows the mode says nothing. */
async function modeOf(path: string): Promise<number | null> {
  try {
    const { mode } = await stat(path);
    return process.platform === 'win32' ? 0 : mode;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return 0;
  }
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < oldestNode.major || (major === oldestNode.major && minor < oldestNode.minor);
  return isOld
    ? { check: 'node', state: 'problem', message: `Node ${version} is too old.`, remedy: 'Install Node 20.19 or later.' }
    : { check: 'node', state: 'ok', message: `Node ${version}.` };
}

function examineSqlite(version: string): Finding {
  if (isBuiltin('node:sqlite')) return { check: 'sqlite', state: 'ok', message: 'The SQLite of Node itself.' };
  return examinePackage({ check: 'sqlite', name: '@photostructure/sqlite', missing: `Node ${version} has no SQLite of its own.` });
}

function examinePg(): Finding {
  return examinePackage({ check: 'pg', name: 'pg', missing: 'The package by which PostgreSQL is reached is not there.' });
}

function examinePackage({ check, name, missing }: { check: Finding['check']; name: string; missing: string }): Finding {
  try {
    import.meta.resolve(name);
    return { check, state: 'ok', message: `The package ${name}.` };
  } catch {
    return { check, state: 'problem', message: missing, remedy: `npm i ${name}` };
  }
}

function examineClock(clock: Clock): Finding {
  const now = clock.now();
  const said = new Date(now).toISOString();
  return now < writtenAt
    ? { check: 'clock', state: 'problem', message: `The clock says ${said}, which is past.`, remedy: 'Set the clock of this machine.' }
    : { check: 'clock', state: 'ok', message: `The clock says ${said}.` };
}
