/** Wires everything below HTTP: opens the store, loads keys and revocations, and hands each flow what it needs. */
import { compileRule, type CompiledRule } from './access/access-rule.js';
import { Authenticator } from './access/authenticator.js';
import { guardClock } from './access/guarded-clock.js';
import { applicationHooks } from './application-hooks.js';
import { deriveKeys, type SecretRing } from './crypto/master-secret.js';
import { createPasswordHasher } from './crypto/password-hash.js';
import { systemRandom } from './crypto/random.js';
import { systemClock } from './crypto/system-clock.js';
import { createEmitter } from './events/emit-event.js';
import type { FlowContext } from './flows/context.js';
import type { AccessRule, AppTypes, Clock, Logger } from './model/app-types.js';
import { keptBeyondTokensSeconds } from './model/clock-tolerance.js';
import type { AuthConfig } from './model/config.js';
import type { AuthOptions } from './model/options.js';
import type { OpenStore, Revocation, Store } from './model/store.js';
import { resolveOptions } from './policy/resolve-options.js';
import { createRevocationFeed, type RevocationFeed } from './revocation/revocation-feed.js';
import { createRevocationIndex, type RevocationIndex } from './revocation/revocation-index.js';
import type { KeyRing } from './tokens/key-ring.js';
import { openKeyRotation, type KeyRotation } from './tokens/key-rotation.js';

export interface Core extends FlowContext {
  readonly authenticator: Authenticator;
  readonly feed: RevocationFeed;
  readonly keys: KeyRotation;
  readonly logger: Logger;
  /** Once per rule object. */
  compile(rule: AccessRule): CompiledRule;
  /** Finishes running work, closes the store. Safe to call twice. */
  close(): Promise<void>;
}

const keysEverySeconds = 30;
const purgeEverySeconds = 300;
const purgeRows = 200;

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
  readonly index: RevocationIndex;
  readonly feed: RevocationFeed;
  readonly keys: KeyRotation;
}

/** @throws {ConfigError} every problem of the options; a secret that does not open the store's keys; a schema that does not fit. */
export async function createCore<App extends AppTypes>(options: AuthOptions<App>): Promise<Core> {
  const ground: Ground = {
    config: resolveOptions(options),
    secrets: deriveKeys(options.secret),
    logger: options.logger ?? consoleLogger,
    clock: guardClock(options.clock ?? systemClock),
  };
  return assemble(options, ground, await openStore(options.store, ground));
}

async function openStore(chosen: Store, { config, secrets, logger, clock }: Ground): Promise<Opened> {
  const index = createRevocationIndex();
  let keys: KeyRotation | undefined;
  const apply = (rows: readonly Revocation[]): void => {
    index.apply(rows);
    // Until the new keys are here, tokens would be signed with one that nobody accepts.
    if (rows.some(({ kind }) => kind === 'key'))
      keys?.refresh().catch((error: unknown) => logger.error({ err: error }, 'keys not reloaded'));
  };
  const accessTtlSeconds = config.tokens.accessSeconds;
  const store = await chosen.open({ clock, logger, accessTtlSeconds, mode: 'use', onRevocations: apply });
  const { maxStalenessSeconds } = config.revocation;
  const feed = createRevocationFeed({ source: store.revocations, index: withApply(index, apply), maxStalenessSeconds, clock, logger });
  try {
    keys = await openKeyRotation({
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
    await feed.start();
    return { store, index, feed, keys };
  } catch (error) {
    feed.stop();
    await store.close();
    throw error;
  }
}

function assemble<App extends AppTypes>(options: AuthOptions<App>, ground: Ground, { store, index, feed, keys }: Opened): Core {
  const { config, secrets, logger, clock } = ground;
  const emit = createEmitter({ clock, logger, onEvent: options.onEvent });
  const ring = (): KeyRing => keys.current();
  const accessRules = {
    issuer: config.publicUrl.origin,
    audience: config.audience,
    ttlSeconds: config.tokens.accessSeconds,
    // Read at each verification: a process beside this one may be started with a longer life.
    get longestSeconds() {
      return store.longestAccessSeconds;
    },
  };
  const compiled = new WeakMap<AccessRule, CompiledRule>();
  const stopUpkeep = startUpkeep({ keys, logger, purge: () => store.purge(purgeRows) });
  return {
    ...ground,
    ...applicationHooks(options),
    store,
    feed,
    keys,
    emit,
    ring,
    accessRules,
    random: systemRandom,
    startedAt: clock.now(),
    passwords: createPasswordHasher({ onBadHash: (reason) => emit('password.hash_unusable', { reason }) }),
    authenticator: new Authenticator({ config, rules: accessRules, secrets, clock, index, feed, ring }),
    compile: (rule) => {
      const known = compiled.get(rule) ?? compileRule(rule, config);
      compiled.set(rule, known);
      return known;
    },
    close: async () => {
      stopUpkeep();
      feed.stop();
      await store.close();
    },
  };
}

/** The index as the feed sees it: what it reads also reloads keys where that is due. */
function withApply(index: RevocationIndex, apply: RevocationIndex['apply']): Pick<RevocationIndex, 'apply' | 'prune'> {
  return { apply, prune: (now) => index.prune(now) };
}

interface Upkeep {
  readonly keys: KeyRotation;
  readonly purge: () => Promise<boolean>;
  readonly logger: Logger;
}

/** Keys by age, and the removal of what has expired for good, a few rows at a time. */
function startUpkeep({ keys, purge, logger }: Upkeep): () => void {
  const attempt = (what: string, work: () => Promise<unknown>): void => {
    work().catch((error: unknown) => logger.error({ err: error }, `${what} failed; it is tried again`));
  };
  const purgeAll = async (): Promise<void> => {
    while (await purge()) await new Promise((resolve) => setTimeout(resolve, 20).unref());
  };
  const timers = [
    setInterval(() => attempt('upkeep of the signing keys', () => keys.refresh()), keysEverySeconds * 1000),
    setInterval(() => attempt('purge', purgeAll), purgeEverySeconds * 1000),
  ];
  for (const timer of timers) timer.unref();
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/* eslint-disable no-console -- what an application sees that passes no logger */
const consoleLogger: Logger = {
  info: () => undefined,
  warn: (facts, message) => console.warn('[countersign]', message, facts),
  error: (facts, message) => console.error('[countersign]', message, facts),
};
