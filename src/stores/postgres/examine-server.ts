/** Whether a server will do. */
import type { Logger } from '../../model/app-types.js';
import { storeRefusal } from '../migration-ledger.js';
import type { Run } from './connections.js';
import { plain } from './statements.js';

const oldestVersion = 130_000;

interface Server {
  readonly version: number;
  readonly encoding: string;
  readonly risky: string | null;
}

const serverSql = `
  SELECT current_setting('server_version_num')::integer AS version, current_setting('server_encoding') AS encoding,
    (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off') AS risky`;

/** @throws {ConfigError | PostgresFailure} */
export async function examineServer(run: Run, logger: Logger): Promise<void> {
  const [server] = await run<Server>(plain(serverSql));
  if (server === undefined) return;
  const { version, encoding, risky } = server;
  if (version < oldestVersion) throw storeRefusal(`PostgreSQL ${Math.floor(version / 10_000)} is too old: 13 or newer is needed.`);
  if (encoding !== 'UTF8') throw storeRefusal(`The encoding of the database is ${encoding}: make one with the encoding UTF8.`);
  if (risky !== null) logger.warn({ settings: risky }, `PostgreSQL runs with ${risky} off: a crash can lose what was acknowledged.`);
}
