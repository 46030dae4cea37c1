/** The open connections of a server, the answers under way on them, and how they come to an end without a request being lost. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * A client may be sending on a connection that is idle for us. One on which nothing comes for this long after its last answer is closed;
 * whatever comes sooner is answered, and told that it was the last.
 */
const quietMilliseconds = 1000;

interface Connection {
  readonly socket: Socket;
  answer: ServerResponse | undefined;
  /** Since when nothing is under way, and what had arrived by then. */
  quietAt: number;
  bytesRead: number;
}

export class Connections {
  readonly #open: Map<Duplex, Connection> = new Map();
  #isWindingDown = false;

  add(socket: Socket): void {
    this.#open.set(socket, { socket, answer: undefined, quietAt: performance.now(), bytesRead: 0 });
    socket.once('close', () => this.#open.delete(socket));
  }

  begin(request: IncomingMessage, answer: ServerResponse): void {
    if (this.#isWindingDown) answer.setHeader('connection', 'close');
    const connection = this.#open.get(request.socket);
    if (!connection) return;
    connection.answer = answer;
    answer.once('close', () => {
      // A client that sends its requests without waiting has the next one under way already.
      if (connection.answer !== answer) return;
      connection.answer = undefined;
      connection.quietAt = performance.now();
      connection.bytesRead = connection.socket.bytesRead;
    });
  }

  answerOn(socket: Duplex): ServerResponse | undefined {
    return this.#open.get(socket)?.answer;
  }

  /** From now on each answer that has not begun tells its client to open a new connection. */
  windDown(): void {
    this.#isWindingDown = true;
    for (const connection of this.#open.values()) {
      connection.quietAt = performance.now();
      if (connection.answer?.headersSent === false) connection.answer.setHeader('connection', 'close');
    }
  }

  /** Of those on which a request has begun to arrive, none. */
  closeQuiet(): void {
    const lastAt = performance.now() - quietMilliseconds;
    for (const { socket, answer, quietAt, bytesRead } of this.#open.values()) {
      if (answer === undefined && quietAt <= lastAt && socket.bytesRead === bytesRead) socket.destroy();
    }
  }
}
