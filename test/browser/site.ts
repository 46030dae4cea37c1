/** A web site with accounts: its API on Express, its page with the browser client, and something between the two that can go wrong. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import express, { type RequestHandler } from 'express';
import { createAuth, masterSecret, newSecret, type Auth, type AuthOptions } from 'countersign';
import { expressAuth } from 'countersign/express';
import { sqlite } from 'countersign/sqlite';
import { root } from '../docs/markdown.js';

export const password = 'correct horse battery staple';

/** The client's own files, as the package has them. */
const clientFiles: RequestHandler = (request, response, next) => {
  const path = normalize(request.path);
  if (!/^\/dist\/(?:client|protocol)\/[\w-]+\.js$/.test(path)) {
    next();
    return;
  }
  void readFile(join(root, path), 'utf8').then((text) => response.type('js').send(text), next);
};

/** A page that makes `auth` and tells what it saw first. */
function pageWith(options: object): string {
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>A page</title><h1>A page</h1>
<script type="module">
import { createClient } from '/dist/client/index.js';
window.auth = createClient(${JSON.stringify(options)});
window.firstState = window.auth.state;
window.seen = [];
window.auth.subscribe((state) => window.seen.push(state.status));
window.isReady = true;
</script>`;
}

/** For one run; browsers are told to take it. */
function makeCertificate(folder: string): { readonly key: Buffer; readonly cert: Buffer } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=test'];
  execFileSync('openssl', ['req', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

export class Site {
  readonly origin: string;
  readonly auth: Auth;
  /** What was answered, without pages and scripts. */
  readonly answers: Seen[] = [];
  /** Comes first; calls `next` or does not. */
  weather: RequestHandler = (_request, _response, next) => next();
  readonly #server: Server;
  readonly #folder: string;

  private constructor(origin: string, auth: Auth, server: Server, folder: string) {
    this.origin = origin;
    this.auth = auth;
    this.#server = server;
    this.#folder = folder;
  }

  /** `clientOptions` are those of the page at `/`. With a host it is https, and the server answers by whatever name it is called. */
  static async start(
    options: Partial<AuthOptions> = {},
    clientOptions: object = {},
    host?: string,
    at = 0,
    more?: (app: express.Express) => void,
  ): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-site-'));
    const server = (host === undefined ? createServer() : createSecureServer(makeCertificate(folder))).listen(at, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const origin = host === undefined ? `http://localhost:${port}` : `https://${host}:${port}`;
    const auth = await createAuth({
      publicUrl: origin,
      secret: masterSecret(newSecret()),
      store: sqlite(join(folder, 'auth.db')),
      limits: { login: 'insecure-off', api: 'insecure-off' },
      ...options,
    });
    const site = new Site(origin, auth, server, folder);
    server.on('request', site.#application(clientOptions, more));
    return site;
  }

  #application(clientOptions: object, more?: (app: express.Express) => void): express.Express {
    const { routes, authenticated, errors } = expressAuth(this.auth);
    const app = express();
    app.use(clientFiles);
    app.get('/', ({ query }, response) => {
      const own = query['client'] as string | undefined;
      response.type('html').send(pageWith(own === undefined ? clientOptions : JSON.parse(own)));
    });
    app.use((request, response, next) => {
      response.on('finish', () => this.answers.push({ method: request.method, path: request.originalUrl, status: response.statusCode }));
      this.weather(request, response, next);
    });
    app.use(routes());
    more?.(app);
    app.get(
      '/hello',
      authenticated((request, response) => void response.json({ hello: request.auth.userId })),
    );
    app.post(
      '/upload',
      authenticated((request, response) => {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => (bytes += chunk.length));
        request.on('end', () => void response.json({ bytes, user: request.auth.userId }));
      }),
    );
    app.get(
      '/stream',
      authenticated((_request, response) => {
        let left = 5;
        const timer = setInterval(() => {
          response.write(`${left}\n`);
          if (--left > 0) return;
          clearInterval(timer);
          response.end();
        }, 100);
      }),
    );
    app.use(errors());
    return app;
  }

  /** The same server by another name; a page there has a client with these options. */
  at(host: string, clientOptions?: object): string {
    const { protocol, port } = new URL(this.origin);
    const query = clientOptions === undefined ? '' : `?client=${encodeURIComponent(JSON.stringify(clientOptions))}`;
    return `${protocol}//${host}:${port}/${query}`;
  }

  async createUser(username: string): Promise<void> {
    await this.auth.users.create({ username, password });
  }

  count(path: string, status?: number): number {
    return this.answers.filter((answer) => answer.path === path && (status === undefined || answer.status === status)).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.auth.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
