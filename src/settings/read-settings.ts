/** Reads all settings of the stand-alone server from an environment and finds every problem before anything is opened or written. */
import { join, resolve } from 'node:path';
import { deriveKeys, masterSecret, newSecret, type MasterSecret } from '../crypto/master-secret.js';
import { ConfigError, type ConfigProblem } from '../errors.js';
import { smtp } from '../mail/smtp.js';
import type { AuthConfig } from '../model/config.js';
import type { AuthOptions } from '../model/options.js';
import { parseDuration } from '../policy/durations.js';
import { resolveOptions } from '../policy/resolve-options.js';
import { isLoopback } from '../policy/resolve-origins.js';
import { sqlite } from '../stores/sqlite/index.js';
import { readEnvironment, type Environment } from './environment.js';
import { nearestName } from './nearest-name.js';
import { UnusableValue, type StorePlace } from './parse-value.js';
import { settingNames, settings, type LogLevel, type SettingName, type SettingValues } from './table.js';
import { withoutUndefined } from './without-undefined.js';

export interface Settings {
  readonly port: number;
  readonly host: string;
  /** Processes that serve. */
  readonly workers: number;
  /** How long connections are still accepted when it is told to stop. */
  readonly stopDelayMilliseconds: number;
  readonly dataFolder: string;
  /** Absolute, or `:memory:`; null: the database is on a server. */
  readonly databaseFile: string | null;
  /** Where the data is, as it may be shown. */
  readonly database: string;
  readonly logLevel: LogLevel;
  /** Null: nobody may read metrics. */
  readonly metricsToken: string | null;
  /** Only while public URL and host are this machine and `NODE_ENV` is not production; otherwise production rules hold. */
  readonly development: boolean;
  /** Null: made up in the data folder. */
  readonly secret: MasterSecret | null;
  readonly options: Omit<AuthOptions, 'secret'>;
  readonly config: AuthConfig;
  /** What is allowed and should still be known; `path` is the variable. */
  readonly warnings: readonly ConfigProblem[];
}

/** `settings` is null when there are problems. */
export type CheckedSettings =
  | { readonly settings: Settings; readonly problems: readonly [] }
  | { readonly settings: null; readonly problems: readonly ConfigProblem[] };

const prefix = 'COUNTERSIGN_';
/** What `resolveOptions` allows `accessTtl`; above it there is only `insecureAccessTtl`. */
const longestSecureAccessSeconds = 86_400;
/** The settings that can have a value which weakens security. */
const weakening: readonly SettingName[] = ['COUNTERSIGN_ACCESS_TTL', 'COUNTERSIGN_LOGIN_LIMIT', 'COUNTERSIGN_API_LIMIT'];

type Values = { readonly [Name in SettingName]: SettingValues[Name] | undefined };

interface Findings {
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
}

/** @throws {ConfigError} every problem, under the names of the variables. */
export function readSettings(environment: Environment): Settings {
  const checked = checkSettings(environment);
  if (checked.settings === null) throw new ConfigError(checked.problems);
  return checked.settings;
}

/** Of the environment as it is now. @throws {ConfigError} every problem, under the names of the variables. */
export function currentSettings(): Settings {
  return readSettings(readEnvironment().values);
}

export function checkSettings(environment: Environment): CheckedSettings {
  const found: Findings = { problems: unknownNames(environment), warnings: [] };
  const values = readValues(environment, found);
  const port = values.PORT ?? 4000;
  const publicUrl = values.COUNTERSIGN_PUBLIC_URL ?? `http://localhost:${port}`;
  const place = resolvePlace(values, publicUrl, found);
  const dataFolder = resolve(values.COUNTERSIGN_DATA ?? './data');
  const { store, databaseFile, database } = resolveStore(values.COUNTERSIGN_STORE ?? { file: join(dataFolder, 'countersign.db') });
  const workers = values.COUNTERSIGN_WORKERS ?? 1;
  if (workers > 1 && databaseFile === ':memory:') {
    found.problems.push({ path: 'COUNTERSIGN_WORKERS', message: 'needs a store that processes can share: not the memory of one of them.' });
  }
  const secret = readSecret(values, place.development, found);
  checkLimits(values, place.development, found);
  const options: Settings['options'] = {
    publicUrl,
    store,
    ...optionsOf(values, accessLife(values, found)),
    ...mailOptions(values, place.development, found),
    ...(place.development ? {} : { development: false as const }),
  };
  const config = checkOptions({ ...options, secret: secret ?? masterSecret(newSecret()) }, found);
  if (config === null || found.problems.length > 0) return { settings: null, problems: found.problems };
  return {
    settings: {
      port,
      ...place,
      workers,
      stopDelayMilliseconds: 1000 * (parseDuration(values.COUNTERSIGN_STOP_DELAY ?? '') ?? 0),
      dataFolder,
      databaseFile,
      database,
      logLevel: values.COUNTERSIGN_LOG_LEVEL ?? 'info',
      metricsToken: values.COUNTERSIGN_METRICS_TOKEN ?? null,
      secret,
      options,
      config,
      warnings: found.warnings,
    },
    problems: [],
  };
}

function resolveStore(place: StorePlace): Pick<Settings, 'databaseFile' | 'database'> & Pick<AuthOptions, 'store'> {
  if ('store' in place) return { store: place.store, databaseFile: null, database: place.shownUrl };
  const file = place.file === ':memory:' ? place.file : resolve(place.file);
  return { store: sqlite(file), databaseFile: file, database: file };
}

/** Opens something by the settings. @throws {ConfigError} what is found wrong with them, under the names of the variables. */
export async function openBySettings<Opened>(open: () => Promise<Opened>): Promise<Opened> {
  try {
    return await open();
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(nameProblems(error.problems)) : error;
  }
}

/** The same problems under the names of the variables that feed the options. */
function nameProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.map(({ path, message }) => {
    const option = path.replace(/\[\d+\]$/, '');
    const name = settingNames.find((candidate) => settings[candidate].options?.includes(option));
    return { path: name ?? path, message: nameOptions(message) };
  });
}

/** Words of the options inside a message, as this server's operator knows them. */
function nameOptions(message: string): string {
  return message
    .replace('publicUrl', 'COUNTERSIGN_PUBLIC_URL')
    .replace('set sendMail', 'set COUNTERSIGN_SMTP_URL')
    .replace('subdomainsOf', 'the domain after "subdomains:"');
}

function unknownNames(environment: Environment): ConfigProblem[] {
  const known: readonly string[] = settingNames;
  const suffixes = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((path) => {
      const meant = nearestName(path.slice(prefix.length), suffixes);
      return { path, message: `is no setting: ${meant === null ? 'remove it' : `did you mean ${prefix}${meant}?`}` };
    })
    .map(({ path, message }) => ({ path, message: /[.?]$/.test(message) ? message : `${message}.` }));
}

/** An empty variable counts as not set. */
function readValues(environment: Environment, found: Findings): Values {
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames) {
    const text = environment[name]?.trim() ?? '';
    if (text !== '') values[name] = readValue(name, text, found);
  }
  return values as Values;
}

function readValue(name: SettingName, text: string, { problems }: Findings): unknown {
  try {
    return settings[name].parse(text);
  } catch (error) {
    if (!(error instanceof UnusableValue)) throw error;
    problems.push({ path: name, message: error.message });
    return undefined;
  }
}

/** Where it runs, and with that by which rules. */
function resolvePlace(values: Values, publicUrl: string, { problems, warnings }: Findings): { host: string; development: boolean } {
  const isProduction = values.NODE_ENV === 'production';
  const isLocal = URL.canParse(publicUrl) && isLoopback(new URL(publicUrl).hostname);
  const host = values.HOST ?? (isLocal && !isProduction ? '127.0.0.1' : '0.0.0.0');
  if (isProduction && values.COUNTERSIGN_PUBLIC_URL === undefined) {
    const message = 'is missing: in production the server must know where browsers reach it. Set it, such as https://auth.example.com.';
    problems.push({ path: 'COUNTERSIGN_PUBLIC_URL', message });
  } else if (isLocal && !isLoopback(host)) {
    warnings.push({
      path: 'HOST',
      message: 'the server listens beyond this machine, but browsers can use it under its public URL on this machine only.',
    });
  }
  return { host, development: isLocal && isLoopback(host) && !isProduction };
}

/** Null while one may be made up. */
function readSecret(values: Values, development: boolean, { problems }: Findings): MasterSecret | null {
  if (values.COUNTERSIGN_SECRET === undefined && development) return null;
  try {
    const secret = masterSecret(values.COUNTERSIGN_SECRET);
    deriveKeys(secret);
    return secret;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const reason = 'One is made up only while HOST and COUNTERSIGN_PUBLIC_URL are this machine and NODE_ENV is not production.';
    for (const { path, message } of nameProblems(error.problems)) {
      problems.push({ path, message: values.COUNTERSIGN_SECRET === undefined ? `${message} ${reason}` : message });
    }
    return null;
  }
}

/** Above a day only by name: what a token carries besides revocable facts stays as it was for as long. */
function accessLife(
  values: Values,
  { problems, warnings }: Findings,
): Pick<NonNullable<AuthOptions['tokens']>, 'accessTtl' | 'insecureAccessTtl'> {
  const allowed = values.COUNTERSIGN_ALLOW_INSECURE ?? [];
  for (const name of allowed.filter((candidate) => !weakening.some((known) => known === candidate))) {
    const which = /^[A-Z_]+$/.test(name) ? name : 'an entry';
    problems.push({ path: 'COUNTERSIGN_ALLOW_INSECURE', message: `${which} has no insecure value: name only ${weakening.join(', ')}.` });
  }
  const life = values.COUNTERSIGN_ACCESS_TTL;
  if (life === undefined) return {};
  if ((parseDuration(life) ?? 0) <= longestSecureAccessSeconds) return { accessTtl: life };
  if (allowed.includes('COUNTERSIGN_ACCESS_TTL')) {
    warnings.push({ path: 'COUNTERSIGN_ACCESS_TTL', message: 'access tokens live longer than 24h, as COUNTERSIGN_ALLOW_INSECURE allows.' });
    return { insecureAccessTtl: life };
  }
  const message = 'is longer than 24h. Set at most 24h; if it is meant, set COUNTERSIGN_ALLOW_INSECURE=COUNTERSIGN_ACCESS_TTL as well.';
  problems.push({ path: 'COUNTERSIGN_ACCESS_TTL', message });
  return {};
}

/** What is not limited is said at each start; where others can reach the server, it must be meant. */
function checkLimits(values: Values, development: boolean, { problems, warnings }: Findings): void {
  for (const name of ['COUNTERSIGN_LOGIN_LIMIT', 'COUNTERSIGN_API_LIMIT'] as const) {
    if (values[name] !== 'insecure-off') continue;
    const isAllowed = development || values.COUNTERSIGN_ALLOW_INSECURE?.includes(name) === true;
    if (isAllowed) warnings.push({ path: name, message: 'is off: nobody is limited.' });
    else problems.push({ path: name, message: `is off. If that is meant, set COUNTERSIGN_ALLOW_INSECURE=${name} as well.` });
  }
}

/** Without a server for it, what needs mail is refused where it is demanded; the rest is said. */
function mailOptions(values: Values, development: boolean, { problems, warnings }: Findings): Pick<AuthOptions, 'sendMail'> {
  const { COUNTERSIGN_SMTP_URL: url, COUNTERSIGN_MAIL_FROM: from } = values;
  if (url === undefined && from !== undefined)
    warnings.push({ path: 'COUNTERSIGN_MAIL_FROM', message: 'has no effect without COUNTERSIGN_SMTP_URL.' });
  if (url === undefined) {
    if (!development)
      warnings.push({ path: 'COUNTERSIGN_SMTP_URL', message: 'is not set, so no mail is sent, and nobody can reset a password.' });
    return {};
  }
  if (from === undefined) {
    const message = 'is missing: mails need a sender. Set it, such as "Example <no-reply@example.com>".';
    problems.push({ path: 'COUNTERSIGN_MAIL_FROM', message });
    return {};
  }
  try {
    return { sendMail: smtp(url, { from }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...nameProblems(error.problems));
    return {};
  }
}

/** Only what is set: the defaults are those of `createAuth`. */
function optionsOf(values: Values, life: ReturnType<typeof accessLife>): Partial<AuthOptions> {
  return withoutUndefined({
    bus: values.COUNTERSIGN_REDIS,
    identifiers: values.COUNTERSIGN_IDENTIFIERS,
    roles: values.COUNTERSIGN_ROLES,
    registration: values.COUNTERSIGN_REGISTRATION,
    emailVerification: values.COUNTERSIGN_EMAIL_VERIFICATION,
    unverifiedAccounts: values.COUNTERSIGN_UNVERIFIED_ACCOUNTS,
    delivery: values.COUNTERSIGN_DELIVERY,
    // Their shape is judged by resolveOptions.
    trustedOrigins: values.COUNTERSIGN_TRUSTED_ORIGINS as AuthOptions['trustedOrigins'],
    cookies: withoutUndefined({ topology: values.COUNTERSIGN_COOKIES, prefix: values.COUNTERSIGN_COOKIE_PREFIX }),
    tokens: withoutUndefined({
      ...life,
      algorithm: values.COUNTERSIGN_ALG,
      audience: values.COUNTERSIGN_AUDIENCE,
      rotateKeysEvery: values.COUNTERSIGN_KEY_MAX_AGE,
    }),
    session: withoutUndefined({
      idleTimeout: values.COUNTERSIGN_REFRESH_TTL,
      absoluteLifetime: values.COUNTERSIGN_SESSION_MAX_AGE,
      replayWindow: values.COUNTERSIGN_REPLAY_WINDOW,
    }),
    limits: withoutUndefined({ login: values.COUNTERSIGN_LOGIN_LIMIT, api: values.COUNTERSIGN_API_LIMIT }),
    passwords: withoutUndefined({
      minLength: values.COUNTERSIGN_PASSWORD_MIN_LENGTH,
      rangeService: values.COUNTERSIGN_PASSWORD_RANGE_SERVICE as NonNullable<AuthOptions['passwords']>['rangeService'],
    }),
    events: withoutUndefined({ keep: values.COUNTERSIGN_EVENTS_KEEP, addresses: values.COUNTERSIGN_EVENTS_ADDRESSES }),
    trustedProxies: values.COUNTERSIGN_TRUSTED_PROXIES,
    revocation: withoutUndefined({ mode: values.COUNTERSIGN_REVOCATION, maxStaleness: values.COUNTERSIGN_MAX_STALENESS }),
  });
}

function checkOptions(options: AuthOptions, { problems }: Findings): AuthConfig | null {
  try {
    return resolveOptions(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...nameProblems(error.problems));
    return null;
  }
}
