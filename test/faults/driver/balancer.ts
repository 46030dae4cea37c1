/** The network in front of the nodes: a load balancer that, on a bad day, loses, repeats and delays what passes through it. */
import { Agent, createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom } from '../../support/seeded-random.js';

/** Shares of the requests, between 0 and 1. */
export interface Weather {
  /** Half of them before a node has seen the request, half after it has answered. */
  readonly lost: number;
  readonly repeated: number;
  /** Requests and answers that others overtake. */
  readonly delayed: number;
  /** The longest delay. */
  readonly delayMilliseconds: number;
}

export const calm: Weather = { lost: 0, repeated: 0, delayed: 0, delayMilliseconds: 0 };
export const storm: Weather = { lost: 0.1, repeated: 0.05, delayed: 0.02, delayMilliseconds: 400 };

export interface Backend {
  readonly name: string;
  readonly port: number;
  /** Whether it is given requests that do not ask for a certain node. */
  inRotation: boolean;
}

export interface Passing {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Passed {
  readonly node: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Told of each request that is sent to a node a second time: what to tell of its answer, which reaches nobody. */
export type OnRepeated = (historyId: number) => (passed: Passed | null, why: string) => void;

/** Names of headers by which the driver and its network talk; no node sees them. */
export const idHeader = 'x-history-id';
export const nodeHeader = 'x-node';

export class Balancer {
  readonly backends: Backend[] = [];
  weather: Weather = calm;
  onRepeated: OnRepeated | undefined;
  readonly counts = { lost: 0, repeated: 0, delayed: 0 };
  readonly #random: SeededRandom;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #server: Server;

  private constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#pass(request).then(
        ({ node, status, headers, body }) => {
          const { 'transfer-encoding': _chunked, connection: _hop, 'keep-alive': _idle, ...own } = headers;
          response.writeHead(status, { ...own, [nodeHeader]: node }).end(body);
        },
        () => request.socket.destroy(),
      );
    });
  }

  static async start(seed: number): Promise<Balancer> {
    const balancer = new Balancer(seed);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  #happens(kind: 'lost' | 'repeated' | 'delayed'): boolean {
    const happens = this.#random.next() < this.weather[kind];
    if (happens) this.counts[kind] += 1;
    return happens;
  }

  /** Rejects when the client is to hear nothing. */
  async #pass(request: IncomingMessage): Promise<Passed> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { [idHeader]: id, [nodeHeader]: wanted, connection: _hop, ...headers } = request.headers;
    const passing = { method: request.method ?? 'GET', path: request.url ?? '/', headers, body: Buffer.concat(chunks) };
    if (this.#happens('repeated')) void this.#repeat(passing, Number(id));
    const isLost = this.#happens('lost');
    const isLostBefore = isLost && this.#random.next() < 0.5;
    const isDelayed = this.#happens('delayed');
    const isDelayedBefore = isDelayed && this.#random.next() < 0.5;
    if (isDelayedBefore) await this.#delay();
    if (isLostBefore) throw new Error('lost');
    const passed = await this.#forward(passing, wanted as string | undefined);
    if (isDelayed && !isDelayedBefore) await this.#delay();
    if (isLost) throw new Error('lost');
    return passed;
  }

  #delay(): Promise<void> {
    return pause(this.#random.below(this.weather.delayMilliseconds));
  }

  async #repeat(passing: Passing, id: number): Promise<void> {
    const heard = this.onRepeated?.(id);
    await pause(this.#random.below(20));
    await this.#forward(passing).then(
      (passed) => heard?.(passed, ''),
      (error: unknown) => heard?.(null, String(error)),
    );
  }

  /** Another node is asked only where the first cannot have seen the request. */
  async #forward(passing: Passing, wanted?: string): Promise<Passed> {
    const inRotation = this.backends.filter((backend) => (wanted === undefined ? backend.inRotation : backend.name === wanted));
    const first = this.#random.below(Math.max(1, inRotation.length));
    for (const [index, backend] of [...inRotation.slice(first), ...inRotation.slice(0, first)].entries()) {
      try {
        return await this.#ask(backend, passing);
      } catch (error) {
        const isSafe = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' && index + 1 < inRotation.length;
        if (!isSafe) throw error;
      }
    }
    throw new Error('no node is in rotation');
  }

  #ask({ name, port }: Backend, { method, path, headers, body }: Passing): Promise<Passed> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            node: name,
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
