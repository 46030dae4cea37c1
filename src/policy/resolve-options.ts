/** Checks the options of `createAuth` and resolves them: all problems are reported together, each with its path and what to do. */
import { isDevelopmentSecret, isMasterSecret } from '../crypto/master-secret.js';
import { ConfigError } from '../errors.js';
import type { AppTypes } from '../model/app-types.js';
import type { AuthConfig, CookieConfig, PublicUrl } from '../model/config.js';
import type { AuthOptions } from '../model/options.js';
import { cookieName } from '../protocol/names.js';
import { checkOptionNames } from './option-names.js';
import { OptionProblems } from './option-problems.js';
import { adminRole } from '../model/store.js';

const day = 86_400;
/** Browsers cut longer ones (RFC 6265bis section 5.5). */
const longestCookieSeconds = 400 * day;

/** @throws {ConfigError} */
export function resolveOptions<App extends AppTypes>(options: AuthOptions<App>): AuthConfig {
  const problems = new OptionProblems();
  const publicUrl = resolvePublicUrl(options.publicUrl, problems);
  checkParts(options, publicUrl, problems);
  checkOptionNames(options, problems);
  const identifiers = resolveIdentifiers(options, problems);
  const roles = resolveRoles(options, problems);
  const config: AuthConfig = {
    publicUrl,
    audience: resolveAudience(options, publicUrl, problems),
    basePath: resolveBasePath(options.basePath, problems),
    trustedOrigins: resolveTrustedOrigins(options.trustedOrigins ?? [], problems),
    identifiers,
    registration: problems.oneOf('registration', options.registration, ['open', 'closed']),
    emailVerification: problems.oneOf('emailVerification', options.emailVerification, ['required', 'optional']),
    delivery: problems.oneOf('delivery', options.delivery, ['cookie', 'memory', 'bearer']),
    cookies: resolveCookies(options.cookies ?? {}, publicUrl, problems),
    tokens: resolveTokens(options, problems),
    session: resolveSession(options, problems),
    revocation: {
      mode: problems.oneOf('revocation.mode', options.revocation?.mode, ['strict', 'available']),
      maxStalenessSeconds: problems.duration('revocation.maxStaleness', options.revocation?.maxStaleness, { fallback: '5s', most: '60s' }),
    },
    roles,
    defaultRole: [...roles.keys()][0] ?? '',
    sensitiveSeconds: 600,
    development: options.development !== false && publicUrl.loopback && process.env['NODE_ENV'] !== 'production',
  };
  if (problems.list.length > 0) throw new ConfigError(problems.list);
  return config;
}

function resolveIdentifiers<App extends AppTypes>(options: AuthOptions<App>, problems: OptionProblems): AuthConfig['identifiers'] {
  const identifiers = new Set<'username' | 'email'>(options.identifiers ?? ['username', 'email']);
  for (const identifier of identifiers) problems.oneOf('identifiers', identifier, ['username', 'email']);
  if (identifiers.size === 0) problems.add('identifiers', 'names none.');
  if (!identifiers.has('username') && options.emailVerification !== 'optional' && options.registration !== 'closed') {
    problems.add(
      'emailVerification',
      'sending mail is not part of this version: set "optional", or have people sign in by user name as well.',
    );
  }
  return identifiers;
}

/** Names start with a letter: an object lists names that look like numbers first, whatever was written first. */
const roleName = /^[A-Za-z][A-Za-z0-9:._-]{0,63}$/;

function resolveRoles<App extends AppTypes>(options: AuthOptions<App>, problems: OptionProblems): AuthConfig['roles'] {
  const roles = new Map<string, readonly string[]>(Object.entries(options.roles ?? { user: [], [adminRole]: [] }));
  const [first] = roles.keys();
  if (first === undefined) problems.add('roles', 'names no role.');
  if (first === adminRole) problems.add('roles', `the first role is what everybody gets who registers: put "${adminRole}" behind another.`);
  for (const [role, permissions] of roles) {
    if (!roleName.test(role)) problems.add('roles', 'a name has up to 64 letters, digits, ":", ".", "_" or "-", and starts with a letter.');
    if (!Array.isArray(permissions)) problems.add(`roles.${role}`, 'must be a list of permissions.');
  }
  return roles;
}

function resolvePublicUrl(value: string, problems: OptionProblems): PublicUrl {
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

function checkParts<App extends AppTypes>({ secret, store }: AuthOptions<App>, publicUrl: PublicUrl, problems: OptionProblems): void {
  if (!isMasterSecret(secret)) problems.add('secret', 'must be made by masterSecret() or developmentSecret().');
  else if (isDevelopmentSecret(secret) && !publicUrl.loopback) {
    problems.add('secret', 'a development secret is for this machine only: make one with `npx countersign secret`.');
  }
  if (typeof (store as Partial<typeof store> | undefined)?.open !== 'function') problems.add('store', 'must be a store such as sqlite().');
}

function resolveAudience<App extends AppTypes>(
  { tokens }: AuthOptions<App>,
  publicUrl: PublicUrl,
  problems: OptionProblems,
): readonly string[] {
  const audience = tokens?.audience ?? [publicUrl.origin];
  if (audience.length === 0 || audience.some((entry) => typeof entry !== 'string' || entry === '')) {
    problems.add('tokens.audience', 'must name at least one audience.');
  }
  return audience;
}

function resolveBasePath(value: string | undefined, problems: OptionProblems): string {
  const path = value ?? '/api';
  if (!/^(?:\/[A-Za-z0-9_-]+)+$/.test(path)) problems.add('basePath', 'must be a plain path such as "/api", without a slash at its end.');
  return path;
}

function resolveTrustedOrigins(origins: readonly string[], problems: OptionProblems): ReadonlySet<string> {
  if (typeof origins !== 'object') {
    problems.add('trustedOrigins', 'must be a list of origins.');
    return new Set();
  }
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
  problems: OptionProblems,
): CookieConfig {
  const { prefix = 'cs', topology = 'same-origin' } = options;
  const sameSite = problems.oneOf('cookies.sameSite', options.sameSite, ['lax', 'strict']);
  if (typeof topology === 'string') problems.oneOf('cookies.topology', topology, ['same-origin', 'cross-site']);
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

function resolveTokens<App extends AppTypes>({ tokens = {} }: AuthOptions<App>, problems: OptionProblems): AuthConfig['tokens'] {
  const isLong = tokens.insecureAccessTtl !== undefined;
  if (isLong && tokens.accessTtl !== undefined) problems.add('tokens.insecureAccessTtl', 'replaces accessTtl: give one of them.');
  return {
    algorithm: problems.oneOf('tokens.algorithm', tokens.algorithm, ['ES256', 'EdDSA', 'RS256', 'HS256']),
    accessSeconds: isLong
      ? problems.duration('tokens.insecureAccessTtl', tokens.insecureAccessTtl, { fallback: '15m', most: '400d' })
      : problems.duration('tokens.accessTtl', tokens.accessTtl, { fallback: '15m', most: '24h' }),
    rotateKeysSeconds: problems.duration('tokens.rotateKeysEvery', tokens.rotateKeysEvery, { fallback: '90d', most: '800d' }),
  };
}

function resolveSession<App extends AppTypes>({ session = {} }: AuthOptions<App>, problems: OptionProblems): AuthConfig['session'] {
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
    lateDouble: problems.oneOf('session.lateDouble', session.lateDouble, ['once', 'never']),
    maxPerUser,
  };
}
