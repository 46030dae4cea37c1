/** A connection that listens for hints, notices when it is dead, and reads meanwhile what must not wait behind the acts. */
import { Deadline, setUpOn, type Run } from './connections.js';
import type { LoneConnection } from './driver.js';
import { PostgresFailure } from './failures.js';
import { plain, type Statement } from './statements.js';

/** Who is asked this often and has not answered when he is asked again is taken for dead: the server can go without our being told. */
const heartbeatMilliseconds = 2000;

/** One does the reading that matters most; where strangers' come in numbers, they go where there is more than one connection. */
const maxLent = 4;

const ask = plain('SELECT 1');

export interface Listening {
  readonly channel: string;
  readonly setUp: Statement;
  readonly onHint: () => void;
}

export class ListeningConnection {
  /** When no hint can come any more. */
  readonly ended: Promise<void>;
  readonly close: () => void;
  readonly #client: LoneConnection['client'];
  #isAsked = true;
  #lent = 0;
  /** The driver wants to be asked one thing at a time. */
  #last: Promise<Run>;

  private constructor({ client, close }: LoneConnection, { channel, setUp, onHint }: Listening) {
    this.#client = client;
    this.close = close;
    this.ended = new Promise<void>((resolve) => client.on('end', resolve));
    const heartbeat = setInterval(() => this.#beat(), heartbeatMilliseconds);
    void this.ended.then(() => clearInterval(heartbeat));
    client.on('notification', () => {
      onHint();
    });
    this.#last = this.#begin(setUp, plain(`LISTEN "${channel}"`)).then((run) => {
      // Unlike what was asked for, hints keep no process alive.
      heartbeat.unref();
      client.unref?.();
      return run;
    });
  }

  /** Hints come when it resolves. Rejects, and closes it, when it does not listen. */
  static async open(lone: LoneConnection, listening: Listening): Promise<ListeningConnection> {
    const connection = new ListeningConnection(lone, listening);
    try {
      await connection.#last;
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isFree(): boolean {
    return this.#lent < maxLent;
  }

  /** Lends it to `work`. It is closed when it breaks, or when that takes longer. @throws {PostgresFailure} or what `work` throws */
  async lend<Result>(milliseconds: number, work: (run: Run) => Promise<Result>): Promise<Result> {
    const deadline = new Deadline(milliseconds);
    deadline.onExpiry(this.close);
    this.#lent += 1;
    try {
      return await this.#next(work);
    } catch (error) {
      if (error instanceof PostgresFailure && error.isLost) this.close();
      throw error;
    } finally {
      this.#lent -= 1;
      deadline.clear();
    }
  }

  async #begin(setUp: Statement, listen: Statement): Promise<Run> {
    const run = await setUpOn(this.#client, setUp);
    await run(listen);
    this.#isAsked = false;
    return run;
  }

  #next<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
    const before = this.#last;
    const mine = before.then(work);
    this.#last = mine.then(
      () => before,
      () => before,
    );
    return mine;
  }

  #beat(): void {
    if (this.#isAsked) this.close();
    // To whom it is lent finds out himself.
    else if (this.#lent === 0) this.#ask().catch(this.close);
  }

  async #ask(): Promise<void> {
    this.#isAsked = true;
    await this.#next((run) => run(ask));
    this.#isAsked = false;
  }
}
