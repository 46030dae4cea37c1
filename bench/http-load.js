/** Loads servers in processes of their own, in turns, with one prepared request, and counts what each of them spends on it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';

/** Enough that a server never waits for the next request. */
const connections = 16;

/** What every request carries beside the credential: cookies of others stand before it, as in a browser. */
const common = {
  host: 'localhost',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: 'application/json',
  'accept-encoding': 'gzip, deflate, br, zstd',
};
const otherCookies = '_ga=GA1.1.1234567890.1700000000; theme=dark';

/** @param {string} file of the process @param {string[]} args */
export async function startServer(file, args) {
  const child = fork(file, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const tell = () =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`the server ${args.join(' ')} ended with ${String(code)}`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        resolve(message);
      });
    });
  const { port, headers } = await tell();
  const clients = await Promise.all(Array.from({ length: connections }, () => connect(port)));
  const request = requestText(headers);
  return {
    headers,
    /** One turn. `cpu`: microseconds of its processor time for each request, its garbage collection included. */
    async load(seconds) {
      child.send('usage');
      const before = await tell();
      const start = performance.now();
      const counts = await Promise.all(clients.map((client) => client.repeat(request, start + seconds * 1000)));
      const elapsed = (performance.now() - start) / 1000;
      child.send('usage');
      const after = await tell();
      const requests = counts.reduce((sum, count) => sum + count, 0);
      return { perSecond: requests / elapsed, cpu: (after.microseconds - before.microseconds) / requests };
    },
    stop() {
      for (const client of clients) client.close();
      child.kill();
    },
  };
}

function requestText({ cookie, ...headers }) {
  const all = { ...common, ...headers, cookie: cookie === undefined ? otherCookies : `${otherCookies}; ${cookie}` };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET /me HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** One connection; the answers to one request are all of the same length, so that only the first has to be understood. */
async function connect(port) {
  let onData = () => undefined;
  let onEnd = () => undefined;
  const buffer = Buffer.allocUnsafe(65_536);
  const onread = { buffer, callback: (size, bytes) => (onData(size, bytes), true) };
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true, onread });
  socket.on('error', (error) => onEnd(error));
  socket.on('close', () => onEnd(new Error('the server closed the connection')));
  await once(socket, 'connect');
  let expected = null;
  const repeat = (request, until) =>
    new Promise((resolve, reject) => {
      let count = 0;
      let received = 0;
      let first = '';
      if (socket.destroyed) return void reject(new Error('the server closed the connection'));
      onEnd = reject;
      onData = (size, bytes) => {
        if (received === 0 && !isOk(bytes)) return void reject(new Error(`GET /me was answered with ${bytes.latin1Slice(0, size)}`));
        received += size;
        if (expected === null) {
          first += bytes.latin1Slice(0, size);
          if (isComplete(first)) expected = first.length;
        }
        if (expected === null || received < expected) return;
        if (received > expected) return void reject(new Error('an answer is longer than the first one'));
        received = 0;
        count += 1;
        if (performance.now() < until) socket.write(request);
        else resolve(count);
      };
      socket.write(request);
    });
  return { repeat, close: () => socket.destroy() };
}

/** `HTTP/1.1 200`. */
function isOk(bytes) {
  return bytes[9] === 50 && bytes[10] === 48 && bytes[11] === 48;
}

function isComplete(answer) {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const head = answer.slice(0, end);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return answer.endsWith('\r\n0\r\n\r\n');
  return answer.length === end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}
