/** A thread that hashes passwords, one after the other: see `hashing-threads.ts`. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { performHashing, type HashingTask } from './hashing-task.js';

stepBack();
parentPort?.on('message', (task: HashingTask) => parentPort?.postMessage(performHashing(task)));

/** Requests, refreshes and the database go before logins. Linux alone gives each thread a priority of its own (sched(7), "The nice value"). */
function stepBack(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(5);
  } catch {
    // A sandbox that forbids it costs others some milliseconds while people log in.
  }
}
