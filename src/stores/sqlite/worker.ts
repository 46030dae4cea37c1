/** The database thread: opens the database and answers batches of acts, so that no sync to disk ever stalls the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { ConfigError } from '../../errors.js';
import type { Failure, FromDatabase, Opening, ToDatabase } from './acts.js';
import { isUnavailable, loadDriver } from './driver.js';
import { messageOf } from './group-commit.js';
import { openDatabase, type OpenDatabase } from './open-database.js';

const mainThread = parentPort;
if (mainThread === null) throw new Error('This file runs on a worker thread only.');

const tell = (message: FromDatabase): void => mainThread.postMessage(message);

try {
  serve(openDatabase(await loadDriver(), workerData as Opening));
} catch (error) {
  tell({ refused: refusalOf(error) });
}

function serve(database: OpenDatabase): void {
  mainThread?.on('message', (message: ToDatabase) => {
    if ('batch' in message) {
      const outcome = database.groupCommit.run(message.batch);
      tell({ ...outcome, longestAccessSeconds: database.longestAccess.seconds });
    } else {
      database.close();
      mainThread.close();
    }
  });
  tell({ opened: { longestAccessSeconds: database.longestAccess.seconds } });
}

function refusalOf(error: unknown): Failure {
  if (error instanceof ConfigError) return { kind: 'config', message: error.problems.map(({ message }) => message).join('\n') };
  return { kind: isUnavailable(error) ? 'unavailable' : 'unexpected', message: messageOf(error) };
}
