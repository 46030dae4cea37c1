/** Checks the options of `createVerifier`, and resolves them: all problems are reported together. */
import { ConfigError } from '../errors.js';
import type { AppTypes, Clock, Duration, Logger, WebOrigin } from '../model/app-types.js';
import type { PublicUrl } from '../model/config.js';
import { OptionProblems } from '../policy/option-problems.js';
import { parseDuration } from '../policy/durations.js';
import { resolvePublicUrl, resolveTrustedOrigins } from '../policy/resolve-origins.js';
import { cookiePrefixPattern } from '../protocol/names.js';
import { parseApiKey } from '../tokens/api-key.js';

interface CommonOptions {
  /** The public URL of the server that issues the tokens, exact. `https`, or `http` on this machine. */
  issuer: string;
  /** What this service is called in `tokens.audience` of the issuer; tokens that do not name it are refused. */
  audience: string;
  /** `prefix`: as in the options of the issuer. Default: the names that the issuer publishes. */
  cookies?: { prefix?: string };
  /** Web pages that may call this service with cookies, exact. The issuer's own origin is always in. */
  trustedOrigins?: readonly WebOrigin[];
  /** Default: warnings and errors on the console. */
  logger?: Logger;
  clock?: Clock;
}

export interface VerifierOptions extends CommonOptions {
  /** An API key of the issuer with the scope `revocations:read`, for reading what was revoked. */
  serviceKey: string;
  /** What is older is not believed: requests are refused with 503 `revocation_unavailable`. Default `5s`, from `3s` to `60s`. */
  maxStaleness?: Duration;
}

/** Without the feed: a revoked token is good until it expires (15 minutes, unless the issuer says otherwise), and so are old roles. */
export interface InsecureVerifierOptions<App extends AppTypes = AppTypes> extends CommonOptions {
  insecureWithoutRevocation: true;
  /** Each role and what it may do, as at the issuer; without it no rule can demand a permission. */
  roles?: { readonly [R in App['role']]: readonly App['permission'][] };
}

export interface VerifierConfig {
  readonly issuer: PublicUrl;
  readonly audience: string;
  readonly cookiePrefix: string | null;
  readonly trustedOrigins: ReadonlySet<string>;
  /** Null: without the feed. */
  readonly feed: { readonly serviceKey: string; readonly maxStalenessSeconds: number } | null;
  /** Null: not known. With the feed the issuer says it. */
  readonly roles: ReadonlyMap<string, readonly string[]> | null;
  /** Whether refusals may explain themselves. */
  readonly development: boolean;
}

type All<Options> = Readonly<Record<keyof Options & string, true>>;
const common: All<CommonOptions> = { issuer: true, audience: true, cookies: true, trustedOrigins: true, logger: true, clock: true };
const withFeed: All<VerifierOptions> = { ...common, serviceKey: true, maxStaleness: true };
const withoutFeed: All<InsecureVerifierOptions> = { ...common, insecureWithoutRevocation: true, roles: true };

/** What arrives less often than each second or two can never be fresh. */
const leastStalenessSeconds = 3;

/** @throws {ConfigError} */
export function resolveVerifierOptions<App extends AppTypes>(options: VerifierOptions | InsecureVerifierOptions<App>): VerifierConfig {
  const problems = new OptionProblems();
  const insecure = isInsecure(options);
  problems.onlyKnown('', options, Object.keys(insecure ? withoutFeed : withFeed));
  problems.onlyKnown('cookies.', options.cookies, ['prefix']);
  const issuer = resolvePublicUrl('issuer', options.issuer, problems);
  const { audience } = options;
  if (typeof audience !== 'string' || audience === '') {
    problems.add('audience', 'must be what this service is called in tokens.audience of the issuer.');
  }
  const config: VerifierConfig = {
    issuer,
    audience,
    cookiePrefix: resolveCookiePrefix(options.cookies?.prefix, problems),
    trustedOrigins: resolveTrustedOrigins(options.trustedOrigins ?? [], problems),
    feed: insecure ? null : resolveFeed(options, problems),
    roles: insecure && options.roles !== undefined ? new Map(Object.entries(options.roles)) : null,
    development: issuer.loopback && process.env['NODE_ENV'] !== 'production',
  };
  if (problems.list.length > 0) throw new ConfigError(problems.list);
  return config;
}

/** Nothing but `true` opens this door. */
function isInsecure<App extends AppTypes>(
  options: VerifierOptions | InsecureVerifierOptions<App>,
): options is InsecureVerifierOptions<App> {
  return (options as Partial<InsecureVerifierOptions<App>>).insecureWithoutRevocation === true;
}

function resolveCookiePrefix(prefix: string | undefined, problems: OptionProblems): string | null {
  if (prefix !== undefined && !cookiePrefixPattern.test(prefix)) {
    problems.add('cookies.prefix', 'must be up to 32 letters, digits, "-" or "_".');
  }
  return prefix ?? null;
}

function resolveFeed({ serviceKey, maxStaleness }: VerifierOptions, problems: OptionProblems): VerifierConfig['feed'] {
  // Its checksum tells a misprint from a key without asking anybody.
  if (typeof serviceKey !== 'string' || parseApiKey(serviceKey) === null)
    problems.add('serviceKey', 'must be an API key of the issuer, csk_…, as it was printed when it was made.');
  const maxStalenessSeconds = problems.duration('maxStaleness', maxStaleness, { fallback: '5s', most: '60s' });
  if (maxStalenessSeconds < leastStalenessSeconds && maxStaleness !== undefined && parseDuration(maxStaleness) !== null) {
    problems.add(
      'maxStaleness',
      `must not be shorter than ${String(leastStalenessSeconds)}s: the feed brings news at once, but says only each second that there is none.`,
    );
  }
  return { serviceKey, maxStalenessSeconds };
}
