/** `countersign/redis`: a bus between processes on any number of machines, beside their store; Redis or Valkey. */
import { ConfigError } from '../../errors.js';
import type { Bus } from '../../model/bus.js';
import type { RedisClient } from './client.js';

export type { RedisClient } from './client.js';

export interface RedisBusOptions {
  /** What the channel's name begins with; two installations on one Redis need two. Default `countersign`. */
  readonly prefix?: string;
}

/**
 * Makes revocations reach other processes at once instead of within a second. It only says that there is something to read, and keeps nothing
 * in Redis: with Redis slow, empty, in strange hands or gone, every answer is the same and none is later. Needs the package `ioredis`.
 * @param server `redis://…`, `rediss://…` (TLS), with user and password where there are; or a `Redis` of ioredis, for Sentinel or options of
 *   TLS: connections are made with its options, it is itself not used. In a cluster, any one node.
 * @throws {ConfigError} what is neither; on opening: ioredis is not installed.
 */
export function redis(server: string | RedisClient, { prefix = 'countersign' }: RedisBusOptions = {}): Bus {
  if (typeof server === 'string') checkUrl(server);
  else checkClient(server);
  return {
    kind: 'redis',
    // Loaded when it is opened: the settings name this bus in every application, and few use it.
    open: async ({ logger }) => {
      const [{ RedisBus }, { connectionMaker }] = await Promise.all([import('./bus.js'), import('./client.js')]);
      return new RedisBus({ make: await connectionMaker(server), channel: `${prefix}:revocations`, logger });
    },
  };
}

/** No message repeats the URL: it may hold a password. */
function checkUrl(url: string): void {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  if ((protocol === 'redis:' || protocol === 'rediss:') && hostname !== '') return;
  throw problem('must be a URL such as "redis://localhost:6379", or "rediss://user:password@cache.example.com" with TLS.');
}

function checkClient(client: RedisClient & { readonly isCluster?: boolean }): void {
  if (typeof client.duplicate !== 'function') throw problem('must be a URL or a Redis of ioredis.');
  if (client.isCluster === true) throw problem('must be one node of the cluster: its hints reach all nodes.');
}

function problem(message: string): ConfigError {
  return new ConfigError([{ path: 'bus', message }]);
}
