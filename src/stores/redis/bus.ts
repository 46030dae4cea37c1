/** A bus of Redis pub/sub: what travels is a hint that there is something to read, and nothing that anybody relies on. */
import { systemRandom } from '../../crypto/random.js';
import type { Logger } from '../../model/app-types.js';
import type { OpenBus } from '../../model/bus.js';
import type { RedisConnection } from './client.js';
import { RedisLink } from './link.js';

export interface RedisBusOptions {
  readonly make: () => RedisConnection;
  readonly channel: string;
  readonly logger: Logger;
}

export class RedisBus implements OpenBus {
  readonly kind = 'redis';
  readonly #channel: string;
  readonly #logger: Logger;
  /** Sent with each hint, so that one's own can be told from those of others. */
  readonly #id = systemRandom(12).toString('base64url');
  readonly #listeners: Set<() => void> = new Set();
  /** Two, since a connection that is subscribed can do nothing else. */
  readonly #subscriber: RedisLink;
  readonly #publisher: RedisLink;
  #isPublishing = false;
  #publishAgain = false;
  #isDown = false;

  constructor({ make, channel, logger }: RedisBusOptions) {
    this.#channel = channel;
    this.#logger = logger;
    const onDown = (reason: string): void => this.#reportOutage(reason);
    this.#subscriber = new RedisLink({
      make,
      begin: (connection) => this.#listen(connection),
      onUp: () => {
        this.#reportRecovery();
        this.#tellListeners();
      },
      onDown,
    });
    this.#publisher = new RedisLink({
      make,
      // What could not be told meanwhile.
      begin: (connection) => connection.publish(channel, this.#id),
      onUp: () => this.#reportRecovery(),
      onDown,
    });
  }

  /** Waits no longer than for the first attempt, however that ends. */
  async subscribe(onHint: () => void): Promise<() => void> {
    // One's own function, so that the same one can be subscribed twice.
    const listener = (): void => onHint();
    this.#listeners.add(listener);
    await Promise.all([this.#subscriber.attempted, this.#publisher.attempted]);
    return () => void this.#listeners.delete(listener);
  }

  /** Never more than one under way: what is asked for meanwhile is one more, however often. */
  publish(): void {
    const { connection } = this.#publisher;
    if (connection === null) return;
    this.#publishAgain = this.#isPublishing;
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    const goOn = (): void => {
      this.#isPublishing = false;
      if (this.#publishAgain) this.publish();
    };
    connection.publish(this.#channel, this.#id).then(goOn, goOn);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await Promise.all([this.#subscriber.close(), this.#publisher.close()]);
  }

  #listen(connection: RedisConnection): Promise<unknown> {
    connection.on('message', (_, sender) => {
      if (sender !== this.#id) this.#tellListeners();
    });
    return connection.subscribe(this.#channel);
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener();
  }

  #reportOutage(reason: string): void {
    if (!this.#isDown) this.#logger.warn({ reason }, 'Redis cannot be reached; revocations travel at the pace of the store');
    this.#isDown = true;
  }

  #reportRecovery(): void {
    if (!this.#isDown || this.#subscriber.connection === null || this.#publisher.connection === null) return;
    this.#isDown = false;
    this.#logger.info({}, 'Redis is reached again');
  }
}
