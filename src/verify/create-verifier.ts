/** `createVerifier`: what a service holds that knows the issuer's URL only. Everything on the path of a request is ready when it resolves. */
import { setTimeout as pause } from 'node:timers/promises';
import { anyUser } from '../access/access-rule.js';
import { whenSettled } from '../access/pending-error.js';
import { guardClock } from '../access/guarded-clock.js';
import { systemClock } from '../crypto/system-clock.js';
import { ConfigError } from '../errors.js';
import { consoleLogger } from '../events/console-logger.js';
import { openGate, type Gate } from '../http/gate.js';
import type { AccessRule, AppTypes, Clock, Logger, Principal, RequestLike } from '../model/app-types.js';
import { revocationsScope } from '../policy/scopes.js';
import { revocationsPath } from '../protocol/revocation-events.js';
import { Freshness } from '../revocation/freshness.js';
import { createRevocationIndex } from '../revocation/revocation-index.js';
import { discover } from './discover.js';
import { guardFetch, type FetchGuard } from './guard-fetch.js';
import { IssuerKeys } from './issuer-keys.js';
import { KnownIssuer } from './known-issuer.js';
import { FeedRefusal, RevocationReader } from './revocation-reader.js';
import { verifierGate, type VerifierGateOptions } from './verifier-gate.js';
import { resolveVerifierOptions, type InsecureVerifierOptions, type VerifierConfig, type VerifierOptions } from './verifier-options.js';

export interface Verifier<App extends AppTypes = AppTypes> {
  /**
   * Who is asking. Synchronous, no I/O; demands a proven origin when a cookie is used on an unsafe method. Never waits: while revocations are
   * not known to be up to date it throws 503 `revocation_unavailable`, and 401 `token_invalid` while a new key of the issuer is being fetched,
   * where the guards wait. Without the feed, 429 `too_many_attempts` for a key that is not known while it cannot be asked for again. A rule is compiled once per object: keep it in a constant. @throws {AuthError} 400, 401, 403, 429, 503.
   */
  getPrincipal(request: RequestLike, rule?: AccessRule<App>): Principal<App>;
  /** As `getPrincipal`, and waits for what is missing, for two seconds at most. @throws {AuthError} 400, 401, 403, 429, 503. */
  authenticate(request: RequestLike, rule?: AccessRule<App>): Promise<Principal<App>>;
  /** Guard and handler in one, for everything that speaks web-standard `Request` and `Response`. */
  readonly authenticated: FetchGuard<App>;
  status(): VerifierStatus;
  /** Reads nothing any more; what is known is over after `maxStaleness`. Safe to call twice. */
  close(): void;
}

export interface VerifierStatus {
  /** Whether what was revoked is known up to `maxStaleness`. Without the feed: never. */
  readonly fresh: boolean;
  /** How old that knowledge is, the issuer's own age included. Infinity while there is none. */
  readonly ageMilliseconds: number;
  /** Revocations held. */
  readonly entries: number;
}

/** For an issuer that is started together with this service. */
const startMilliseconds = 20_000;

/**
 * Resolves when keys and all revocations are here. Waits up to 20 seconds for an issuer that cannot be reached, then rejects.
 * @throws {ConfigError} all problems of the options at once; another issuer; an issuer that signs with HS256; a service key that is refused.
 */
export async function createVerifier<App extends AppTypes = AppTypes>(
  options: VerifierOptions | InsecureVerifierOptions<App>,
): Promise<Verifier<App>> {
  const config = resolveVerifierOptions(options);
  const { logger = consoleLogger } = options;
  const clock = guardClock(options.clock ?? systemClock);
  const closing = new AbortController();
  const opening = { config, logger, clock, closed: closing.signal, until: performance.now() + startMilliseconds };
  try {
    const { issuer, cookies } = await meetIssuer(opening);
    const revocations = await readRevocations(opening, issuer);
    const gate = verifierGate({ config, issuer, cookies, ...revocations, clock, logger });
    return verifierOf<App>(gate, revocations, () => closing.abort());
  } catch (error) {
    closing.abort();
    throw error;
  }
}

interface Opening {
  readonly config: VerifierConfig;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly closed: AbortSignal;
  /** By the monotonic clock. */
  readonly until: number;
}

async function meetIssuer({ config, logger, closed, until }: Opening): Promise<Pick<VerifierGateOptions, 'issuer' | 'cookies'>> {
  const keys = new IssuerKeys({ url: `${config.issuer.origin}/.well-known/jwks.json`, logger, closed });
  const cookies = await untilItWorks(() => discover(config, closed), until);
  await untilItWorks(() => keys.load(), until);
  return { issuer: new KnownIssuer(keys, config.roles), cookies };
}

/** Again and again while the issuer cannot be reached; what is wrong with the set-up does not pass by waiting. */
async function untilItWorks<Value>(work: () => Promise<Value>, until: number): Promise<Value> {
  for (let delay = 250; ; delay = Math.min(2 * delay, 2000)) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConfigError || performance.now() + delay > until) throw error;
      await pause(delay);
    }
  }
}

type Revocations = Pick<VerifierGateOptions, 'index' | 'feed'> & Pick<Verifier, 'status'>;

async function readRevocations({ config, logger, clock, closed, until }: Opening, issuer: KnownIssuer): Promise<Revocations> {
  const index = createRevocationIndex();
  if (config.feed === null) {
    const feed = { isFresh: () => true, waitUntilFresh: () => Promise.resolve(true) };
    return { index, feed, status: () => ({ fresh: false, ageMilliseconds: Infinity, entries: 0 }) };
  }
  const { serviceKey, maxStalenessSeconds } = config.feed;
  const freshness = new Freshness({ maxStalenessSeconds, clock });
  const { origin } = config.issuer;
  const onFacts = issuer.learn.bind(issuer);
  const reader = new RevocationReader({
    url: origin + revocationsPath,
    issuer: origin,
    serviceKey,
    index,
    freshness,
    logger,
    closed,
    onFacts,
  });
  issuer.keys.believeToldWhile(() => reader.isFresh());
  await reader.start(until - performance.now()).catch((error: unknown) => {
    throw error instanceof FeedRefusal ? refusedKey(error) : error;
  });
  return {
    index,
    feed: reader,
    status: () => ({ fresh: freshness.isFresh(), ageMilliseconds: freshness.ageMilliseconds(), entries: index.size }),
  };
}

function refusedKey({ message }: FeedRefusal): ConfigError {
  const remedy = `give an API key with the scope ${revocationsScope} that has neither expired nor been revoked.`;
  return new ConfigError([{ path: 'serviceKey', message: `${message}: ${remedy}` }]);
}

function verifierOf<App extends AppTypes>(gate: Gate, { status }: Revocations, close: () => void): Verifier<App> {
  const getPrincipal = (request: RequestLike, rule: AccessRule<App> = anyUser as AccessRule<App>): Principal<App> =>
    gate.authenticate(request, gate.compile(rule)) as Principal<App>;
  const verifier: Verifier<App> = Object.freeze({
    getPrincipal,
    authenticate: (request: RequestLike, rule?: AccessRule<App>) => whenSettled(() => getPrincipal(request, rule)),
    authenticated: guardFetch<App>(gate),
    status,
    close,
  });
  openGate(verifier, gate);
  return verifier;
}
