/** Runs the stand-alone server in this process: opens, listens, says so, and stops in order when it is told to. */
import { createAuth, internalsOf, type Auth } from '../auth.js';
import { ConfigError } from '../errors.js';
import { authOptions } from '../settings/auth-options.js';
import { openBySettings, type Settings } from '../settings/read-settings.js';
import { startHttpServer, type RunningServer } from './http-server.js';
import { createLogger, type ServerLogger } from './log.js';
import { welcome } from './welcome.js';

const stopWithinMilliseconds = 10_000;
const closeAfterFaultMilliseconds = 2_000;
/** Shells and npm both pass on one press of Ctrl-C: what comes this soon is the same press. */
const samePressMilliseconds = 250;

/** Resolves when the server listens; the process then lives until a signal. @throws {ConfigError} */
export async function serve(settings: Settings): Promise<void> {
  const { development, logLevel, warnings, options } = settings;
  const logger = createLogger({ level: logLevel, readable: development });
  for (const { path, message } of warnings) logger.warn({ setting: path }, message);
  const auth = await openBySettings(() => createAuth({ ...authOptions(settings), logger }));
  const server = await listen(settings, auth, logger);
  stopOnSignals({ server, auth, logger });
  stopWithNpm();
  if (development) process.stdout.write(await welcome(settings, internalsOf(auth).core));
  else logger.info({ publicUrl: options.publicUrl, host: settings.host, port: settings.port }, 'listening');
}

async function listen({ port, host }: Settings, auth: Auth, logger: ServerLogger): Promise<RunningServer> {
  try {
    return await startHttpServer({ ...internalsOf(auth), logger, port, host });
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

interface Running {
  readonly server: RunningServer;
  readonly auth: Auth;
  readonly logger: ServerLogger;
}

function stopOnSignals({ server, auth, logger }: Running): void {
  let stoppingSince: number | null = null;
  const stop = (signal: 'SIGTERM' | 'SIGINT'): void => {
    if (stoppingSince !== null) {
      if (performance.now() - stoppingSince > samePressMilliseconds) process.exit(signal === 'SIGINT' ? 130 : 143);
      return;
    }
    stoppingSince = performance.now();
    logger.info({ signal }, 'stopping: running requests are finished first');
    void end({ server, auth, logger }, stopWithinMilliseconds).then((closed) => process.exit(closed ? 0 : 1));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const fail = (error: unknown): void => {
    logger.error({ err: error }, 'a fault that nobody caught; the process ends');
    setTimeout(() => process.exit(1), closeAfterFaultMilliseconds);
    void end({ server, auth, logger }, closeAfterFaultMilliseconds / 2).then(() => process.exit(1));
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}

/**
 * `npm start` of this repository puts a shell between npm and the server, and a signal to npm ends the shell only: the server would live on,
 * unseen, and keep the port.
 */
function stopWithNpm(): void {
  const { npm_lifecycle_event: script, npm_package_name: name } = process.env;
  if (script !== 'start' || name !== 'countersign') return;
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}

/** False when something could not be closed. */
async function end({ server, auth, logger }: Running, withinMilliseconds: number): Promise<boolean> {
  try {
    await server.stop(withinMilliseconds);
    await auth.close();
    logger.info({}, 'stopped');
    return true;
  } catch (error) {
    logger.error({ err: error }, 'not everything could be closed');
    return false;
  }
}
