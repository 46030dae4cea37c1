/** One of several processes that serve one port: does what the first process says, and ends with it. */
import cluster from 'node:cluster';
import { internalsOf } from '../auth.js';
import { ConfigError } from '../errors.js';
import { StoreUnavailableError } from '../model/store.js';
import { authOptions } from '../settings/auth-options.js';
import { currentSettings } from '../settings/read-settings.js';
import type { HowToStop } from './http-server.js';
import { createLogger } from './log.js';
import { openServer, stopWithinMilliseconds, type OpenServer } from './open-server.js';
import { outliveTerminal } from './stop-on-signals.js';
import { welcome } from './welcome.js';
import { joinBuses, workerBus } from './worker-bus.js';
import { gatherFromWorkers } from './worker-figures.js';
import { hearPrimary, tellPrimary, workerNumber, type FromWorker } from './worker-messages.js';

/** Never rejects: what prevents it from serving is told to the first process. */
export async function serveAsWorker(): Promise<void> {
  let server: OpenServer | undefined;
  const stop = (how: Omit<HowToStop, 'withinMilliseconds'>): void => {
    if (server === undefined) process.exit(0);
    void server.stop({ ...how, withinMilliseconds: stopWithinMilliseconds }).then((isClosed) => process.exit(isClosed ? 0 : 1));
  };
  obeyPrimary(stop);
  try {
    server = await open();
    await tellPrimary({ says: 'ready' });
  } catch (error) {
    await tellPrimary(failureOf(error));
    process.exit(1);
  }
}

type Stop = (how: Omit<HowToStop, 'withinMilliseconds'>) => void;

function obeyPrimary(stop: Stop): void {
  hearPrimary((message) => {
    if (message.says === 'stop') stop(message);
  });
  // Without it nobody can be accepted, but what was accepted is finished. Node would end this process at once.
  process.prependOnceListener('disconnect', () => {
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
    stop({});
  });
  // A terminal tells every process in it; what follows from that the first one says.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  outliveTerminal();
  // Systemd, too: the first one is told as well then, and knows for how long connections are still accepted.
  process.on('SIGTERM', () => {
    if (process.connected) void tellPrimary({ says: 'told to stop' });
    else stop({});
  });
}

async function open(): Promise<OpenServer> {
  const settings = currentSettings();
  const options = authOptions(settings);
  const number = workerNumber();
  const logger = createLogger({ level: settings.logLevel, readable: settings.development, worker: number });
  const bus = options.bus === undefined ? workerBus : joinBuses(workerBus, options.bus);
  const server = await openServer(settings, { ...options, bus }, { logger, worker: { number, gather: gatherFromWorkers } });
  const isVeryFirst = cluster.worker?.id === 1;
  if (settings.development && isVeryFirst) process.stdout.write(await welcome(settings, internalsOf(server.auth).core));
  return server;
}

function failureOf(error: unknown): FromWorker {
  if (error instanceof ConfigError) return { says: 'failed', problems: error.problems };
  if (error instanceof StoreUnavailableError) return { says: 'failed', message: error.message };
  return { says: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
