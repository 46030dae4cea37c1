/** Ends the process as it is told to from outside: in order at the first signal, at once at the second. */
import type { Logger } from '../model/app-types.js';

/** Shells and npm both pass on one press of Ctrl-C: what comes this soon is the same press. */
const samePressMilliseconds = 250;

/** As long as the start took, it may have ended before anybody watches. */
const startedBy = process.ppid;

export interface Stoppable {
  readonly logger: Logger;
  /** False when something could not be closed. Never rejects. */
  readonly stop: () => Promise<boolean>;
  /** What must not outlive the process when it ends at once. */
  readonly abandon?: () => void;
}

export function stopOnSignals({ logger, stop, abandon }: Stoppable): void {
  let stoppingSince: number | null = null;
  const onSignal = (signal: 'SIGTERM' | 'SIGINT'): void => {
    if (stoppingSince !== null) {
      if (performance.now() - stoppingSince <= samePressMilliseconds) return;
      abandon?.();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    stoppingSince = performance.now();
    logger.info({ signal }, 'stopping: running requests are finished first');
    void stop().then((isClosed) => process.exit(isClosed ? 0 : 1));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  stopWithNpm();
}

/**
 * `npm start` of this repository puts a shell between npm and the server, and a signal to npm ends the shell only: the server would live on,
 * unseen, and keep the port.
 */
function stopWithNpm(): void {
  const { npm_lifecycle_event: script, npm_package_name: name } = process.env;
  if (script !== 'start' || name !== 'countersign') return;
  const watch = setInterval(() => {
    if (process.ppid === startedBy) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}
