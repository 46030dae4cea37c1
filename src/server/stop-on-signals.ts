/** Ends the process as it is told to from outside: in order at the first signal, at once at the second. */
import { isatty } from 'node:tty';
import type { Logger } from '../model/app-types.js';

/** Shells and npm both pass on one press of Ctrl-C: what comes this soon is the same press. */
const samePressMilliseconds = 250;

/** As long as the start took, it may have ended before anybody watches. */
const startedBy = process.ppid;

/** One that was closed cannot be asked any more. */
const isAtTerminal = isatty(0) || isatty(1);

export interface Stoppable {
  readonly logger: Logger;
  /** False when something could not be closed. Never rejects. */
  readonly stop: () => Promise<boolean>;
  /** What must not outlive the process when it ends at once. */
  readonly abandon?: () => void;
  /** On SIGHUP, unless it comes from a terminal that was closed: then it is a reason to stop. */
  readonly onHangUp: () => void;
}

export function stopOnSignals({ logger, stop, abandon, onHangUp }: Stoppable): void {
  let stoppingSince: number | null = null;
  const onSignal = (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void => {
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
  process.on('SIGHUP', () => {
    if (!isAtTerminal) onHangUp();
    else if (stoppingSince === null) onSignal('SIGHUP');
  });
  outliveTerminal();
  stopWithNpm();
}

/** What is said to a terminal that was closed is lost, and no reason to end at once. */
export function outliveTerminal(): void {
  if (!isAtTerminal) return;
  process.once('SIGHUP', () => {
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  });
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
