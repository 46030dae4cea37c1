/** Runs the stand-alone server: in this process alone, or in as many as the settings say. */
import cluster from 'node:cluster';
import { internalsOf } from '../auth.js';
import { authOptions } from '../settings/auth-options.js';
import { currentSettings, type Settings } from '../settings/read-settings.js';
import { createLogger } from './log.js';
import { openServer, stopWithinMilliseconds, type OpenServer } from './open-server.js';
import { serveAsWorker } from './serve-as-worker.js';
import { stopOnSignals } from './stop-on-signals.js';
import { superviseWorkers } from './supervise-workers.js';
import { welcome } from './welcome.js';

/** Resolves when the server listens; the process then lives until a signal. @throws {ConfigError} */
export async function serve(): Promise<void> {
  if (cluster.isWorker) return serveAsWorker();
  const settings = currentSettings();
  const logger = createLogger({ level: settings.logLevel, readable: settings.development });
  for (const { path, message } of settings.warnings) logger.warn({ setting: path }, message);
  return settings.workers > 1 ? superviseWorkers(settings, logger) : serveAlone(settings, logger);
}

async function serveAlone(settings: Settings, logger: ReturnType<typeof createLogger>): Promise<void> {
  let server: OpenServer | null = null;
  const how = { acceptMilliseconds: settings.stopDelayMilliseconds, withinMilliseconds: stopWithinMilliseconds };
  stopOnSignals({
    logger,
    // One that does not serve yet has nothing to finish.
    stop: async () => server?.stop(how) ?? true,
    onHangUp: () => logger.warn({}, 'SIGHUP is without effect on one process: stop and start it, or set COUNTERSIGN_WORKERS'),
  });
  server = await openServer(settings, authOptions(settings), { logger });
  const { auth } = server;
  if (settings.development) process.stdout.write(await welcome(settings, internalsOf(auth).core));
  else logger.info({ publicUrl: settings.options.publicUrl, host: settings.host, port: settings.port }, 'listening');
}
