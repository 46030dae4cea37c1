/** A network that misbehaves: a proxy on this machine that forwards connections, slows them, swallows what they say, cuts or refuses them. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

type Direction = 'to server' | 'to client';

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** What it said while the network swallowed everything is lost, and so is the connection. */
  readonly lost: Set<Direction>;
}

export class TcpProxy {
  readonly port: number;
  #target: number;
  #server: Server;
  #connections: Set<Connection> = new Set();
  #swallowed: ReadonlySet<Direction> = new Set();
  #delay = 0;
  #count = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => this.#accept(client));
  }

  /** In front of a port of this machine. */
  static async start(target: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  /** Connections that come from now on go there instead. */
  redirect(target: number): void {
    this.#target = target;
  }

  /** Connections so far. */
  get count(): number {
    return this.#count;
  }

  get open(): number {
    return this.#connections.size;
  }

  /** What is said from now on arrives, this much later, except on connections of which something was swallowed. */
  forward({ delayMilliseconds = 0 }: { delayMilliseconds?: number } = {}): void {
    this.#swallowed = new Set();
    this.#delay = delayMilliseconds;
  }

  /** From now on nothing arrives, and nobody is told: connections are half open, new ones get no answer. */
  blackHole(...directions: readonly Direction[]): void {
    this.#swallowed = new Set(directions.length > 0 ? directions : ['to server', 'to client']);
  }

  /** Ends all connections that are open, as a router does that was restarted. */
  cut(): void {
    for (const { client, server } of this.#connections) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Nobody listens any more; connections that are open stay. */
  async refuse(): Promise<void> {
    this.#server.close();
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    this.#server = createServer((client) => this.#accept(client)).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #accept(client: Socket): void {
    const connection: Connection = { client, server: connect(this.#target, '127.0.0.1'), lost: new Set() };
    this.#count += 1;
    this.#connections.add(connection);
    this.#join(connection, 'to server');
    this.#join(connection, 'to client');
  }

  #join(connection: Connection, direction: Direction): void {
    const [from, to] = direction === 'to server' ? [connection.client, connection.server] : [connection.server, connection.client];
    const pass = (act: () => void): void => {
      if (this.#swallowed.has(direction)) connection.lost.add(direction);
      if (connection.lost.has(direction)) return;
      if (this.#delay === 0) act();
      else setTimeout(act, this.#delay);
    };
    from.on('data', (chunk: Buffer) => pass(() => void to.write(chunk)));
    from.on('end', () => pass(() => void to.end()));
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#connections.delete(connection);
      if (!connection.lost.has(direction)) to.destroy();
    });
  }
}
