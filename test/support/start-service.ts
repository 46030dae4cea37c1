/** Starts an issuer that others can reach, and services beside it that know its URL only, each on a framework and a port of its own. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { AccessRule, Principal } from 'countersign';
import { expressVerifier } from 'countersign/express';
import { fastifyVerifier } from 'countersign/fastify';
import { honoVerifier } from 'countersign/hono';
import { nodeVerifier } from 'countersign/node';
import { createVerifier, AuthError, type InsecureVerifierOptions, type Verifier, type VerifierOptions } from 'countersign/verify';
import express, { type Request as ExpressRequest, type Response as ExpressResponse } from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { freePort } from './free-port.js';
import { send, type HeaderPairs, type HttpAnswer } from './http.js';
import { articleRoles, startApp, type AppOptions, type LogLine, type TestApp } from './start-app.js';

export const frameworks = ['Express', 'Fastify', 'Hono', 'node:http', 'fetch handler'] as const;
export type Framework = (typeof frameworks)[number];

/** As the issuer names this service among the audiences of its tokens. */
export const serviceName = 'https://reports.example.test';
export const webPage = 'https://web.example.test';

/** `reachedAt`: the port of what stands in front of it. */
export async function startIssuer({ reachedAt, ...options }: AppOptions & { readonly reachedAt?: number } = {}): Promise<TestApp> {
  const port = options.port ?? (await freePort());
  const publicUrl = `http://127.0.0.1:${reachedAt ?? port}`;
  const tokens = { audience: [publicUrl, serviceName], ...options.tokens };
  return startApp({ roles: articleRoles, ...options, port, publicUrl, tokens });
}

/** An API key of a service account, with which a service may read what was revoked. */
export async function newServiceKey(app: TestApp, scopes: readonly string[] = ['revocations:read']): Promise<string> {
  const { id } = await app.auth.users.create({ username: `service-${randomUUID().slice(0, 8)}`, roles: ['user'] });
  const { secret } = await app.auth.apiKeys.create({ userId: id, name: 'reports', scopes });
  app.secrets.addApiKey(secret);
  return secret;
}

type Options = Partial<Omit<VerifierOptions, 'logger'>> & Partial<InsecureVerifierOptions> & { readonly framework?: Framework };

export class TestService {
  readonly port: number;
  readonly verifier: Verifier;
  readonly log: LogLine[];
  readonly #close: () => Promise<unknown>;

  constructor(parts: Pick<TestService, 'port' | 'verifier' | 'log'>, close: () => Promise<unknown>) {
    this.port = parts.port;
    this.verifier = parts.verifier;
    this.log = parts.log;
    this.#close = close;
  }

  get(path: string, token?: string, headers: HeaderPairs = []): Promise<HttpAnswer> {
    return this.call('GET', path, token === undefined ? headers : [['Authorization', `Bearer ${token}`], ...headers]);
  }

  call(method: string, path: string, headers: HeaderPairs): Promise<HttpAnswer> {
    const body = method === 'POST' ? ({ headers: [...headers, ['Content-Type', 'application/json']], body: '{}' } as const) : { headers };
    return send({ port: this.port, method, path, ...body });
  }

  async stop(): Promise<void> {
    this.verifier.close();
    await this.#close();
  }
}

/** With the clock of the issuer, which is set by hand. */
export async function startService(app: TestApp, options: Options = {}): Promise<TestService> {
  const { serviceKey, ...rest } = options;
  const withFeed = rest.insecureWithoutRevocation === true ? {} : { serviceKey: serviceKey ?? (await newServiceKey(app)) };
  return startServiceOf({ issuer: app.publicUrl, clock: { now: () => app.now }, ...withFeed, ...rest });
}

export async function startServiceOf({ framework = 'Express', ...options }: Options): Promise<TestService> {
  const log: LogLine[] = [];
  const line = (level: LogLine['level']) => (facts: object, message: string) =>
    void log.push({ level, facts: facts as LogLine['facts'], message });
  const logger = { info: line('info'), warn: line('warn'), error: line('error') };
  const verifier = await createVerifier({ audience: serviceName, trustedOrigins: [webPage], ...options, logger } as VerifierOptions);
  const { port, close } = await listeners[framework](verifier);
  return new TestService({ port, verifier, log }, close);
}

interface Listening {
  readonly port: number;
  close(): Promise<unknown>;
}

async function listen(listener: RequestListener): Promise<Listening> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<unknown> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}

function describe({ userId, roles, via, permissions }: Principal): object {
  return { userId, roles, via, permissions: [...permissions] };
}

/** The routes that every service has. */
const rules: Readonly<Record<string, AccessRule>> = {
  '/hello': {},
  '/admin-area': { roles: ['admin'] },
  '/recent': { maxAge: '5m' },
  '/relaxed': { revocation: 'available' },
};
/** Only for those who know what roles permit. */
const permissionRules: typeof rules = { '/articles': { permissions: ['article:write'] } };

function rulesOf(verifier: Verifier): typeof rules {
  const isWithoutFeed = verifier.status().ageMilliseconds === Infinity;
  return isWithoutFeed ? rules : { ...rules, ...permissionRules };
}

const gone = (): never => {
  throw new AuthError('not_found', { reason: 'thrown by a handler' });
};

const listeners: Readonly<Record<Framework, (verifier: Verifier) => Promise<Listening>>> = {
  Express(verifier) {
    const { authenticate, authenticated, requireRole, principalOf, errors } = expressVerifier(verifier);
    const app = express();
    const answer = (req: ExpressRequest, res: ExpressResponse): void =>
      void res.json({ ...describe(principalOf(req)), headers: req.headers });
    for (const [path, rule] of Object.entries(rulesOf(verifier))) {
      app.all(path, path === '/admin-area' ? requireRole('admin') : authenticate(rule), answer);
    }
    app.get('/gone', authenticated(gone));
    app.use(errors());
    return listen(app as RequestListener);
  },
  async Fastify(verifier) {
    const { authenticate, requireRole, principalOf, errors } = fastifyVerifier(verifier);
    const app = fastify();
    app.setErrorHandler(errors());
    for (const [url, rule] of Object.entries(rulesOf(verifier))) {
      app.route({
        method: ['GET', 'POST'],
        url,
        onRequest: url === '/admin-area' ? requireRole('admin') : authenticate(rule),
        handler: async (request) => ({ ...describe(principalOf(request)), headers: request.headers }),
      });
    }
    app.get('/gone', { onRequest: authenticate() }, gone);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
  },
  Hono(verifier) {
    const { authenticate, requireRole, principalOf, errors } = honoVerifier(verifier);
    const app = new Hono();
    app.onError(errors());
    for (const [path, rule] of Object.entries(rulesOf(verifier))) {
      app.all(path, path === '/admin-area' ? requireRole('admin') : authenticate(rule), (c) =>
        c.json({ ...describe(c.get('auth')), same: principalOf(c) === c.get('auth') }),
      );
    }
    app.get('/gone', authenticate(), gone);
    return serveFetch(app.fetch);
  },
  'node:http'(verifier) {
    const { authenticated } = nodeVerifier(verifier);
    const routes = Object.entries(rulesOf(verifier)).map(([path, rule]) => {
      const handler = authenticated(rule, (request, response) => {
        response.end(JSON.stringify({ ...describe(request.auth), headers: request.headers }));
      });
      return [path, handler] as const;
    });
    const byPath = new Map<string | undefined, RequestListener>([...routes, ['/gone', authenticated(gone)]]);
    return listen((request, response) => byPath.get(request.url)?.(request, response));
  },
  'fetch handler'(verifier) {
    const handlers = new Map(
      Object.entries(rulesOf(verifier)).map(([path, rule]) => [
        path,
        verifier.authenticated(rule, (_request, principal) => Response.json(describe(principal))),
      ]),
    );
    handlers.set('/gone', verifier.authenticated(gone));
    return serveFetch((request) => handlers.get(new URL(request.url).pathname)?.(request) ?? new Response(null, { status: 404 }));
  },
};

async function serveFetch(fetch: (request: Request) => Response | Promise<Response>): Promise<Listening> {
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const started = serve({ fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(started));
  });
  const close = (): Promise<unknown> => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}
