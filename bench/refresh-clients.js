/** Clients of refresh and login over raw sockets, for the load must cost little beside the server. */
import { createConnection } from 'node:net';

/** As many sessions as `connections` ask at a time, each asking again when it has its answer; the milliseconds of each answer. */
export async function refreshFor(seconds, { port, sessions, connections }) {
  const deadline = performance.now() + seconds * 1000;
  const times = [];
  let next = 0;
  const one = async (connection) => {
    while (performance.now() < deadline) {
      const session = sessions[next++ % sessions.length];
      const sentAt = performance.now();
      const { status, body } = await connection.ask(refreshRequest(session));
      if (status !== 200) throw new Error(`refresh answered ${String(status)}: ${body}`);
      times.push(performance.now() - sentAt);
      session.token = newToken(body);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: Math.min(connections, sessions.length) }, async () => one(await connect(port))));
  return times;
}

export async function loginFor(seconds, { port, nextUser, password, connections }) {
  const deadline = performance.now() + seconds * 1000;
  const times = [];
  const one = async (connection) => {
    while (performance.now() < deadline) {
      const sentAt = performance.now();
      const { status, body } = await connection.ask(post('/api/auth/login', { identifier: nextUser(), password, delivery: 'bearer' }));
      if (status !== 200) throw new Error(`login answered ${String(status)}: ${body}`);
      times.push(performance.now() - sentAt);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, async () => one(await connect(port))));
  return times;
}

export const refreshRequest = ({ token }) => post('/api/auth/refresh', { refreshToken: token });

function post(path, content) {
  const body = JSON.stringify(content);
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`;
}

const tokenMark = '"refreshToken":"';

export function newToken(body) {
  const start = body.indexOf(tokenMark) + tokenMark.length;
  return body.slice(start, body.indexOf('"', start));
}

/** Longer than any answer of ours may take. */
const answerSeconds = 30;

/** One connection: one question at a time. `ask` rejects when it is lost, or no answer comes. */
export async function connect(port) {
  const socket = createConnection(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.setTimeout(answerSeconds * 1000, () => socket.destroy());
  let waiting = null;
  let received = '';
  const settle = (how, value) => {
    const one = waiting;
    waiting = null;
    received = '';
    one?.[how](value);
  };
  socket.on('data', (chunk) => {
    received += chunk.latin1Slice();
    const answer = parseAnswer(received);
    if (answer !== null) settle('resolve', answer);
  });
  socket.on('error', (error) => settle('reject', error));
  socket.on('close', () => settle('reject', new Error('the connection was closed')));
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return {
    get isOpen() {
      return !socket.destroyed;
    },
    ask: (request) =>
      new Promise((resolve, reject) => {
        // One that was closed while it was idle tells of it no second time.
        if (socket.destroyed) return reject(new Error('the connection was closed'));
        waiting = { resolve, reject };
        socket.write(request, 'latin1');
      }),
    close: () => socket.destroy(),
  };
}

/** Null while it is not whole. */
function parseAnswer(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
  if (text.length < end + 4 + length) return null;
  return { status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4) };
}
