/** Opens the store: finds out whether the server will do, brings the schema up to date, and puts the acts together. */
import { StoreUnavailableError, type OpenStore, type StoreContext } from '../../model/store.js';
import { storeRefusal } from '../migration-ledger.js';
import { allUsers } from './all-users.js';
import { Connections, Deadline } from './connections.js';
import { Database, type Bounds } from './database.js';
import { apiKeyStore } from './api-keys.js';
import { eventStore } from './events.js';
import { counterStore } from './counters.js';
import { sourceAt, sourceOf, type PostgresPool, type Source } from './driver.js';
import { examineServer } from './examine-server.js';
import { PostgresFailure } from './failures.js';
import { factorStore } from './factors.js';
import { Hints } from './hints.js';
import { keyStore } from './keys.js';
import { LongestAccess } from './longest-access.js';
import { isCurrent, migrate, requireCurrentSchema } from './migrations.js';
import { refuseUnfinishedMove } from './moved-in.js';
import { prepareFeedEpoch, revocationStore } from './revocations.js';
import { outboxStore } from './outbox.js';
import { proofStore } from './proofs.js';
import { sessionStore } from './sessions.js';
import { instantStatement, plain, wordingOf, type Statement, type Wording } from './statements.js';
import { userStore } from './users.js';
import { wholeStore } from './whole-store.js';

export interface Opening {
  readonly address: string | PostgresPool;
  /** Fit to be put between quotation marks. */
  readonly schema: string;
  readonly poolSize: number;
  /** `context`: acts go by the clock of the context, so that tests can set it; otherwise by that of the server. */
  readonly clock?: 'context';
  readonly bounds?: Partial<Bounds>;
}

export async function openStore(opening: Opening, context: StoreContext): Promise<OpenStore> {
  const bounds: Bounds = {
    deadlineMilliseconds: 5000,
    patienceMilliseconds: 600_000,
    maxActs: 10_000,
    maxActsWhileFailing: 4 * opening.poolSize,
    ...opening.bounds,
  };
  const source = await sourceFor(opening, bounds);
  try {
    return await openFrom(source, { opening, context, bounds });
  } catch (error) {
    await source.end();
    throw error instanceof PostgresFailure ? refusalOf(error) : error;
  }
}

interface Parts {
  readonly opening: Opening;
  readonly context: StoreContext;
  readonly bounds: Bounds;
}

async function openFrom(source: Source, { opening, context, bounds }: Parts): Promise<OpenStore> {
  const now = (): number | null => (opening.clock === 'context' ? Math.floor(context.clock.now()) : null);
  const wording = wordingOf(opening.schema, context.accessTtlSeconds);
  const setUp = setUpStatement(opening, context.mode, bounds);
  const connections = new Connections(source.pool, setUp);
  const hints = new Hints(() => source.openLone(), { channel: wording.channel, setUp });
  const longestAccess = new LongestAccess(wording, context.accessTtlSeconds);
  const database = new Database({ connections, aside: hints, context, bounds, longestAccess, now });
  await examine(connections, context, bounds);
  if (context.mode === 'inspect') {
    await database.reading(async (run) => {
      await requireCurrentSchema(run, wording);
      await refuseUnfinishedMove(run, wording);
      await longestAccess.refresh(run);
    });
  } else {
    await settle(database, wording, longestAccess);
  }
  let closing: Promise<void> | undefined;
  return {
    kind: 'postgres',
    shared: true,
    get longestAccessSeconds() {
      return longestAccess.seconds;
    },
    users: { ...userStore(database, wording), ...allUsers(database, wording) },
    sessions: sessionStore(database, wording),
    keys: keyStore(database, wording),
    apiKeys: apiKeyStore(database, wording),
    revocations: revocationStore(database, wording),
    counters: counterStore(database, wording),
    outbox: outboxStore(database, wording),
    proofs: proofStore(database, wording),
    factors: factorStore(database, wording),
    events: eventStore(database, wording),
    hints,
    ...wholeStore(database, wording),
    close: () => {
      hints.close();
      closing ??= database.close().then(() => source.end());
      return closing;
    },
  };
}

function sourceFor({ address, poolSize }: Opening, { deadlineMilliseconds }: Bounds): Promise<Source> | Source {
  if (typeof address !== 'string') return sourceOf(address);
  return sourceAt({ url: address, poolSize, connectWithinMilliseconds: deadlineMilliseconds });
}

/**
 * What a connection needs before anything else. The server gives up, and says so, a little before we do: then it is known that nothing was
 * written.
 */
function setUpStatement({ address }: Opening, mode: StoreContext['mode'], { deadlineMilliseconds }: Bounds): Statement {
  const durable = `CASE WHEN current_setting('synchronous_commit') = 'remote_apply' THEN 'remote_apply' ELSE 'on' END`;
  const everywhere = [
    ['synchronous_commit', durable],
    ['bytea_output', `'hex'`],
  ];
  const inOurPool = [
    ['search_path', `'pg_catalog'`],
    ['default_transaction_isolation', `'read committed'`],
    ['lock_timeout', `'${deadlineMilliseconds - 1000}'`],
    ['statement_timeout', `'${deadlineMilliseconds - 500}'`],
    ['idle_in_transaction_session_timeout', `'${deadlineMilliseconds - 500}'`],
    ...(mode === 'inspect' ? [['default_transaction_read_only', `'on'`]] : []),
  ];
  const settings = typeof address === 'string' ? [...everywhere, ...inOurPool] : everywhere;
  return plain(
    `SELECT ${settings.map(([name = '', value = '']) => `set_config('${name}', ${value}, false)`).join(', ')}, pg_is_in_recovery() AS standby`,
  );
}

async function examine(connections: Connections, { logger }: StoreContext, { deadlineMilliseconds }: Bounds): Promise<void> {
  const deadline = new Deadline(deadlineMilliseconds);
  try {
    await connections.use(deadline, ({ run }) => examineServer(run, logger));
  } finally {
    deadline.clear();
  }
}

/** As one of many nodes that may start at once. */
async function settle(database: Database, wording: Wording, longestAccess: LongestAccess): Promise<void> {
  const isUpToDate = await database.reading((run) => isCurrent(run, wording));
  if (!isUpToDate) await database.longTransaction((run) => migrate(run, wording));
  await database.transaction(async (run) => {
    await prepareFeedEpoch(run, wording);
    // Behind the first write, which waits while a move fills the tables.
    await refuseUnfinishedMove(run, wording);
    const [clock] = await run<{ now: number }>(instantStatement);
    if (clock !== undefined) await longestAccess.settle(run, clock.now);
  });
}

/** User, password, database or rights that are wrong are for the operator to mend; what cannot be reached may be there in a moment. */
function refusalOf(failure: PostgresFailure): Error {
  if (failure.isMisconfigured) return storeRefusal(`The database cannot be opened: ${failure.message}.`);
  return new StoreUnavailableError(`The database cannot be opened: ${failure.message}.`);
}
