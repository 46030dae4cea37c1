/** What the stand-alone server makes of its settings: every problem at once, by the name of its variable, before anything is opened. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, createAuth, newSecret, optionsFromEnvironment } from 'countersign';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { send } from '../support/http.js';
import { ServerHome } from './server-process.js';

let place: ServerHome;

beforeEach(async () => {
  place = await ServerHome.open();
});

afterEach(() => place.close());

const production = { NODE_ENV: 'production', COUNTERSIGN_PUBLIC_URL: 'https://auth.example.com', COUNTERSIGN_SECRET: newSecret() };

/** The problems as variable and message. */
function problemsOf(env: NodeJS.Dict<string>): Record<string, string> {
  try {
    optionsFromEnvironment({ COUNTERSIGN_DATA: place.data, ...env });
    return {};
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]));
  }
}

describe('a server with several wrong settings', () => {
  test('tells all of them at once, each with its name and what to do, makes nothing, and ends with 1', async () => {
    const { code, output } = await place.fail({
      NODE_ENV: 'production',
      PORT: '99999',
      HOST: 'localhost:80',
      COUNTERSIGN_STORE: 'postgres://user:hun/ter2@db/auth',
      COUNTERSIGN_SECRET: 'keyboard-cat',
      COUNTERSIGN_TRUSTED_ORIGINS: '*',
      COUNTERSIGN_DELIVERY: 'localStorage',
      COUNTERSIGN_ACCESS_TTL: 'forever',
      COUNTERSIGN_REFRESH_TTL: '60d',
      COUNTERSIGN_REPLAY_WINDOW: '1h',
      COUNTERSIGN_COOKIE_PREFIX: 'c s',
      COUNTERSIGN_IDENTIFIERS: 'phone',
      COUNTERSIGN_ALG: 'none',
      COUNTERSIGN_REDIS: 'http://:hunter2@cache',
      COUNTERSIGN_SMTP_URL: 'smtp://user:hunter2@mail',
      COUNTERSIGN_WORKERS: 'many',
      COUNTERSIGN_LOGIN_LIMIT: 'ten',
      COUNTERSIGN_ACESS_TTL: '15m',
    });
    expect(code).toBe(1);
    const named = [...output.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name);
    expect(named.toSorted()).toEqual(
      [
        'PORT',
        'HOST',
        'COUNTERSIGN_STORE',
        'COUNTERSIGN_SECRET',
        'COUNTERSIGN_PUBLIC_URL',
        'COUNTERSIGN_TRUSTED_ORIGINS',
        'COUNTERSIGN_DELIVERY',
        'COUNTERSIGN_ACCESS_TTL',
        'COUNTERSIGN_REFRESH_TTL',
        'COUNTERSIGN_REPLAY_WINDOW',
        'COUNTERSIGN_COOKIE_PREFIX',
        'COUNTERSIGN_IDENTIFIERS',
        'COUNTERSIGN_ALG',
        'COUNTERSIGN_REDIS',
        'COUNTERSIGN_MAIL_FROM',
        'COUNTERSIGN_WORKERS',
        'COUNTERSIGN_LOGIN_LIMIT',
        'COUNTERSIGN_ACESS_TTL',
      ].toSorted(),
    );
    expect(output).toMatch(/^There are 18 problems:\n/);
    expect(output).toContain('COUNTERSIGN_STORE            The database needs a URL such as postgres://user:password@host:5432/database');
    expect(output).toContain('did you mean COUNTERSIGN_ACCESS_TTL?');
    expect(output).not.toMatch(/hunter2|ter2|keyboard-cat/);
    expect(output).not.toContain('    at ');
    expect(await readdir(place.folder)).toEqual([]);
  });
});

describe('production rules', () => {
  test('demand a secret and a public URL', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual({
      COUNTERSIGN_SECRET: expect.stringContaining('is missing. Make one with `npx countersign secret`') as string,
      COUNTERSIGN_PUBLIC_URL: expect.stringContaining('is missing') as string,
    });
  });

  test.each([
    ['the public URL is elsewhere', { COUNTERSIGN_PUBLIC_URL: 'https://auth.example.com' }],
    ['the server listens beyond this machine', { HOST: '0.0.0.0' }],
    ['the server listens on an address of the network', { HOST: '192.168.1.10' }],
  ])('hold where %s, whatever NODE_ENV says', (_, env) => {
    expect(problemsOf({ ...env, NODE_ENV: 'development' })).toEqual({
      COUNTERSIGN_SECRET: expect.stringContaining('is missing') as string,
    });
    const options = optionsFromEnvironment({
      ...env,
      COUNTERSIGN_DATA: place.data,
      NODE_ENV: 'development',
      COUNTERSIGN_SECRET: newSecret(),
    });
    expect(options.development).toBe(false);
  });

  test('refuse plain http to elsewhere', () => {
    expect(problemsOf({ ...production, COUNTERSIGN_PUBLIC_URL: 'http://auth.example.com' })).toEqual({
      COUNTERSIGN_PUBLIC_URL: expect.stringContaining('must be https') as string,
    });
  });

  test('trust no port of another page, though the public URL is this machine', async () => {
    await place.start({
      NODE_ENV: 'production',
      COUNTERSIGN_PUBLIC_URL: `http://localhost:${place.port}`,
      COUNTERSIGN_SECRET: newSecret(),
    });
    const headers = [
      ['origin', 'http://localhost:5173'],
      ['content-type', 'application/json'],
    ] as const;
    const answer = await send({ port: place.port, method: 'POST', path: '/api/auth/login', headers, body: '{}' });
    expect(answer.outcome).toBe('403 origin_not_allowed');
    expect(answer.problem.detail).toBeUndefined();
  });

  test('need nothing of the sort on this machine', async () => {
    expect(problemsOf({})).toEqual({});
    expect(optionsFromEnvironment({ COUNTERSIGN_DATA: place.data }).development).toBeUndefined();
    const auth = await createAuth(optionsFromEnvironment({ COUNTERSIGN_DATA: place.data }));
    await auth.close();
  });
});

describe('a value', () => {
  test.each([
    ['COUNTERSIGN_SECRET', 'c2hvcnQ', 'must hold at least 32 random bytes.'],
    ['COUNTERSIGN_SECRET', `${newSecret()},`, 'is missing.'],
    ['COUNTERSIGN_PUBLIC_URL', 'auth.example.com', 'must be a URL'],
    ['COUNTERSIGN_PUBLIC_URL', 'https://auth.example.com/base', 'must be an origin, without path or user'],
    ['COUNTERSIGN_AUDIENCE', 'a,,b', 'has an empty entry'],
    ['COUNTERSIGN_TRUSTED_ORIGINS', 'https://app.example.com/', 'must be an exact origin'],
    ['COUNTERSIGN_TRUSTED_ORIGINS', 'http://app.example.com', 'must be https'],
    ['COUNTERSIGN_COOKIES', 'subdomains', 'must be same-origin, cross-site, or subdomains:'],
    [
      'COUNTERSIGN_COOKIES',
      'subdomains:elsewhere.org',
      'the domain after "subdomains:" must be a domain that the host of COUNTERSIGN_PUBLIC_URL',
    ],
    ['COUNTERSIGN_SESSION_MAX_AGE', '500d', 'must not be longer than 400d.'],
    ['COUNTERSIGN_MAX_STALENESS', '2m', 'must not be longer than 60s.'],
    ['COUNTERSIGN_KEY_MAX_AGE', '0d', 'is no duration'],
    ['COUNTERSIGN_LOG_LEVEL', 'verbose', 'must be one of: debug, info, warn, error, silent.'],
    ['COUNTERSIGN_REGISTRATION', 'yes', 'must be one of: open, closed.'],
    ['COUNTERSIGN_REVOCATION', 'lax', 'must be one of: strict, available.'],
    ['COUNTERSIGN_EMAIL_VERIFICATION', 'no', 'must be one of: required, optional.'],
    ['COUNTERSIGN_STORE', 'mysql://db', 'must be "sqlite:" and the path of a file'],
    ['COUNTERSIGN_STORE', 'sqlite://host/file', 'must be "sqlite:" and the path of a file'],
    ['COUNTERSIGN_ROLES', 'admin,user', 'the first role is what everybody gets who registers'],
    ['COUNTERSIGN_WORKERS', '0', 'must be a whole number from 1.'],
    ['COUNTERSIGN_METRICS_TOKEN', 'short', 'must be at least 20 letters'],
    ['COUNTERSIGN_STOP_DELAY', '5m', 'must not be longer than 60s.'],
    ['COUNTERSIGN_REDIS', 'cache:6379', 'must be a URL such as "redis://localhost:6379"'],
    ['COUNTERSIGN_ALLOW_INSECURE', 'COUNTERSIGN_ALG', 'has no insecure value'],
    ['COUNTERSIGN_SERCET', newSecret(), 'did you mean COUNTERSIGN_SECRET?'],
    ['COUNTERSIGN_TLS', 'on', 'is no setting: remove it.'],
  ])('of %s that is wrong is told: %s', (name, value, message) => {
    const problems = problemsOf({ ...production, [name]: value });
    expect(Object.keys(problems)).toEqual([name]);
    expect(problems[name]).toContain(message);
    if (value.length > 20) expect(problems[name]).not.toContain(value);
  });

  test('of several processes needs a store that they can share', () => {
    expect(problemsOf({ ...production, COUNTERSIGN_WORKERS: '2', COUNTERSIGN_STORE: 'sqlite::memory:' })).toEqual({
      COUNTERSIGN_WORKERS: 'needs a store that processes can share: not the memory of one of them.',
    });
  });

  test('that is empty counts as not set', () => {
    expect(problemsOf({ ...production, COUNTERSIGN_REDIS: '', COUNTERSIGN_AUDIENCE: ' ', PORT: '' })).toEqual({});
  });

  test('of each setting reaches the option that it is for', () => {
    const secrets = `${newSecret()},${newSecret()}`;
    const { store, bus, secret, ...options } = optionsFromEnvironment({
      ...production,
      COUNTERSIGN_SECRET: secrets,
      COUNTERSIGN_DATA: place.data,
      COUNTERSIGN_AUDIENCE: 'https://api.example.com, https://other.example.com',
      COUNTERSIGN_TRUSTED_ORIGINS: 'https://app.example.com',
      COUNTERSIGN_DELIVERY: 'memory',
      COUNTERSIGN_ACCESS_TTL: '5m',
      COUNTERSIGN_REFRESH_TTL: '2d',
      COUNTERSIGN_SESSION_MAX_AGE: '10d',
      COUNTERSIGN_REPLAY_WINDOW: '30s',
      COUNTERSIGN_COOKIES: 'subdomains:example.com',
      COUNTERSIGN_COOKIE_PREFIX: 'shop',
      COUNTERSIGN_IDENTIFIERS: 'email',
      COUNTERSIGN_REGISTRATION: 'closed',
      COUNTERSIGN_EMAIL_VERIFICATION: 'optional',
      COUNTERSIGN_UNVERIFIED_ACCOUNTS: 'refuse',
      COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:2525',
      COUNTERSIGN_MAIL_FROM: 'Example <no-reply@example.com>',
      COUNTERSIGN_PASSWORD_MIN_LENGTH: '12',
      COUNTERSIGN_ALG: 'EdDSA',
      COUNTERSIGN_KEY_MAX_AGE: '30d',
      COUNTERSIGN_REVOCATION: 'available',
      COUNTERSIGN_MAX_STALENESS: '10s',
      COUNTERSIGN_LOGIN_LIMIT: '5/10m',
      COUNTERSIGN_API_LIMIT: '300/1m',
      COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8',
      COUNTERSIGN_EVENTS_KEEP: '90d',
      COUNTERSIGN_EVENTS_ADDRESSES: 'omit',
      COUNTERSIGN_REDIS: 'rediss://auth:hunter2@cache.example.com',
    });
    expect([store.kind, bus?.kind]).toEqual(['sqlite', 'redis']);
    expect(secret).toBeDefined();
    expect(options).toEqual({
      publicUrl: 'https://auth.example.com',
      development: false,
      trustedOrigins: ['https://app.example.com'],
      delivery: 'memory',
      identifiers: ['email'],
      registration: 'closed',
      emailVerification: 'optional',
      unverifiedAccounts: 'refuse',
      sendMail: expect.any(Function) as unknown,
      passwords: { minLength: 12 },
      cookies: { topology: { subdomainsOf: 'example.com' }, prefix: 'shop' },
      tokens: {
        algorithm: 'EdDSA',
        accessTtl: '5m',
        audience: ['https://api.example.com', 'https://other.example.com'],
        rotateKeysEvery: '30d',
      },
      session: { idleTimeout: '2d', absoluteLifetime: '10d', replayWindow: '30s' },
      revocation: { mode: 'available', maxStaleness: '10s' },
      limits: { login: '5/10m', api: '300/1m' },
      trustedProxies: ['10.0.0.0/8'],
      events: { keep: '90d', addresses: 'omit' },
    });
  });
});

describe('an access token that lives longer than a day', () => {
  test('is a problem', () => {
    expect(problemsOf({ ...production, COUNTERSIGN_ACCESS_TTL: '2d' })['COUNTERSIGN_ACCESS_TTL']).toContain(
      'set COUNTERSIGN_ALLOW_INSECURE=COUNTERSIGN_ACCESS_TTL as well',
    );
  });

  test('is allowed by name, and said at each start', async () => {
    const server = await place.start({
      COUNTERSIGN_ACCESS_TTL: '2d',
      COUNTERSIGN_ALLOW_INSECURE: 'COUNTERSIGN_API_LIMIT,COUNTERSIGN_ACCESS_TTL',
    });
    expect(server.output).toContain(
      'warn  access tokens live longer than 24h, as COUNTERSIGN_ALLOW_INSECURE allows. setting=COUNTERSIGN_ACCESS_TTL',
    );
  });
});

describe('a limit that is off', () => {
  test('is a problem under production rules, unless it is allowed by name', () => {
    const off = { ...production, COUNTERSIGN_LOGIN_LIMIT: 'insecure-off', COUNTERSIGN_API_LIMIT: 'insecure-off' };
    expect(problemsOf(off)['COUNTERSIGN_LOGIN_LIMIT']).toBe(
      'is off. If that is meant, set COUNTERSIGN_ALLOW_INSECURE=COUNTERSIGN_LOGIN_LIMIT as well.',
    );
    expect(problemsOf({ ...off, COUNTERSIGN_ALLOW_INSECURE: 'COUNTERSIGN_LOGIN_LIMIT,COUNTERSIGN_API_LIMIT' })).toEqual({});
  });

  test('is said at each start', async () => {
    const { output } = await place.start({ COUNTERSIGN_API_LIMIT: 'insecure-off' });
    expect(output).toContain('warn  is off: nobody is limited. setting=COUNTERSIGN_API_LIMIT');
  });
});

describe('trusted proxies', () => {
  test('that are none are a problem', () => {
    for (const value of ['10.0.0.0/33', 'proxy.example.com', '11']) {
      expect(problemsOf({ ...production, COUNTERSIGN_TRUSTED_PROXIES: value })['COUNTERSIGN_TRUSTED_PROXIES']).toMatch(/^must be /);
    }
    for (const value of ['1', '10.0.0.5', '10.0.0.0/8, fd00::/8'])
      expect(problemsOf({ ...production, COUNTERSIGN_TRUSTED_PROXIES: value })).toEqual({});
  });
});

describe('a sender without a server for mails', () => {
  test('is said at each start', async () => {
    expect((await place.start({ COUNTERSIGN_MAIL_FROM: 'auth@example.com' })).output).toContain(
      'has no effect without COUNTERSIGN_SMTP_URL',
    );
  });
});

describe('a file .env in the working directory', () => {
  test('is read; what the environment says wins', async () => {
    const lines = ['# comment', `COUNTERSIGN_PUBLIC_URL="http://localhost:${place.port}"`, 'COUNTERSIGN_COOKIE_PREFIX=fromfile', 'PORT=1'];
    await writeFile(join(place.folder, '.env'), lines.join('\r\n'));
    await place.start({ COUNTERSIGN_REGISTRATION: 'open' });
    const headers = [['content-type', 'application/json']] as const;
    const body = JSON.stringify({ username: 'ada', password: 'correct horse battery staple' });
    await send({ port: place.port, method: 'POST', path: '/api/auth/register', headers, body });
    const { setCookies } = await send({ port: place.port, method: 'POST', path: '/api/auth/login', headers, body });
    expect(setCookies.map((line) => line.split('=')[0])).toEqual(['fromfile-access', 'fromfile-refresh', 'fromfile-state']);
  });

  test('that says production is obeyed', async () => {
    await writeFile(join(place.folder, '.env'), 'NODE_ENV=production\n');
    const { code, output } = await place.fail({});
    expect(code).toBe(1);
    expect(output).toContain('COUNTERSIGN_SECRET');
    expect(output).toContain('COUNTERSIGN_PUBLIC_URL');
  });

  test('that cannot be read is a problem with its path', async () => {
    await mkdir(join(place.folder, '.env'));
    const { code, output } = await place.fail({});
    expect(code).toBe(1);
    expect(output).toContain('.env  cannot be read (EISDIR)');
  });
});
