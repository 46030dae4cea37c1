/** Wires everything below HTTP: opens the store, loads keys and revocations, and hands each flow what it needs. */
import { compileRule, type CompiledRule } from './access/access-rule.js';
import { ApiKeyVerifier } from './access/api-key-verifier.js';
import { Authenticator } from './access/authenticator.js';
import { issuerCookieGuard } from './access/csrf-guard.js';
import { guardClock } from './access/guarded-clock.js';
import { applicationHooks } from './application-hooks.js';
import { deriveKeys, type SecretRing } from './crypto/master-secret.js';
import { createPasswordHasher } from './crypto/password-hash.js';
import { systemRandom } from './crypto/random.js';
import { systemClock } from './crypto/system-clock.js';
import { consoleLogger, consolePrint } from './events/console-logger.js';
import { createEmitter, type EmitEvent } from './events/emit-event.js';
import { EventRecorder } from './events/event-recorder.js';
import { createBreachCheck } from './flows/breached-passwords.js';
import type { FlowContext } from './flows/context.js';
import { purgeStore } from './flows/purge-store.js';
import { trimEvents } from './flows/trim-events.js';
import { workOffCause } from './flows/work-off-cause.js';
import { AttemptLimiter, codeLimit } from './limits/attempt-limiter.js';
import { feedLimit } from './limits/feed-limit.js';
import { MailLimiter } from './limits/mail-limiter.js';
import { RequestLimiter } from './limits/request-limiter.js';
import type { Mailbox } from './mail/mailbox.js';
import { openMail, type MailParts } from './mail/open-mail.js';
import type { SenderTiming } from './mail/sender.js';
import type { AccessRule, AppTypes, Clock, Logger } from './model/app-types.js';
import { keptBeyondTokensSeconds } from './model/clock-tolerance.js';
import type { OpenBus } from './model/bus.js';
import type { AuthConfig } from './model/config.js';
import type { AuthOptions } from './model/options.js';
import type { OpenStore, Revocation, StoreContext } from './model/store.js';
import { resolveOptions } from './policy/resolve-options.js';
import { createPermissionsOf } from './policy/roles.js';
import { createRevocationFeed, type RevocationFeed } from './revocation/revocation-feed.js';
import { createRevocationIndex, type RevocationIndex } from './revocation/revocation-index.js';
import { KeyReload } from './tokens/key-reload.js';
import type { KeyRing } from './tokens/key-ring.js';
import { openKeyRotation, type KeyRotation } from './tokens/key-rotation.js';

export interface Core extends FlowContext {
  readonly authenticator: Authenticator;
  readonly apiKeys: ApiKeyVerifier;
  readonly index: RevocationIndex;
  readonly feed: RevocationFeed;
  readonly keys: KeyRotation;
  readonly logger: Logger;
  readonly attempts: AttemptLimiter;
  /** Of the codes of authenticator apps, by account. */
  readonly codes: AttemptLimiter;
  readonly requests: RequestLimiter;
  readonly mails: MailLimiter;
  /** Only in development, and only while no transport is set. */
  readonly mailbox: Mailbox | null;
  /** Once per rule object. */
  compile(rule: AccessRule): CompiledRule;
  /** Finishes running work, closes the store. Safe to call twice. */
  close(): Promise<void>;
}

const keysEverySeconds = 30;
const purgeEverySeconds = 300;

/** What is known before anything is opened. */
interface Ground {
  readonly config: AuthConfig;
  readonly secrets: SecretRing;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The store, and what is loaded from it and kept up to date. */
interface Opened {
  readonly store: OpenStore;
  readonly bus: OpenBus | undefined;
  readonly index: RevocationIndex;
  readonly feed: RevocationFeed;
  readonly keys: KeyRotation;
  readonly reload: KeyReload;
}

/** What only we decide. */
export interface CoreTerms {
  /** `false`: mails are left to the servers of this store. A command ends before they could be sent. */
  readonly sendsMail?: boolean;
  readonly mailTiming?: Partial<SenderTiming>;
}

/** @throws {ConfigError} every problem of the options; a secret that does not open the store's keys; a schema that does not fit. */
export async function createCore<App extends AppTypes>(options: AuthOptions<App>, terms: CoreTerms = {}): Promise<Core> {
  const ground: Ground = {
    config: resolveOptions(options),
    secrets: deriveKeys(options.secret),
    logger: options.logger ?? consoleLogger,
    clock: guardClock(options.clock ?? systemClock),
  };
  return assemble(options, { ...ground, ...terms }, await open(options, ground));
}

async function open<App extends AppTypes>(options: AuthOptions<App>, { config, secrets, logger, clock }: Ground): Promise<Opened> {
  const index = createRevocationIndex();
  let reload: KeyReload | undefined;
  const apply = (rows: readonly Revocation[]): readonly Revocation[] => {
    // Until the new keys are here, tokens would be signed with one that nobody accepts.
    if (rows.some(({ kind }) => kind === 'key')) reload?.begin();
    return index.apply(rows);
  };
  const bus = await options.bus?.open({ logger });
  let feed: RevocationFeed | null = null;
  const onRevocations = (rows: readonly Revocation[]): void => {
    apply(rows);
    feed?.announce(rows);
    bus?.publish();
  };
  const store = await openStore(options, { clock, logger, accessTtlSeconds: config.tokens.accessSeconds, mode: 'use', onRevocations }, bus);
  feed = createRevocationFeed({
    source: store.revocations,
    index: withApply(index, apply),
    maxStalenessSeconds: config.revocation.maxStalenessSeconds,
    clock,
    logger,
    hints: [store.hints, bus].filter((hints) => hints !== null && hints !== undefined),
  });
  try {
    const keys = await openKeyRotation({
      store: store.keys,
      secrets,
      random: systemRandom,
      clock,
      algorithm: config.tokens.algorithm,
      rotateSeconds: config.tokens.rotateKeysSeconds,
      get tokenSeconds() {
        return store.longestAccessSeconds + keptBeyondTokensSeconds;
      },
      memorySeconds: config.session.absoluteSeconds,
    });
    reload = new KeyReload(keys, logger);
    await feed.start();
    return { store, bus, index, feed, keys, reload };
  } catch (error) {
    reload?.stop();
    feed.stop();
    await Promise.all([store.close(), bus?.close()]);
    throw error;
  }
}

async function openStore<App extends AppTypes>(
  { store }: AuthOptions<App>,
  context: StoreContext,
  bus: OpenBus | undefined,
): Promise<OpenStore> {
  try {
    return await store.open(context);
  } catch (error) {
    await bus?.close();
    throw error;
  }
}

function assemble<App extends AppTypes>(
  options: AuthOptions<App>,
  { sendsMail = true, mailTiming = {}, ...ground }: Ground & CoreTerms,
  opened: Opened,
): Core {
  const { store, bus, index, feed, keys, reload } = opened;
  const { config, secrets, logger, clock } = ground;
  const { emit, recorder } = recording(options, ground, store);
  const ring = (): KeyRing => keys.current();
  const accessRules = accessRulesOf(config, store);
  const limiters = limitersOf(ground, store);
  const hooks = applicationHooks(options);
  const permissionsOf = createPermissionsOf(config.roles);
  const { trustedProxies, passwords } = config;
  const judged = { permissionsOf, clock, index, feed };
  const apiKeys = new ApiKeyVerifier({ ...judged, store: store.apiKeys, logger, trustedProxies, claimsOf: hooks.claimsOf });
  const stopUpkeep = startUpkeep({ keys, reload, ...ground, store });
  const mail = openMail({ ...mailParts(options, ground), outbox: store.outbox, ...composing(hooks, emit), timing: mailTiming });
  const core: Core = {
    ...ground,
    ...hooks,
    store,
    index,
    feed,
    keys,
    ...limiters,
    mailbox: mail.mailbox,
    postbox: mail.postbox,
    emit,
    ring,
    learnRevocations: () => feed.catchUp().catch(() => undefined),
    accessRules,
    random: systemRandom,
    startedAt: clock.now(),
    passwords: createPasswordHasher({ onBadHash: (reason) => emit('password.hash_unusable', { reason }) }),
    isBreachedPassword: passwords.rangeService === null ? async () => false : createBreachCheck({ url: passwords.rangeService, logger }),
    authenticator: new Authenticator({
      rules: accessRules,
      cookie: config.cookies.access.name,
      cookieGuard: issuerCookieGuard(config, secrets),
      ...judged,
      apiKeys,
      ring,
    }),
    apiKeys,
    compile: compileOnce(config),
    close: async () => {
      stopUpkeep();
      limiters.requests.stop();
      limiters.attempts.settle();
      limiters.codes.settle();
      feed.stop();
      await mail.close().then(() => recorder.close());
      await Promise.all([store.close(), bus?.close()]);
    },
  };
  if (sendsMail) mail.start((cause, row) => workOffCause(core, cause, row));
  return core;
}

function recording<App extends AppTypes>(
  { onEvent }: AuthOptions<App>,
  { config, ...ground }: Ground,
  { events }: OpenStore,
): { readonly emit: EmitEvent; readonly recorder: EventRecorder } {
  const keepsAddresses = config.events.addresses === 'keep';
  const recorder = new EventRecorder({ ...ground, store: events, random: systemRandom, keepsAddresses });
  return { emit: createEmitter({ ...ground, record: (event, address) => recorder.record(event, address), onEvent }), recorder };
}

/** The mailbox of development prints where the application looks: on its own logger, or else on the console. */
function mailParts<App extends AppTypes>(
  { sendMail, logger }: AuthOptions<App>,
  ground: Ground,
): Pick<MailParts, keyof Ground | 'random' | 'sendMail' | 'print'> {
  const print = logger === undefined ? consolePrint : (block: string): void => logger.info({}, `a mail, for development only:${block}`);
  return { ...ground, random: systemRandom, sendMail, print };
}

function composing(hooks: ReturnType<typeof applicationHooks>, emit: EmitEvent): Pick<MailParts, 'composeMail' | 'onGivenUp'> {
  return { composeMail: (facts) => hooks.composeMail(facts), onGivenUp: (kind) => emit('mail.failed', { reason: kind }) };
}

function limitersOf({ config, logger, secrets }: Ground, { counters }: OpenStore): Pick<Core, 'attempts' | 'codes' | 'requests' | 'mails'> {
  const { api, login } = config.limits;
  return {
    requests: new RequestLimiter({ counters, limits: { api, refresh: api, feed: api === null ? null : feedLimit }, logger }),
    attempts: new AttemptLimiter({ counters, limit: login, logger }),
    codes: new AttemptLimiter({ counters, limit: login === null ? null : codeLimit, logger }),
    mails: new MailLimiter({ counters, limit: login, secrets }),
  };
}

/** Read at each verification: a process beside this one may be started with a longer life. */
function accessRulesOf({ publicUrl, audience, tokens }: AuthConfig, store: OpenStore): Core['accessRules'] {
  return {
    issuer: publicUrl.origin,
    audience,
    ttlSeconds: tokens.accessSeconds,
    get longestSeconds() {
      return store.longestAccessSeconds;
    },
  };
}

/** Each rule is checked when it is first met, and never again. */
function compileOnce(config: AuthConfig): Core['compile'] {
  const compiled = new WeakMap<AccessRule, CompiledRule>();
  return (rule) => {
    const known = compiled.get(rule);
    if (known !== undefined) return known;
    const made = compileRule(rule, config);
    compiled.set(rule, made);
    return made;
  };
}

/** The index as the feed sees it: what it reads also reloads keys where that is due. */
function withApply(index: RevocationIndex, apply: RevocationIndex['apply']): Pick<RevocationIndex, 'apply' | 'prune'> {
  return { apply, prune: (now) => index.prune(now) };
}

interface Upkeep {
  readonly keys: KeyRotation;
  readonly reload: KeyReload;
  readonly store: OpenStore;
  readonly logger: Logger;
  readonly config: AuthConfig;
  readonly secrets: SecretRing;
}

async function purgeAll({ store, logger, config, secrets }: Omit<Upkeep, 'keys' | 'reload'>, hasStopped: () => boolean): Promise<void> {
  await purgeStore(store, hasStopped);
  await trimEvents(store, { keptSeconds: config.events.keptSeconds, signers: secrets, logger, hasStopped });
}

/** Keys by age, and the removal of what has expired for good. */
function startUpkeep({ keys, reload, store, logger, ...terms }: Upkeep): () => void {
  const attempt = (what: string, work: () => Promise<unknown>): Promise<unknown> =>
    work().catch((error: unknown) => logger.error({ err: error }, `${what} failed; it is tried again`));
  let hasStopped = false;
  // A purge of very much takes longer than the interval, and two at once would take twice their share.
  let purging: Promise<unknown> | null = null;
  const purge = (): void => {
    purging ??= attempt('purge', () => purgeAll({ store, logger, ...terms }, () => hasStopped)).finally(() => (purging = null));
  };
  const timers = [
    setInterval(() => void attempt('upkeep of the signing keys', () => keys.refresh()), keysEverySeconds * 1000),
    setInterval(purge, purgeEverySeconds * 1000),
  ];
  for (const timer of timers) timer.unref();
  return () => {
    hasStopped = true;
    reload.stop();
    for (const timer of timers) clearInterval(timer);
  };
}
