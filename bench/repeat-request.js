/** One connection on which one prepared request is sent again and again, each after the answer to the one before it. */
import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Sends no more once `until` has passed (of `performance.now()`), and waits for what is under way. Any answer but a 200 ends the measurement.
 * @param {{ port: number, request: string, until: number, pauseMilliseconds?: number }} how
 * @returns {Promise<number[]>} milliseconds of each, from the request to the whole answer
 */
export async function repeatRequest({ port, request, until, pauseMilliseconds = 0 }) {
  const connection = await open(port);
  const times = [];
  do {
    const sentAt = performance.now();
    const answer = await connection.exchange(request);
    times.push(performance.now() - sentAt);
    if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`${request.split('\r\n', 1)[0]} was answered with ${answer}`);
    if (pauseMilliseconds > 0) await pause(pauseMilliseconds);
  } while (performance.now() < until);
  connection.close();
  return times;
}

/** A whole request with a JSON body, or without one. */
export function requestText(method, path, { headers = {}, body } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const all = {
    host: 'localhost',
    ...headers,
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`;
}

function open(port) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let waiting = { resolve: () => undefined, reject };
    socket.setEncoding('latin1');
    socket.on('error', (error) => waiting.reject(error));
    socket.on('close', () => waiting.reject(new Error('the server closed the connection')));
    socket.on('data', (text) => {
      received += text;
      if (!isComplete(received)) return;
      const answer = received;
      received = '';
      waiting.resolve(answer);
    });
    socket.once('connect', () =>
      resolve({
        close: () => void socket.end(),
        exchange: (request) =>
          new Promise((answered, failed) => {
            waiting = { resolve: answered, reject: failed };
            socket.write(request);
          }),
      }),
    );
  });
}

function isComplete(answer) {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const head = answer.slice(0, headEnd);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return answer.endsWith('\r\n0\r\n\r\n');
  return answer.length >= headEnd + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}
