/** A client with one connection that it keeps, as a proxy or a program has it: which worker is at its other end is known by the log. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerProcess } from './server-process.js';

export interface Answered {
  readonly status: number;
  readonly code: string | undefined;
  readonly isLast: boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into it and says by that what it must be
  readonly json: any;
}

export interface CallOptions {
  readonly token?: string;
  readonly json?: object;
}

export interface Signed {
  readonly accessToken: string;
  readonly refreshToken: string;
}

const password = 'correct horse battery staple';

export class Line {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  /** A connection to this worker. The server must log at `debug`. */
  static async toWorker(server: ServerProcess, worker: number): Promise<Line> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const line = new Line(server.port);
      const before = server.output.length;
      await line.call('GET', '/health/live');
      while (!server.output.slice(before).includes('answered')) await pause(1);
      if (server.output.slice(before).includes(`answered worker=${worker} `)) return line;
      line.close();
    }
    throw new Error(`no connection came to worker ${worker}`);
  }

  /** Rejects when no answer comes. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answered> {
    const { status, headers, text } = await this.#send(method, path, options);
    const document = JSON.parse(text || 'null') as { code?: string } | null;
    return { status, code: document?.code, isLast: headers.connection === 'close', json: document };
  }

  async text(path: string, token: string): Promise<string> {
    return (await this.#send('GET', path, { token })).text;
  }

  async register(username: string): Promise<void> {
    await this.call('POST', '/api/auth/register', { json: { username, password } });
  }

  async login(username: string): Promise<Signed> {
    const { json } = await this.call('POST', '/api/auth/login', { json: { identifier: username, password, delivery: 'bearer' } });
    return json as Signed;
  }

  refresh({ refreshToken }: Pick<Signed, 'refreshToken'>): Promise<Answered> {
    return this.call('POST', '/api/auth/refresh', { json: { refreshToken } });
  }

  profile({ accessToken }: Pick<Signed, 'accessToken'>): Promise<Answered> {
    return this.call('GET', '/api/users/me', { token: accessToken });
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    { token, json }: CallOptions,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
    const body = json === undefined ? '' : JSON.stringify(json);
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    return new Promise((resolve, reject) => {
      const sent = request({ port: this.#port, host: '127.0.0.1', method, path, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') });
        });
      });
      // A connection that was being handed to a worker when that was killed stays open with nobody at its end.
      sent.setTimeout(20_000, () => sent.destroy(new Error('socket hang up: no answer within 20 s')));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
