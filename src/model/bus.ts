/** The ports of what tells processes about each other's revocations sooner than their regular reading does. Hints only: nothing relies on them. */
import type { Logger } from './app-types.js';

/** A source of hints that there are new revocations to be read: LISTEN/NOTIFY, Redis, messages between workers. */
export interface RevocationHints {
  /**
   * Resolves when hints arrive from now on, to what ends that. `onHint` is also called after each reconnection, for hints may have been lost;
   * reconnecting is the source's own business. Rejects when it cannot be reached now.
   */
  subscribe(onHint: () => void): Promise<() => void>;
}

/** Something that processes can be connected by beside their store; made by `redis(url)`, opened by `createAuth`. */
export interface Bus {
  readonly kind: string;
  /** Resolves though nothing can be reached: a bus makes revocations travel faster, and its absence stops nobody. @throws {ConfigError} */
  open(context: { readonly logger: Logger }): Promise<OpenBus>;
}

export interface OpenBus extends RevocationHints {
  readonly kind: string;
  /** Tells all other processes that there is something to read. Neither waits nor throws. */
  publish(): void;
  /** Safe to call twice. */
  close(): Promise<void>;
}
