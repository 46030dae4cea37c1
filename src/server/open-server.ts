/** Opens what the settings say and listens, in this process; and closes it again in the right order. */
import { createAuth, internalsOf, type Auth } from '../auth.js';
import { ConfigError } from '../errors.js';
import type { AuthOptions } from '../model/options.js';
import { openBySettings, type Settings } from '../settings/read-settings.js';
import { withoutUndefined } from '../settings/without-undefined.js';
import { startHttpServer, type HowToStop, type RunningServer, type ServerOptions } from './http-server.js';
import type { ServerLogger } from './log.js';
import type { MetricsOptions } from './metrics-endpoint.js';

/** How long running requests may take once the process was told to stop. */
export const stopWithinMilliseconds = 10_000;
const closeAfterFaultMilliseconds = 2_000;

export interface OpenServer {
  readonly auth: Auth;
  /** False when something could not be closed. Never rejects; told again while it stops, it goes on as it was told first. */
  readonly stop: (how: HowToStop) => Promise<boolean>;
}

/** `worker` where this is one of several processes. @throws {ConfigError} under the names of the variables. */
export async function openServer(
  settings: Settings,
  options: AuthOptions,
  { logger, worker }: { readonly logger: ServerLogger; readonly worker?: MetricsOptions['worker'] },
): Promise<OpenServer> {
  const auth = await openBySettings(() => createAuth({ ...options, logger }));
  const server = await listen(settings, auth, { logger, ...(await openMetrics(settings, auth, worker)) });
  let stopped: Promise<boolean> | undefined;
  const stop = (how: HowToStop): Promise<boolean> => (stopped ??= close({ server, auth, logger }, how));
  endAfterFaults(stop, logger);
  return { auth, stop };
}

/** Its package is loaded only where somebody may read it. */
async function openMetrics(
  { metricsToken }: Settings,
  auth: Auth,
  worker: MetricsOptions['worker'],
): Promise<Pick<ServerOptions, 'metrics'>> {
  if (metricsToken === null) return {};
  const { MetricsEndpoint } = await import('./metrics-endpoint.js');
  return { metrics: new MetricsEndpoint(internalsOf(auth).core, { token: metricsToken, ...withoutUndefined({ worker }) }) };
}

async function listen({ port, host }: Settings, auth: Auth, parts: Pick<ServerOptions, 'logger' | 'metrics'>): Promise<RunningServer> {
  try {
    return await startHttpServer({ ...internalsOf(auth), ...parts, port, host });
  } catch (error) {
    await auth.close();
    throw listenProblem(error as NodeJS.ErrnoException, { port, host }) ?? error;
  }
}

function listenProblem({ code }: NodeJS.ErrnoException, { port, host }: Pick<Settings, 'port' | 'host'>): ConfigError | null {
  if (code === 'EADDRINUSE') {
    const other = port < 65_535 ? port + 1 : 4000;
    return problem('PORT', `${port} is in use on ${host}: stop the program that listens there, or choose another with PORT=${other}.`);
  }
  if (code === 'EACCES') return problem('PORT', `${port} may not be used by this user: choose one above 1023, or put a proxy in front.`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return problem('HOST', 'is no address of this machine: set 127.0.0.1 or 0.0.0.0.');
  return null;
}

function problem(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message }]);
}

interface Parts {
  readonly server: RunningServer;
  readonly auth: Auth;
  readonly logger: ServerLogger;
}

async function close({ server, auth, logger }: Parts, how: HowToStop): Promise<boolean> {
  try {
    await server.stop(how);
    await auth.close();
    logger.info({}, 'stopped');
    return true;
  } catch (error) {
    logger.error({ err: error }, 'not everything could be closed');
    return false;
  }
}

function endAfterFaults(stop: OpenServer['stop'], logger: ServerLogger): void {
  const fail = (error: unknown): void => {
    logger.error({ err: error }, 'a fault that nobody caught; the process ends');
    setTimeout(() => process.exit(1), closeAfterFaultMilliseconds);
    void stop({ withinMilliseconds: closeAfterFaultMilliseconds / 2 }).then(() => process.exit(1));
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}
