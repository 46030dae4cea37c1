/** Checks the options of `createAuth` and resolves them: all problems are reported together, each with its path and what to do. */
import { isDevelopmentSecret, isMasterSecret } from '../crypto/master-secret.js';
import { ConfigError } from '../errors.js';
import type { AppTypes } from '../model/app-types.js';
import type { AuthConfig, CookieConfig, PublicUrl } from '../model/config.js';
import type { Limit } from '../model/limits.js';
import type { AuthOptions } from '../model/options.js';
import { cookieName, cookiePrefixPattern } from '../protocol/names.js';
import { checkOptionNames } from './option-names.js';
import { OptionProblems } from './option-problems.js';
import { parseLimit } from './parse-limit.js';
import { minPasswordLength } from './password-rules.js';
import { revocationsScope } from './scopes.js';
import { resolveTrustedProxies } from './trusted-proxies.js';
import { adminRole } from '../model/store.js';
import { resolveLinks, resolveMail, resolveUnverified } from './resolve-mail.js';
import { resolvePublicUrl, resolveTrustedOrigins } from './resolve-origins.js';

const day = 86_400;
/** Browsers cut longer ones (RFC 6265bis section 5.5). */
const longestCookieSeconds = 400 * day;

/** @throws {ConfigError} */
export function resolveOptions<App extends AppTypes>(options: AuthOptions<App>): AuthConfig {
  const problems = new OptionProblems();
  const publicUrl = resolvePublicUrl('publicUrl', options.publicUrl, problems);
  checkParts(options, publicUrl, problems);
  checkOptionNames(options, problems);
  const development = options.development !== false && publicUrl.loopback && process.env['NODE_ENV'] !== 'production';
  const basePath = resolveBasePath(options.basePath, problems);
  const mail = resolveMail(options, development, problems);
  const identifiers = resolveIdentifiers(options, mail, problems);
  const roles = resolveRoles(options, problems);
  const config: AuthConfig = {
    publicUrl,
    audience: resolveAudience(options, publicUrl, problems),
    basePath,
    trustedOrigins: resolveTrustedOrigins(options.trustedOrigins ?? [], problems),
    identifiers,
    registration: problems.oneOf('registration', options.registration, ['open', 'closed']),
    emailVerification: problems.oneOf('emailVerification', options.emailVerification, ['required', 'optional']),
    unverifiedAccounts: resolveUnverified(options, mail, problems),
    mail,
    links: resolveLinks(options.links ?? {}, `${publicUrl.origin}${basePath}`, problems),
    delivery: problems.oneOf('delivery', options.delivery, ['cookie', 'memory', 'bearer']),
    cookies: resolveCookies(options.cookies ?? {}, publicUrl, problems),
    tokens: resolveTokens(options, problems),
    session: resolveSession(options, problems),
    revocation: {
      mode: problems.oneOf('revocation.mode', options.revocation?.mode, ['strict', 'available']),
      maxStalenessSeconds: problems.duration('revocation.maxStaleness', options.revocation?.maxStaleness, { fallback: '5s', most: '60s' }),
    },
    limits: {
      login: resolveLimit('limits.login', options.limits?.login ?? '10/15m', problems),
      api: resolveLimit('limits.api', options.limits?.api ?? '100/1m', problems),
    },
    passwords: resolvePasswords(options, problems),
    events: resolveEvents(options, problems),
    trustedProxies: resolveTrustedProxies(options.trustedProxies, problems),
    roles,
    defaultRole: [...roles.keys()][0] ?? '',
    sensitiveSeconds: 600,
    development,
  };
  if (problems.list.length > 0) throw new ConfigError(problems.list);
  return config;
}

function resolveLimit(path: string, text: string, problems: OptionProblems): Limit | null {
  const limit = parseLimit(text);
  if (limit === null) problems.add(path, 'must be a number and a time of at most a day such as "10/15m", or "insecure-off".');
  return limit === 'off' ? null : limit;
}

const greatestMinLength = 64;

function resolvePasswords<App extends AppTypes>({ passwords = {} }: AuthOptions<App>, problems: OptionProblems): AuthConfig['passwords'] {
  const { minLength = minPasswordLength, rangeService = null } = passwords;
  if (!Number.isInteger(minLength) || minLength < minPasswordLength || minLength > greatestMinLength) {
    problems.add('passwords.minLength', `must be a whole number from ${String(minPasswordLength)} to ${String(greatestMinLength)}.`);
  }
  if (rangeService !== null && !/^(?:https:\/\/[^/?#]+|http:\/\/(?:localhost|127\.0\.0\.1):\d+)\/(?:[^?#]*\/)?$/.test(rangeService)) {
    problems.add('passwords.rangeService', 'must be an https URL that ends in a slash, such as "https://api.pwnedpasswords.com/range/".');
  }
  return { minLength, rangeService };
}

function resolveEvents<App extends AppTypes>({ events = {} }: AuthOptions<App>, problems: OptionProblems): AuthConfig['events'] {
  const addresses = problems.oneOf('events.addresses', events.addresses, ['keep', 'omit']);
  if (events.keep === 'forever') return { keptSeconds: null, addresses };
  const keptSeconds = problems.duration('events.keep', events.keep, { fallback: '400d' });
  if (keptSeconds < day && events.keep !== undefined) problems.add('events.keep', 'must be at least 1d, or "forever".');
  return { keptSeconds, addresses };
}

function resolveIdentifiers<App extends AppTypes>(
  options: AuthOptions<App>,
  mail: AuthConfig['mail'],
  problems: OptionProblems,
): AuthConfig['identifiers'] {
  const identifiers = new Set<'username' | 'email'>(options.identifiers ?? ['username', 'email']);
  for (const identifier of identifiers) problems.oneOf('identifiers', identifier, ['username', 'email']);
  if (identifiers.size === 0) problems.add('identifiers', 'names none.');
  const needsMail = !identifiers.has('username') && options.emailVerification !== 'optional' && options.registration !== 'closed';
  if (needsMail && mail === 'none') {
    problems.add(
      'emailVerification',
      'registration by e-mail alone needs mail: set sendMail, or "optional", or have people sign in by user name as well.',
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
    else if (permissions.includes(revocationsScope))
      problems.add('roles', `"${revocationsScope}" is for API keys alone: no role can have it.`);
  }
  return roles;
}

function checkParts<App extends AppTypes>({ secret, store, bus }: AuthOptions<App>, publicUrl: PublicUrl, problems: OptionProblems): void {
  if (!isMasterSecret(secret)) problems.add('secret', 'must be made by masterSecret() or developmentSecret().');
  else if (isDevelopmentSecret(secret) && !publicUrl.loopback) {
    problems.add('secret', 'a development secret is for this machine only: make one with `npx countersign secret`.');
  }
  if (typeof (store as Partial<typeof store> | undefined)?.open !== 'function') problems.add('store', 'must be a store such as sqlite().');
  if (bus !== undefined && typeof (bus as Partial<typeof bus>).open !== 'function') problems.add('bus', 'must be a bus such as redis().');
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

function resolveCookies<App extends AppTypes>(
  options: NonNullable<AuthOptions<App>['cookies']>,
  publicUrl: PublicUrl,
  problems: OptionProblems,
): CookieConfig {
  const { prefix = 'cs', topology = 'same-origin' } = options;
  const sameSite = problems.oneOf('cookies.sameSite', options.sameSite, ['lax', 'strict']);
  if (typeof topology === 'string') problems.oneOf('cookies.topology', topology, ['same-origin', 'cross-site']);
  if (!cookiePrefixPattern.test(prefix)) problems.add('cookies.prefix', 'must be up to 32 letters, digits, "-" or "_".');
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
