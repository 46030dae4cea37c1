/** Checks the options of `createAuth` and resolves them: all problems are reported together, each with its path and what to do. */
import { isDevelopmentSecret, isMasterSecret } from '../crypto/master-secret.js';
import { ConfigError, type ConfigProblem } from '../errors.js';
import type { AppTypes, Duration } from '../model/app-types.js';
import type { AuthConfig, CookieConfig, PublicUrl } from '../model/config.js';
import type { AuthOptions } from '../model/options.js';
import { cookieName } from '../protocol/names.js';
import { parseDuration } from './durations.js';

const day = 86_400;
/** Browsers cut longer ones (RFC 6265bis section 5.5). */
const longestCookieSeconds = 400 * day;

class Problems {
  readonly list: ConfigProblem[] = [];

  add(path: string, message: string): void {
    this.list.push({ path, message });
  }

  duration(path: string, value: Duration | undefined, { fallback, most }: { fallback: Duration; most?: Duration }): number {
    const seconds = parseDuration(value ?? fallback);
    if (seconds === null) this.add(path, 'is no duration such as "30s", "15m", "12h" or "7d".');
    else if (most !== undefined && seconds > (parseDuration(most) ?? 0)) this.add(path, `must not be longer than ${most}.`);
    return seconds ?? 1;
  }
}

/** @throws {ConfigError} */
export function resolveOptions<App extends AppTypes>(options: AuthOptions<App>): AuthConfig {
  const problems = new Problems();
  const publicUrl = resolvePublicUrl(options.publicUrl, problems);
  checkParts(options, publicUrl, problems);
  const roles = new Map<string, readonly string[]>(Object.entries(options.roles ?? { user: [], admin: [] }));
  const [defaultRole] = roles.keys();
  if (defaultRole === undefined) problems.add('roles', 'names no role.');
  const identifiers = new Set<'username' | 'email'>(options.identifiers ?? ['username', 'email']);
  const emailVerification = options.emailVerification ?? 'required';
  if (!identifiers.has('username') && emailVerification === 'required' && options.registration !== 'closed') {
    problems.add(
      'emailVerification',
      'sending mail is not part of this version: set "optional", or have people sign in by user name as well.',
    );
  }
  const config: AuthConfig = {
    publicUrl,
    audience: resolveAudience(options, publicUrl, problems),
    basePath: resolveBasePath(options.basePath, problems),
    trustedOrigins: resolveTrustedOrigins(options.trustedOrigins ?? [], problems),
    identifiers,
    registration: options.registration ?? 'open',
    emailVerification,
    delivery: options.delivery ?? 'cookie',
    cookies: resolveCookies(options.cookies ?? {}, publicUrl, problems),
    tokens: resolveTokens(options, problems),
    session: resolveSession(options, problems),
    revocation: {
      mode: options.revocation?.mode ?? 'strict',
      maxStalenessSeconds: problems.duration('revocation.maxStaleness', options.revocation?.maxStaleness, { fallback: '5s', most: '60s' }),
    },
    roles,
    defaultRole: defaultRole ?? '',
    sensitiveSeconds: 600,
    development: options.development !== false && publicUrl.loopback && process.env['NODE_ENV'] !== 'production',
  };
  if (problems.list.length > 0) throw new ConfigError(problems.list);
  return config;
}

function resolvePublicUrl(value: string, problems: Problems): PublicUrl {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    problems.add('publicUrl', 'must be a URL such as "https://api.example.com".');
    return { origin: 'http://localhost', hostname: 'localhost', secure: false, loopback: true };
  }
  const loopback = isLoopback(url.hostname);
  if (url.protocol === 'http:' && !loopback)
    problems.add('publicUrl', 'must be https: cookies and tokens over http can be read on the way.');
  if (value.replace(/\/$/, '') !== url.origin) problems.add('publicUrl', `must be an origin, without path or user: "${url.origin}".`);
  return { origin: url.origin, hostname: url.hostname, secure: url.protocol === 'https:', loopback };
}

/** Whether a host name can only mean this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

function checkParts<App extends AppTypes>({ secret, store }: AuthOptions<App>, publicUrl: PublicUrl, problems: Problems): void {
  if (!isMasterSecret(secret)) problems.add('secret', 'must be made by masterSecret() or developmentSecret().');
  else if (isDevelopmentSecret(secret) && !publicUrl.loopback) {
    problems.add('secret', 'a development secret is for this machine only: make one with `npx countersign secret`.');
  }
  if (typeof (store as Partial<typeof store> | undefined)?.open !== 'function') problems.add('store', 'must be a store such as sqlite().');
}

function resolveAudience<App extends AppTypes>({ tokens }: AuthOptions<App>, publicUrl: PublicUrl, problems: Problems): readonly string[] {
  const audience = tokens?.audience ?? [publicUrl.origin];
  if (audience.length === 0 || audience.some((entry) => typeof entry !== 'string' || entry === '')) {
    problems.add('tokens.audience', 'must name at least one audience.');
  }
  return audience;
}

function resolveBasePath(value: string | undefined, problems: Problems): string {
  const path = value ?? '/api';
  if (!/^(?:\/[A-Za-z0-9_-]+)+$/.test(path)) problems.add('basePath', 'must be a plain path such as "/api", without a slash at its end.');
  return path;
}

function resolveTrustedOrigins(origins: readonly string[], problems: Problems): ReadonlySet<string> {
  origins.forEach((origin, index) => {
    const path = `trustedOrigins[${String(index)}]`;
    const url = URL.canParse(origin) ? new URL(origin) : null;
    if (origin.includes('*')) problems.add(path, 'must be exact: "*" together with cookies would let every page act for your users.');
    else if (url?.origin !== origin)
      problems.add(path, 'must be an exact origin such as "https://app.example.com", without a path or slash.');
    else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) problems.add(path, 'must be https.');
  });
  return new Set(origins);
}

function resolveCookies<App extends AppTypes>(
  options: NonNullable<AuthOptions<App>['cookies']>,
  publicUrl: PublicUrl,
  problems: Problems,
): CookieConfig {
  const { prefix = 'cs', topology = 'same-origin', sameSite = 'lax' } = options;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(prefix)) problems.add('cookies.prefix', 'must be up to 32 letters, digits, "-" or "_".');
  if (topology !== 'same-origin' && !publicUrl.secure) problems.add('cookies.topology', 'needs an https publicUrl.');
  const domain = typeof topology === 'object' ? topology.subdomainsOf : null;
  if (domain !== null && !(domain.includes('.') && `.${publicUrl.hostname}`.endsWith(`.${domain}`))) {
    problems.add('cookies.topology', 'subdomainsOf must be a domain that the host of publicUrl belongs to.');
  }
  const crossSite = topology === 'cross-site';
  if (crossSite && sameSite === 'strict') problems.add('cookies.sameSite', 'cannot be strict across sites.');
  const security = publicUrl.secure ? '__Host-' : '';
  const common = {
    httpOnly: true,
    secure: publicUrl.secure,
    sameSite: crossSite ? ('None' as const) : sameSite === 'strict' ? ('Strict' as const) : ('Lax' as const),
    partitioned: crossSite,
    domain: null,
  };
  return {
    access: { ...common, domain, name: cookieName('access', prefix, domain === null ? security : '__Secure-') },
    refresh: { ...common, name: cookieName('refresh', prefix, security) },
    state: { ...common, httpOnly: false, name: cookieName('state', prefix, security) },
  };
}

function resolveTokens<App extends AppTypes>({ tokens = {} }: AuthOptions<App>, problems: Problems): AuthConfig['tokens'] {
  const algorithm = tokens.algorithm ?? 'ES256';
  if (!['ES256', 'EdDSA', 'RS256', 'HS256'].includes(algorithm)) problems.add('tokens.algorithm', 'must be ES256, EdDSA, RS256 or HS256.');
  const isLong = tokens.insecureAccessTtl !== undefined;
  if (isLong && tokens.accessTtl !== undefined) problems.add('tokens.insecureAccessTtl', 'replaces accessTtl: give one of them.');
  return {
    algorithm,
    accessSeconds: isLong
      ? problems.duration('tokens.insecureAccessTtl', tokens.insecureAccessTtl, { fallback: '15m', most: '400d' })
      : problems.duration('tokens.accessTtl', tokens.accessTtl, { fallback: '15m', most: '24h' }),
    rotateKeysSeconds: problems.duration('tokens.rotateKeysEvery', tokens.rotateKeysEvery, { fallback: '90d', most: '800d' }),
  };
}

function resolveSession<App extends AppTypes>({ session = {} }: AuthOptions<App>, problems: Problems): AuthConfig['session'] {
  const absoluteSeconds = problems.duration('session.absoluteLifetime', session.absoluteLifetime, { fallback: '30d', most: '400d' });
  const idleSeconds = problems.duration('session.idleTimeout', session.idleTimeout, { fallback: '7d' });
  if (idleSeconds > Math.min(absoluteSeconds, longestCookieSeconds) && session.idleTimeout !== undefined) {
    problems.add('session.idleTimeout', 'must not be longer than the absolute lifetime.');
  }
  const maxPerUser = session.maxPerUser ?? 100;
  if (!Number.isInteger(maxPerUser) || maxPerUser < 1) problems.add('session.maxPerUser', 'must be a whole number from 1.');
  return {
    idleSeconds: Math.min(idleSeconds, absoluteSeconds),
    transientIdleSeconds: Math.min(day, idleSeconds, absoluteSeconds),
    absoluteSeconds,
    replayWindowSeconds: problems.duration('session.replayWindow', session.replayWindow, { fallback: '60s', most: '10m' }),
    lateDouble: session.lateDouble ?? 'once',
    maxPerUser,
  };
}
