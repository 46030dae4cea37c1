/** Requests as they are sent: every header as given and in its order, nothing added but what HTTP itself demands; and bytes on a socket. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

export interface Sending {
  readonly port: number;
  readonly method?: string;
  readonly path: string;
  readonly headers?: HeaderPairs;
  readonly body?: string | Uint8Array;
  /** Default: with `Content-Length`. */
  readonly chunked?: boolean;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly requestId: string;
}

/** An answer, read to its end. */
export class HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Every `Set-Cookie` line, in order. */
  readonly setCookies: readonly string[];
  readonly text: string;

  constructor(status: number, headers: IncomingHttpHeaders, text: string) {
    this.status = status;
    this.headers = headers;
    this.setCookies = headers['set-cookie'] ?? [];
    this.text = text;
  }

  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into it and says by that what it must be
  get json(): any {
    return JSON.parse(this.text);
  }

  get problem(): Problem {
    return this.json as Problem;
  }

  /** Code of a refusal; undefined for any other answer. */
  get code(): string | undefined {
    const isProblem =
      this.header('content-type') === 'application/problem+json' ||
      (this.status >= 400 && this.header('content-type') === 'application/json');
    return isProblem && this.text !== '' ? this.problem.code : undefined;
  }

  /** `200`, or `401 token_missing`: what most tests are about, in one string that reads well when it differs. */
  get outcome(): string {
    return this.code === undefined ? String(this.status) : `${this.status} ${this.code}`;
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

export function send({ port, method = 'GET', path, headers = [], body, chunked = false }: Sending): Promise<HttpAnswer> {
  const has = (name: string): boolean => headers.some(([given]) => given.toLowerCase() === name);
  const all: (readonly [string, string])[] = [...headers];
  if (!has('host')) all.unshift(['Host', `localhost:${port}`]);
  if (chunked) all.push(['Transfer-Encoding', 'chunked']);
  else if (body !== undefined && !has('content-length')) all.push(['Content-Length', String(Buffer.byteLength(body))]);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ port, host: '127.0.0.1', method, path, agent, headers: all.flat() }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve(new HttpAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString('utf8')));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Writes bytes on a new connection and gives what came back until the server closed it or fell silent. */
export function sendBytes(port: number, bytes: string | Uint8Array, silenceMilliseconds = 300): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(silenceMilliseconds, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    // A server may cut the connection of whoever sends nonsense.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** Status of each answer in what `sendBytes` gave. */
export function statusesOf(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}
