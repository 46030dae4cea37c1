/** API keys as requests present them: known ones are answered from memory, others looked up in the store, once for all who ask. */
import { createHash } from 'node:crypto';
import { constantTimeEqual } from '../crypto/digest.js';
import { AuthError } from '../errors.js';
import { recordUseEverySeconds, type ApiKeyAndUser, type ApiKeyStore } from '../model/api-key.js';
import type { Clock, Logger, Principal, RequestLike } from '../model/app-types.js';
import type { TrustedProxies } from '../model/config.js';
import type { UserRecord } from '../model/store.js';
import { judgeApiKey } from '../policy/api-key-life.js';
import { namedPermissions, type PermissionsOf } from '../policy/roles.js';
import { mayReadRevocations, revocationsScope } from '../policy/scopes.js';
import type { ErrorCode } from '../protocol/error-codes.js';
import type { RevocationFeed } from '../revocation/revocation-feed.js';
import type { RevocableToken, RevocationIndex, TokenFingerprints } from '../revocation/revocation-index.js';
import { parseApiKey, type ApiKeyContent } from '../tokens/api-key.js';
import { BoundedMap } from './bounded-map.js';
import { sourceOf } from './client-address.js';
import { LookUpAllowance } from './look-up-allowance.js';
import { PendingError, whenSettled } from './pending-error.js';
import { TokenPrincipal } from './verified-token.js';

export interface ApiKeyVerifierOptions {
  readonly store: ApiKeyStore;
  readonly index: Pick<RevocationIndex, 'check' | 'fingerprintsOf'>;
  readonly feed: Pick<RevocationFeed, 'isFresh' | 'waitUntilFresh'>;
  /** Must not run backwards. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly permissionsOf: PermissionsOf;
  /** Look-ups count for whoever is behind them. */
  readonly trustedProxies: TrustedProxies;
  /** The application's public facts about the owner. */
  claimsOf(user: UserRecord): Promise<Readonly<Record<string, unknown>> | undefined>;
}

/** A key as it was read, and its owner as he was then. */
export interface KnownApiKey extends RevocableToken {
  readonly principal: Principal;
  /** Of all that the key was given, what its owner may: permissions, and what is given to keys alone. */
  readonly scopes: readonly string[];
  /** Until when the secret that was presented is good, in milliseconds; Infinity: for ever. */
  readonly validUntil: number;
  readonly fingerprints: TokenFingerprints;
  readonly readAt: number;
}

interface RefusedApiKey {
  readonly code: ErrorCode;
  readonly until: number;
}

export interface Asking {
  readonly revocation: 'strict' | 'available';
  readonly now: number;
  /** The request that brought the key. Left out: it did not come in one. */
  readonly request?: RequestLike | undefined;
}

/** What was read is believed for so long; revocation is looked up beside it each time. */
const knownMilliseconds = 60_000;
/** A key in use is read again by then, so that no request has to wait for it. */
const renewAfterMilliseconds = 30_000;
const refusedMilliseconds = 10_000;
/** About 2 kB each. */
const capacity = 10_000;
/** Look-ups of keys that turn out to be none: a database does not feel that many. One address gets a quarter of them at the most. */
const strangers = { perSecond: 200, perSource: 50 };
/** The last second that a `Date` can hold. */
const never = 8_640_000_000_000;

export class ApiKeyVerifier {
  readonly #options: ApiKeyVerifierOptions;
  /** By the digest of the whole key, so that memory holds no key. What a stranger makes up never displaces what is known. */
  readonly #known = new BoundedMap<KnownApiKey>(capacity);
  readonly #refused = new BoundedMap<RefusedApiKey>(capacity);
  readonly #underWay: Map<string, Promise<boolean>> = new Map();
  readonly #strangers = new LookUpAllowance(strangers);

  constructor(options: ApiKeyVerifierOptions) {
    this.#options = options;
  }

  /**
   * Whose key it is, as it was read within the last minute and has not been revoked since. Synchronous, no I/O.
   * @throws {AuthError} `token_invalid`, `token_expired`, `session_revoked`, `account_disabled`; `overloaded` while too many are tried that are
   * none; a `PendingError` for a key that must be looked up first, and while revocations are not up to date.
   */
  find(key: string, asking: Asking): KnownApiKey {
    const { index, feed } = this.#options;
    const { revocation, now } = asking;
    const digest = digestOf(key);
    const known = this.#known.get(digest);
    const isBelieved = known !== undefined && now - known.readAt < knownMilliseconds && index.check(known, known.fingerprints) === null;
    if (!isBelieved) throw this.#pending(digest, key, asking);
    if (now >= known.validUntil) throw new AuthError('token_expired');
    if (revocation === 'strict' && !feed.isFresh(now)) throw new PendingError('revocation_unavailable', () => feed.waitUntilFresh());
    if (now - known.readAt >= renewAfterMilliseconds) this.#renew(digest, key, now);
    return known;
  }

  /** As `find`, and waits for what is missing. @throws {AuthError} 401, 403, 503. */
  verify(key: string, asking: Omit<Asking, 'now'>): Promise<KnownApiKey> {
    return whenSettled(() => this.find(key, { ...asking, now: this.#options.clock.now() }));
  }

  /**
   * The id of a key that was genuine when it was read last, however long ago; null for any other. For counting alone: looks into memory, and
   * causes nothing.
   */
  idOfKnown(key: string): string | null {
    return this.#known.get(digestOf(key))?.sessionId ?? null;
  }

  /** For a key that is not known, or no longer. @throws {AuthError} where no look-up can help. */
  #pending(digest: string, key: string, { revocation, now, request }: Asking): PendingError {
    const refused = this.#refused.get(digest);
    if (refused !== undefined && now < refused.until) throw new AuthError(refused.code);
    const content = parseApiKey(key);
    if (content === null) throw new AuthError('token_invalid', { reason: 'no API key' });
    const reading = this.#underWay.get(digest) ?? this.#lookUpFor(request, digest, { content, now });
    const { feed } = this.#options;
    return new PendingError('store_unavailable', async () => (await reading) && (revocation === 'available' || feed.waitUntilFresh()));
  }

  #renew(digest: string, key: string, now: number): void {
    const content = this.#underWay.has(digest) ? null : parseApiKey(key);
    if (content !== null) void this.#lookUp(digest, content, now);
  }

  /** As `#lookUp`, but what was never known counts. @throws {AuthError} `overloaded` */
  #lookUpFor(
    request: RequestLike | undefined,
    digest: string,
    { content, now }: { content: ApiKeyContent; now: number },
  ): Promise<boolean> {
    if (this.#known.get(digest) !== undefined) return this.#lookUp(digest, content, now);
    const source = request === undefined ? null : sourceOf(request, this.#options.trustedProxies);
    if (!this.#strangers.take(now, source)) throw new AuthError('overloaded', { reason: 'too many unknown API keys' });
    return this.#lookUp(digest, content, now).finally(() => {
      if (this.#known.get(digest) !== undefined) this.#strangers.giveBack(source);
    });
  }

  /** False when the store could not say. Never rejects. */
  #lookUp(digest: string, content: ApiKeyContent, now: number): Promise<boolean> {
    const reading = this.#read(digest, content, now).finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, reading);
    return reading;
  }

  async #read(digest: string, content: ApiKeyContent, readAt: number): Promise<boolean> {
    try {
      const judged = await this.#judge(await this.#options.store.find(content.id), content, readAt);
      if (typeof judged === 'string') {
        this.#known.delete(digest);
        this.#refused.set(digest, { code: judged, until: readAt + refusedMilliseconds });
      } else {
        this.#refused.delete(digest);
        this.#known.set(digest, judged);
      }
      return true;
    } catch (error) {
      this.#options.logger.error({ err: error }, 'an API key could not be looked up');
      return false;
    }
  }

  async #judge(found: ApiKeyAndUser | null, { secretDigest }: ApiKeyContent, readAt: number): Promise<KnownApiKey | ErrorCode> {
    if (found === null) return 'token_invalid';
    const verdict = judgeApiKey(found, secretDigest);
    if (!verdict.ok) return verdict.code;
    this.#recordUse(found, secretDigest);
    const { owner, until } = verdict;
    const { index, permissionsOf } = this.#options;
    const { id, scopes, rotatedAt, createdAt } = found.key;
    // The store's clock may differ from ours: what counts is how long the key still has.
    const validUntil = until === null ? Infinity : readAt + (until - found.now);
    const app = await this.#options.claimsOf(owner);
    const facts = {
      sub: owner.id,
      sid: id,
      roles: [],
      amr: [],
      auth_time: Math.floor((rotatedAt ?? createdAt) / 1000),
      exp: until === null ? never : Math.floor(validUntil / 1000),
      ...(app === undefined ? {} : { app }),
    };
    const permitted = permissionsOf(owner.roles);
    const readsRevocations = scopes.includes(revocationsScope) && mayReadRevocations(owner, found.hasPassword);
    const permissions = namedPermissions(scopes.filter((scope) => permitted.has(scope)));
    return {
      sessionId: id,
      userId: owner.id,
      epoch: owner.sessionEpoch,
      authzVersion: owner.authzVersion,
      principal: new TokenPrincipal(facts, permissions, 'api_key'),
      scopes: [...permissions, ...(readsRevocations ? [revocationsScope] : [])],
      validUntil,
      fingerprints: index.fingerprintsOf(id, owner.id),
      readAt,
    };
  }

  /** Nobody waits for it. */
  #recordUse({ key, now }: ApiKeyAndUser, secretDigest: Uint8Array): void {
    const isFirst = key.secretUsedAt === null && constantTimeEqual(key.secretDigest, secretDigest);
    if (!isFirst && key.lastUsedAt !== null && now - key.lastUsedAt < recordUseEverySeconds * 1000) return;
    const { store, logger } = this.#options;
    store
      .recordUse(key.id, secretDigest)
      .catch((error: unknown) => logger.warn({ err: error }, 'the use of an API key could not be written down'));
  }
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
