/** What nodes stand on: a store, and Redis between them; what can happen to it; and what the store holds when all is over, read by no code of ours. */
import { DatabaseSync } from '@photostructure/sqlite';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresServer } from '../../support/postgres-server.js';
import { RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import type { FinalState } from '../checker/entries.js';
import { nodeDrills, postgresDrills, redisDrills, type Drill, type Ways } from './drills.js';

export interface Place {
  settingsOf(node: string): Readonly<Record<string, string>>;
  /** All that can happen to it and to the nodes on it. `seconds`: how long what lasts is to last. */
  drills(seconds: number): readonly Drill[];
  /** While no node has it open. */
  finalState(): Promise<FinalState>;
  close(): Promise<void>;
}

interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly generation: number | string;
  readonly ended: string | null;
}

/** `prefix`: of the tables. */
async function readState(query: (sql: string) => Promise<unknown[]> | unknown[], prefix = ''): Promise<FinalState> {
  const users = (await query(`SELECT id, name FROM ${prefix}users`)) as FinalState['users'];
  const rows = (await query(`
    SELECT s.id, user_id, generation, CASE WHEN ended_at IS NOT NULL THEN end_reason WHEN session_epoch > epoch THEN 'epoch' END AS ended
    FROM ${prefix}sessions AS s JOIN ${prefix}users AS u ON u.id = user_id`)) as SessionRow[];
  return {
    users,
    sessions: rows.map(({ id, user_id: user, generation, ended }) => ({ id, user, generation: Number(generation), ended })),
  };
}

/** One file, which several nodes of one machine may share. */
export async function onSqlite(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-faults-'));
  const file = join(folder, 'countersign.db');
  return {
    settingsOf: () => ({ COUNTERSIGN_STORE: `sqlite:${file}` }),
    drills: nodeDrills,
    async finalState() {
      const database = new DatabaseSync(file, { readOnly: true });
      try {
        return await readState((sql) => database.prepare(sql).all());
      } finally {
        database.close();
      }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Whom the nodes are to PostgreSQL: nobody with privileges, so that limits and refusals concern them. */
const role = 'nodes';
const database = 'countersign';

async function waysTo(port: number, nodes: readonly string[]): Promise<Ways> {
  return new Map(await Promise.all(nodes.map(async (node) => [node, await TcpProxy.start(port)] as const)));
}

function closeAll(ways: Ways): void {
  for (const way of ways.values()) way.close();
}

/** A server of its own. */
export async function onPostgres(nodes: readonly string[]): Promise<Place> {
  const server = await PostgresServer.start();
  await server.query(`CREATE ROLE ${role} LOGIN`);
  await server.query(`CREATE DATABASE ${database} OWNER ${role}`);
  const ways = await waysTo(server.port, nodes);
  return {
    settingsOf: (node) => ({ COUNTERSIGN_STORE: server.url(database, { user: role, port: ways.get(node)?.port ?? 0 }) }),
    drills: (seconds) => [...postgresDrills(server, { role, ways, seconds }), ...nodeDrills()],
    finalState: () => readState((sql) => server.query(sql, database), 'countersign.'),
    async close() {
      closeAll(ways);
      await server.remove();
    },
  };
}

/** Beside what is there already, a server of its own. */
export async function withRedis(place: Place, nodes: readonly string[]): Promise<Place> {
  const server = await RedisServer.start();
  const ways = await waysTo(server.port, nodes);
  return {
    ...place,
    settingsOf: (node) => ({ ...place.settingsOf(node), COUNTERSIGN_REDIS: `redis://127.0.0.1:${ways.get(node)?.port ?? 0}` }),
    drills: (seconds) => [...redisDrills(server, { ways, seconds }), ...place.drills(seconds)],
    async close() {
      closeAll(ways);
      await server.kill();
      await place.close();
    },
  };
}
