/** The faults, one by one: what is done to a running system, for how long, and how it ends. */
import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresServer } from '../../support/postgres-server.js';
import type { RedisServer } from '../../support/redis-server.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { Node } from './node.js';
import type { Trial } from './trial.js';

export interface Drill {
  readonly name: string;
  /** False: nobody may notice anything. */
  readonly isFault: boolean;
  readonly run: (trial: Trial) => Promise<unknown>;
}

/** One after the other, each followed by calm. */
export async function drill(trial: Trial, drills: readonly Drill[], calmSeconds: number): Promise<void> {
  for (const { name, isFault, run } of drills) {
    await (isFault ? trial.fault(name, () => run(trial)) : run(trial));
    await trial.calm(calmSeconds);
  }
}

const anyNode = ({ random, nodes }: Trial): Node => random.pick(nodes);

export const killNode: Drill = {
  name: 'a node killed',
  isFault: true,
  async run(trial) {
    const node = anyNode(trial);
    await node.kill();
    await pause(trial.random.below(500));
    await node.start();
  },
};

export const rollingRestart: Drill = {
  name: 'rolling restart',
  isFault: false,
  async run({ nodes }) {
    for (const node of nodes) await node.restart();
  },
};

export function nodeDrills(): Drill[] {
  return [killNode, rollingRestart];
}

/** To each node a way of its own, which it uses to reach the server. */
export type Ways = ReadonlyMap<string, TcpProxy>;

const hold =
  (seconds: number) =>
  (begin: () => unknown, end: () => unknown): (() => Promise<void>) =>
  async () => {
    await begin();
    await pause(seconds * 1000);
    await end();
  };

/** Nothing arrives, and nobody is told. */
function silence(ways: Ways, seconds: number): Drill['run'] {
  return async ({ random }) => {
    const way = random.pick([...ways.values()]);
    way.blackHole();
    await pause(seconds * 1000);
    way.forward();
  };
}

/** Longer than nodes wait for their store. */
const unbearableSeconds = 6;

/** `role`: whom the nodes are to the database. */
export function postgresDrills(server: PostgresServer, { role, ways, seconds }: { role: string; ways: Ways; seconds: number }): Drill[] {
  const lasting = hold(seconds);
  const configure = (change: string) => async (): Promise<void> => {
    await server.query(`ALTER SYSTEM ${change}`);
    await server.query('SELECT pg_reload_conf()');
  };
  const disconnect = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`;
  const refuse = async (): Promise<void> => {
    await server.query(`ALTER ROLE ${role} CONNECTION LIMIT 1`);
    await server.query(disconnect);
  };
  const launch = (): Promise<void> => server.launch();
  const fault = (name: string, run: Drill['run']): Drill => ({ name: `PostgreSQL ${name}`, isFault: true, run });
  return [
    fault(
      'restarted',
      lasting(() => server.shutDown(), launch),
    ),
    fault(
      'killed',
      lasting(() => server.kill(), launch),
    ),
    fault(
      'hung',
      hold(unbearableSeconds)(
        () => server.freeze(),
        () => server.thaw(),
      ),
    ),
    fault('silent to one node', silence(ways, unbearableSeconds)),
    fault('read-only', lasting(configure('SET default_transaction_read_only = on'), configure('RESET default_transaction_read_only'))),
    fault(
      'out of connections',
      lasting(refuse, () => server.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`)),
    ),
    fault('disconnected', () => server.query(disconnect)),
  ];
}

/** Redis carries hints only: whatever becomes of it, nobody notices more than that logouts travel slower. */
export function redisDrills(server: RedisServer, { ways, seconds }: { ways: Ways; seconds: number }): Drill[] {
  const lasting = hold(seconds);
  const toOneNode = (begin: (way: TcpProxy) => unknown, end: (way: TcpProxy) => unknown): Drill['run'] => {
    return ({ random }) => {
      const way = random.pick([...ways.values()]);
      return lasting(
        () => begin(way),
        () => end(way),
      )();
    };
  };
  const cut = async (way: TcpProxy): Promise<void> => {
    await way.refuse();
    way.cut();
  };
  const calm = (name: string, run: Drill['run']): Drill => ({ name: `Redis ${name}`, isFault: false, run });
  return [
    calm(
      'killed',
      lasting(
        () => server.kill(),
        () => server.start(),
      ),
    ),
    calm('restarted empty', async () => {
      await server.kill();
      await server.start();
    }),
    calm(
      'hung',
      lasting(
        () => server.hang(),
        () => server.goOn(),
      ),
    ),
    calm(
      'cut from one node',
      toOneNode(cut, (way) => way.accept()),
    ),
    calm('silent to one node', silence(ways, seconds)),
    calm(
      'slow for one node',
      toOneNode(
        (way) => way.forward({ delayMilliseconds: 200 }),
        (way) => way.forward(),
      ),
    ),
  ];
}
