/** The part of ioredis that is used here, how it is loaded, and how connections are made with it. */
import { ConfigError } from '../../errors.js';

/** A connection of ioredis, not open yet. Ends for good when it is cut: what follows is decided by who uses it. */
export interface RedisConnection {
  connect(): Promise<void>;
  ping(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  disconnect(): void;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

/** A `Redis` of ioredis. Only its options are used, for connections of our own; it is neither subscribed nor closed. */
export interface RedisClient {
  duplicate(override?: object): unknown;
}

/** Within which Redis must answer whatever it is asked. */
export const answerMilliseconds = 3000;

/** Nothing waits in a queue, nothing is done again by itself; and no command is sent that a user may have no permission for. */
const connectionOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  connectTimeout: answerMilliseconds,
  disconnectTimeout: 100,
  protocol: 2,
  db: 0,
  keyPrefix: '',
} as const;

/** @throws {ConfigError} ioredis is not installed, or refuses the URL. */
export async function connectionMaker(server: string | RedisClient): Promise<() => RedisConnection> {
  const make = typeof server === 'string' ? await makerByUrl(server) : () => server.duplicate(connectionOptions) as RedisConnection;
  try {
    make();
  } catch {
    throw new ConfigError([{ path: 'bus', message: 'cannot be used: ioredis refuses the URL or its options.' }]);
  }
  return make;
}

async function makerByUrl(url: string): Promise<() => RedisConnection> {
  try {
    const { Redis } = await import('ioredis');
    return () => new Redis(url, connectionOptions);
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing ? 'is not installed' : `does not load here (${String(error)})`;
    throw new ConfigError([{ path: 'bus', message: `needs the package ioredis, which ${why}: run \`npm i ioredis\`.` }]);
  }
}
