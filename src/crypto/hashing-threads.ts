/**
 * Threads of our own for password hashing, shared by the whole process, about one for each CPU. libuv's pool stays free for files, names and the
 * application, and a thread begins its next hash without waiting for the main thread. See `docs/adr/0019-password-hashes-on-threads-of-their-own.md`.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { HashingOutcome, HashingTask } from './hashing-task.js';

/** Node 20 counts the CPUs of the machine, not those that a container may use; and each thread takes 19 MiB while it hashes. */
const mostCpus = 8;
const memoryOfThread = 32 * 2 ** 20;

/** At most a quarter of the memory that the process may have, where the system limits it. */
const mostThreads = Math.max(1, Math.min(availableParallelism(), mostCpus, Math.floor(memoryLimit() / 4 / memoryOfThread)));

function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit === 0 ? Infinity : limit;
}

/** How many tasks make sense at once: on each thread one that runs, and one that follows it. */
export const hashingPlaces: number = mostThreads * 2;

/** After which a thread ends that has had nothing to do: it holds some megabytes. */
const idleMilliseconds = 30_000;

/** They start when they are needed, and keep no process from ending while they wait. */
const threads = new Set<HashingThread>();

/** @throws when the thread ended meanwhile: out of memory, for one. The next task finds another. */
export function runHashing(task: HashingTask): Promise<HashingOutcome> {
  return leastLoaded().run(task);
}

function leastLoaded(): HashingThread {
  const [least] = [...threads].sort((one, other) => one.load - other.load);
  if (least !== undefined && (least.load === 0 || threads.size === mostThreads)) return least;
  const started = new HashingThread();
  threads.add(started);
  return started;
}

interface Waiting {
  readonly resolve: (outcome: HashingOutcome) => void;
  readonly reject: (error: Error) => void;
}

class HashingThread {
  /** In the order in which the thread was asked, which is that of its answers. */
  readonly #waiting: Waiting[] = [];
  readonly #worker: Worker;
  #idle: NodeJS.Timeout | undefined;

  constructor() {
    this.#worker = new Worker(new URL('./hashing-thread.js', import.meta.url), {
      name: 'countersign-hashing',
      // Not the application's own flags and loaders.
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
    });
    let cause = new Error('The hashing thread ended.');
    this.#worker.on('error', (error: Error) => (cause = error));
    this.#worker.on('message', (outcome: HashingOutcome) => this.#settle(outcome));
    this.#worker.on('exit', () => {
      threads.delete(this);
      clearTimeout(this.#idle);
      for (const { reject } of this.#waiting.splice(0)) reject(cause);
    });
  }

  get load(): number {
    return this.#waiting.length;
  }

  run(task: HashingTask): Promise<HashingOutcome> {
    clearTimeout(this.#idle);
    this.#worker.ref();
    this.#worker.postMessage(task);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #settle(outcome: HashingOutcome): void {
    this.#waiting.shift()?.resolve(outcome);
    if (this.load > 0) return;
    this.#worker.unref();
    this.#idle = setTimeout(() => this.#end(), idleMilliseconds).unref();
  }

  /** Out of the set first, so that no task is given to a thread that is ending. */
  #end(): void {
    threads.delete(this);
    void this.#worker.terminate();
  }
}
