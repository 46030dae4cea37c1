/** Collects what happened and appends it to the record in batches, so that no request waits for it. */
import { newIdBytes, formatId, type Random } from '../crypto/random.js';
import type { SecretRing } from '../crypto/master-secret.js';
import type { Clock, Logger } from '../model/app-types.js';
import type { AuthEvent } from '../model/auth-event.js';
import type { EventStore, NewEventRecord } from '../model/event-store.js';
import { addressDigest, canonicalJson } from '../model/event-chain.js';

/** What happened is in the record at the latest so much later, while the store can be reached. */
const longestWaitMilliseconds = 1000;
/** So many do not wait. */
const batchRows = 100;
/** While the store is away; of more, the oldest are dropped and counted. */
const mostWaiting = 10_000;
const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;

export interface RecorderParts {
  readonly store: Pick<EventStore, 'append'>;
  readonly secrets: SecretRing;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `false`: the record holds no addresses. */
  readonly keepsAddresses: boolean;
}

export class EventRecorder {
  readonly #parts: RecorderParts;
  readonly #waiting: NewEventRecord[] = [];
  /** What is being appended, or was and may have been: the same rows are given again until it is known that they are there. */
  #batch: readonly NewEventRecord[] = [];
  #lost = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<boolean> | null = null;
  #isClosed = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** Never throws, never waits. */
  record({ type, at, userId, sessionId, actorId, reason }: AuthEvent, address: string | undefined): void {
    if (this.#isClosed) {
      this.#parts.logger.error({ event: type }, 'an event is not in the record: it happened while this process was closing');
      return;
    }
    const details = canonicalJson(reason === undefined ? {} : { reason });
    this.#waiting.push(this.#recordOf(type, at.getTime(), { userId, sessionId, actorId, details, ...this.#addressed(address) }));
    if (this.#waiting.length > mostWaiting) {
      this.#waiting.shift();
      this.#lost += 1;
      if (this.#lost === 1) this.#parts.logger.error({}, 'the record of events cannot be written; the oldest events that wait are dropped');
    }
    this.#schedule();
  }

  /** Appends what waits, as far as the store takes it at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimer();
    await this.#writing;
    while (this.#batch.length + this.#waiting.length + this.#lost > 0) {
      if (await this.#append()) continue;
      const lost = this.#batch.length + this.#waiting.length + this.#lost;
      this.#parts.logger.error({ lost }, 'events are lost: the record could not be written when this process ended');
      return;
    }
  }

  #schedule(): void {
    if (this.#isClosed || this.#writing !== null) return;
    const isUrgent = this.#failures === 0 && this.#waiting.length >= batchRows;
    if (isUrgent) this.#stopTimer();
    const pause = Math.min(firstPauseMilliseconds * 2 ** (this.#failures - 1), longestPauseMilliseconds);
    this.#timer ??= setTimeout(() => void this.#write(), isUrgent ? 0 : this.#failures === 0 ? longestWaitMilliseconds : pause).unref();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #write(): Promise<void> {
    this.#timer = null;
    this.#writing = this.#append();
    await this.#writing;
    this.#writing = null;
    if (this.#batch.length + this.#waiting.length > 0) this.#schedule();
  }

  /** Whether it is appended. Never rejects. */
  async #append(): Promise<boolean> {
    const { store, secrets, logger } = this.#parts;
    if (this.#batch.length === 0) this.#batch = this.#nextBatch();
    try {
      await store.append(this.#batch, secrets);
      this.#batch = [];
      this.#failures = 0;
      return true;
    } catch (error) {
      this.#failures += 1;
      logger.warn(
        { err: error, waiting: this.#batch.length + this.#waiting.length },
        'the record of events could not be written; it is tried again',
      );
      return false;
    }
  }

  #nextBatch(): readonly NewEventRecord[] {
    const rows = this.#waiting.splice(0, batchRows);
    if (this.#lost === 0) return rows;
    const count = this.#lost;
    this.#lost = 0;
    this.#parts.logger.error({ event: 'events.lost', count }, 'events were dropped while the record could not be written');
    return [this.#recordOf('events.lost', this.#parts.clock.now(), { details: canonicalJson({ count }) }), ...rows];
  }

  #recordOf(
    type: string,
    at: number,
    facts: { readonly [Name in keyof NewEventRecord]?: NewEventRecord[Name] | undefined },
  ): NewEventRecord {
    return {
      id: formatId('evt', newIdBytes(this.#parts.random, at)),
      at: Math.floor(at),
      type,
      userId: facts.userId ?? null,
      sessionId: facts.sessionId ?? null,
      actorId: facts.actorId ?? null,
      address: facts.address ?? null,
      addressSalt: facts.addressSalt ?? null,
      addressDigest: facts.addressDigest ?? null,
      details: facts.details ?? '{}',
    };
  }

  #addressed(address: string | undefined): Pick<NewEventRecord, 'address' | 'addressSalt' | 'addressDigest'> | object {
    if (address === undefined || !this.#parts.keepsAddresses) return {};
    const addressSalt = this.#parts.random(16);
    return { address, addressSalt, addressDigest: addressDigest(addressSalt, address) };
  }
}
