/** Browsers that do nothing but refresh: each sends its newest cookies, takes the new ones, again and again, over a connection of its own. */
import { createConnection } from 'node:net';
import { quantile } from './measure.js';

/**
 * `session`: `{ cookies: Map of name to value, csrfToken }`; its cookies are replaced by those of each answer. `request(session)`: the whole
 * request as text; without it, ours. Any answer but a 200 ends the measurement.
 * @returns {Promise<{ count: number, perSecond: number, p50: number, p99: number, cpuMicroseconds: number }>} latencies in milliseconds; the last
 * is what this process spent on a request
 */
export async function loadWithRefreshes({ port, sessions, seconds, request = refreshRequest }) {
  const times = [];
  const usageBefore = process.cpuUsage();
  const start = performance.now();
  const deadline = start + seconds * 1000;
  await Promise.all(sessions.map((session) => browse({ port, session, request, deadline, times })));
  const elapsed = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(usageBefore);
  const count = times.length;
  return {
    count,
    perSecond: count / elapsed,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    cpuMicroseconds: (user + system) / count,
  };
}

function refreshRequest({ cookies, csrfToken }) {
  let cookie = '';
  for (const [name, value] of cookies) cookie += cookie === '' ? `${name}=${value}` : `; ${name}=${value}`;
  return `POST /api/auth/refresh HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nX-CSRF-Token: ${csrfToken}\r\nContent-Length: 0\r\n\r\n`;
}

function browse({ port, session, request, deadline, times }) {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let received = '';
    const send = () => {
      sentAt = performance.now();
      socket.write(request(session), 'latin1');
    };
    const take = (text) => {
      received = received === '' ? text : received + text;
      if (!isComplete(received)) return;
      const answer = received;
      received = '';
      const now = performance.now();
      times.push(now - sentAt);
      if (!answer.startsWith('HTTP/1.1 200 ')) return void reject(new Error(answer.slice(0, answer.indexOf('\r\n'))));
      keepCookies(answer, session.cookies);
      if (now < deadline) send();
      else socket.end(resolve);
    };
    // One buffer for each connection, used again: the load shares the machine with what it measures.
    const onread = { buffer: Buffer.allocUnsafe(16_384), callback: (size, buffer) => (take(buffer.latin1Slice(0, size)), true) };
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true, onread }, send);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed the connection')));
  });
}

const lengthHeader = /\r\ncontent-length: *(\d+)/i;

function isComplete(answer) {
  const headEnd = answer.indexOf('\r\n\r\n');
  return headEnd >= 0 && answer.length >= headEnd + 4 + Number(lengthHeader.exec(answer)?.[1] ?? 0);
}

const cookieHeader = /\r\nset-cookie: *([^=]+)=([^;\r]*)/gi;

function keepCookies(answer, cookies) {
  for (const [, name, value] of answer.matchAll(cookieHeader)) cookies.set(name, value);
}
