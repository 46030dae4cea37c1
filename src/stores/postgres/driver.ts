/** What is used of the package `pg`, as interfaces of our own; loading it; and how its texts become values. */
import { ConfigError } from '../../errors.js';

export interface PostgresQuery {
  readonly text: string;
  readonly name?: string;
  readonly values?: unknown[];
  readonly types?: { getTypeParser(type: number, format?: string): (text: string) => unknown };
}

/** A connection that was taken out of a pool: of the package `pg`, a `PoolClient` fits. */
export interface PostgresPoolClient {
  query(query: PostgresQuery): Promise<{ readonly rows: unknown[] }>;
  on(event: 'error' | 'end' | 'notification', listener: () => void): unknown;
  /** Gives it back; with `true` it is closed instead. */
  release(destroy?: boolean): void;
  unref?(): void;
}

/** A pool of one's own: of the package `pg`, a `Pool` fits. */
export interface PostgresPool {
  connect(): Promise<PostgresPoolClient>;
}

/** A connection that is used for one thing only. */
export interface LoneConnection {
  readonly client: Pick<PostgresPoolClient, 'query' | 'on' | 'unref'>;
  /** Whatever its state; may be called again. */
  readonly close: () => void;
}

/** Where connections come from. */
export interface Source {
  readonly pool: PostgresPool;
  openLone(): Promise<LoneConnection>;
  end(): Promise<void>;
}

interface Address {
  readonly url: string;
  readonly poolSize: number;
  readonly connectWithinMilliseconds: number;
}

const ignore = (): void => undefined;

/** @throws {ConfigError} the package is not there, or cannot make anything of the URL. */
export async function sourceAt({ url, poolSize, connectWithinMilliseconds }: Address): Promise<Source> {
  const { Pool, Client } = await loadPackage();
  const settings = {
    connectionString: url,
    connectionTimeoutMillis: connectWithinMilliseconds,
    application_name: 'countersign',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
  try {
    // Connects to nothing. What is thrown may hold the URL.
    new Client(settings);
  } catch {
    throw new ConfigError([{ path: 'store', message: 'The URL of the database cannot be used: look at its parts after the "?".' }]);
  }
  const pool = new Pool({ ...settings, max: poolSize, idleTimeoutMillis: 60_000, allowExitOnIdle: true });
  // A connection that breaks while nobody uses it is replaced when one is needed.
  pool.on('error', ignore);
  return {
    pool,
    openLone: async () => {
      const client = new Client(settings);
      client.on('error', ignore);
      const close = (): void => void client.end().catch(ignore);
      await client.connect().catch((error: unknown) => {
        close();
        throw error;
      });
      return { client, close };
    },
    end: () => pool.end(),
  };
}

/** The pool stays open: it is its maker's. */
export function sourceOf(pool: PostgresPool): Source {
  return {
    pool,
    openLone: async () => {
      const client = await pool.connect();
      client.on('error', ignore);
      let isOpen = true;
      const close = (): void => {
        if (isOpen) client.release(true);
        isOpen = false;
      };
      return { client, close };
    },
    end: async () => undefined,
  };
}

async function loadPackage(): Promise<Pick<typeof import('pg'), 'Pool' | 'Client'>> {
  try {
    return await import('pg');
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing ? 'is not there' : `does not load here (${String(error)})`;
    throw new ConfigError([{ path: 'store', message: `The package pg, by which PostgreSQL is reached, ${why}: run \`npm i pg\`.` }]);
  }
}

/** By the number of the type. Of our own: the application may have changed those that `pg` has for everybody. All else stays text. */
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === 't'], // boolean
  [17, (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'))], // bytea, as `\x…`
  [20, Number], // bigint
  [23, Number], // integer
  [114, (text) => JSON.parse(text) as unknown], // json
  [1016, (text) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(Number))], // bigint[]
  [3802, (text) => JSON.parse(text) as unknown], // jsonb
]);

const asText = (text: string): unknown => text;

export const types: Required<PostgresQuery>['types'] = { getTypeParser: (type) => parsers.get(type) ?? asText };
