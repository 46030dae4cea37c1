/** The first of several processes: serves nothing itself, but sees to it that as many workers do as the settings say. */
import cluster from 'node:cluster';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigError } from '../errors.js';
import { currentSettings, type Settings } from '../settings/read-settings.js';
import type { ServerLogger } from './log.js';
import { stopWithinMilliseconds } from './open-server.js';
import { stopOnSignals } from './stop-on-signals.js';
import { passOnHint } from './worker-bus.js';
import { passOnFigures } from './worker-figures.js';
import type { FromWorker } from './worker-messages.js';
import { WorkerProcess } from './worker-process.js';

/** One that served for so long was sound: what ended it has nothing to do with the one before. */
const soundMilliseconds = 60_000;
const longestPauseMilliseconds = 30_000;
/** So many in succession, while none serves: it will not get better by itself. */
const hopelessFailures = 5;
/** Beyond what a worker takes by itself. */
const killAfterMilliseconds = 3_000;
/** Who tells a worker to stop and has told this process as well: by then it was heard. */
const sameMomentMilliseconds = 500;

/** Resolves when all workers serve, or stop because they were told to. @throws {ConfigError} or what else prevents the first of them. */
export function superviseWorkers(settings: Settings, logger: ServerLogger): Promise<void> {
  const supervisor = new Supervisor(settings, logger);
  stopOnSignals({
    logger,
    stop: () => supervisor.stop(),
    abandon: () => supervisor.kill(),
    onHangUp: () => void supervisor.restart(),
  });
  return supervisor.start();
}

/** A place among the workers. */
class Place {
  readonly number: number;
  /** Null while nobody serves there. */
  current: WorkerProcess | null = null;
  /** What has come of the worker that was forked for it last. */
  filled: Promise<void> = Promise.resolve();
  /** Ends in succession that came too soon. */
  failures = 0;

  constructor(number: number) {
    this.number = number;
  }

  give(worker: WorkerProcess): void {
    this.current = worker;
  }
}

class Supervisor {
  readonly #settings: Settings;
  readonly #logger: ServerLogger;
  readonly #places: readonly Place[];
  /** All that have not ended, also those that start or stop. */
  readonly #running: Set<WorkerProcess> = new Set();
  #isStopping = false;
  #restarting: Promise<void> = Promise.resolve();
  #handedOver: Place | null = null;

  constructor(settings: Settings, logger: ServerLogger) {
    this.#settings = settings;
    this.#logger = logger;
    this.#places = Array.from({ length: settings.workers }, (_, index) => new Place(index + 1));
    cluster.schedulingPolicy = cluster.SCHED_RR;
  }

  start(): Promise<void> {
    this.#restarting = this.#startAll();
    return this.#restarting;
  }

  /** Each in turn, once all were started, and only when another serves in its place. Where that fails, those that run go on. */
  restart(): Promise<void> {
    this.#restarting = this.#restarting.catch(() => undefined).then(() => this.#restartAll());
    return this.#restarting;
  }

  /** False when one of them did not end in order. */
  async stop(): Promise<boolean> {
    this.#isStopping = true;
    const ends = await Promise.all([...this.#running].map((worker) => this.#stopOne(worker, false)));
    this.#logger.info({}, 'all workers have stopped');
    return ends.every(Boolean);
  }

  kill(): void {
    for (const worker of this.#running) worker.kill();
  }

  /** The first alone, so that database, keys and made-up secret are made once, and what is wrong is told once. */
  async #startAll(): Promise<void> {
    const [first, ...others] = this.#places;
    try {
      if (first) await this.#fill(first);
      if (!this.#isStopping) await Promise.all(others.map((place) => this.#fill(place)));
    } catch (error) {
      if (this.#isStopping) return;
      this.#isStopping = true;
      this.kill();
      throw error;
    }
    if (this.#isStopping) return;
    const { port, host, workers, options } = this.#settings;
    this.#logger.info({ publicUrl: options.publicUrl, host, port, workers }, 'listening');
  }

  #fork(place: Place): WorkerProcess {
    const worker = new WorkerProcess(place.number, (message, from) => this.#hear(message, from));
    this.#running.add(worker);
    void worker.ended.then(() => this.#running.delete(worker));
    return worker;
  }

  #hear(message: FromWorker, from: WorkerProcess): void {
    const { worker } = from;
    const running = Array.from(this.#running, (other) => other.worker);
    if (message.says === 'hint') passOnHint(worker, running);
    else if (message.says === 'told to stop') void this.#stopAlone(from);
    else passOnFigures(message, worker, { running, serving: this.#places.flatMap(({ current }) => current?.worker ?? []) });
  }

  /** Unless all of them were meant: the others serve the port until another takes its place. */
  async #stopAlone(worker: WorkerProcess): Promise<void> {
    await pause(sameMomentMilliseconds);
    if (!this.#isStopping) await this.#stopOne(worker, true);
  }

  #fill(place: Place): Promise<void> {
    const fill = async (): Promise<void> => {
      const worker = this.#fork(place);
      await worker.ready;
      place.give(worker);
      void worker.ended.then((how) => this.#afterEnd(place, worker, how));
    };
    place.filled = fill();
    return place.filled;
  }

  async #afterEnd(place: Place, worker: WorkerProcess, how: Awaited<WorkerProcess['ended']>): Promise<void> {
    if (this.#isStopping || place.current !== worker) return;
    place.current = null;
    this.#logger.warn({ worker: place.number, ...how }, 'a worker ended; another takes its place');
    place.failures = worker.age > soundMilliseconds ? 0 : place.failures + 1;
    if (place !== this.#handedOver) await this.#refill(place);
  }

  async #refill(place: Place): Promise<void> {
    while (place.current === null) {
      await pause(pauseAfter(place.failures));
      if (this.#isStopping) return;
      try {
        await this.#fill(place);
        this.#logger.info({ worker: place.number }, 'a worker serves again');
      } catch (error) {
        place.failures += 1;
        this.#complain(error, place, 'a worker could not be started; it is tried again');
        this.#endIfHopeless(place);
      }
    }
  }

  /** While all of them stop, one that does not start is no news. */
  #complain(error: unknown, { number }: Place, message: string): void {
    if (!this.#isStopping) this.#logger.error({ worker: number, err: error }, message);
  }

  #endIfHopeless(place: Place): void {
    const noneServes = this.#places.every(({ current }) => current === null);
    if (this.#isStopping || !noneServes || place.failures < hopelessFailures) return;
    this.#logger.error({}, 'no worker serves and none can be started; the process ends');
    this.kill();
    process.exit(1);
  }

  async #restartAll(): Promise<void> {
    if (this.#isStopping || !this.#settingsAllowIt()) return;
    this.#logger.info({ workers: this.#places.length }, 'restarting the workers, one after the other');
    for (const place of this.#places) if (!(await this.#handOver(place))) return;
    this.#logger.info({}, 'all workers were restarted');
  }

  /** Whether new workers can be started by what the settings are now. */
  #settingsAllowIt(): boolean {
    try {
      const { port, host, workers } = currentSettings();
      const { port: oldPort, host: oldHost, workers: oldWorkers } = this.#settings;
      if (port === oldPort && host === oldHost && workers === oldWorkers) return true;
      this.#logger.error({}, 'not restarted: PORT, HOST and COUNTERSIGN_WORKERS can be changed by a stop and a start only');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#logger.error({ problems: error.problems }, 'not restarted: the settings are wrong now');
    }
    return false;
  }

  async #handOver(place: Place): Promise<boolean> {
    // One that was forked before, and may have read the old settings.
    if (place.current === null) await place.filled.catch(() => undefined);
    if (this.#isStopping) return false;
    const old = place.current;
    // Whoever is forked from now on reads the new ones.
    if (old === null) return true;
    this.#handedOver = place;
    try {
      await this.#fill(place);
    } catch (error) {
      this.#complain(error, place, 'the restart is given up: a new worker could not be started');
      return false;
    } finally {
      this.#handedOver = null;
      // It may have ended meanwhile.
      if (place.current === null) void this.#refill(place);
    }
    await this.#stopOne(old, true);
    return true;
  }

  #stopOne(worker: WorkerProcess, isHandOver: boolean): Promise<boolean> {
    // To whom it hands over accepts already.
    const acceptMilliseconds = isHandOver ? 0 : this.#settings.stopDelayMilliseconds;
    return worker.stop({ isHandOver, acceptMilliseconds }, acceptMilliseconds + stopWithinMilliseconds + killAfterMilliseconds);
  }
}

/** None after the first. */
function pauseAfter(failures: number): number {
  return failures <= 1 ? 0 : Math.min(longestPauseMilliseconds, 250 * 2 ** (failures - 2));
}
