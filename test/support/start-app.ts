/** Starts an application that uses the package as its users do, on a free port, with a database of its own and a clock that is set by hand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createAuth, masterSecret, newSecret, type Auth, type AuthEvent, type AuthOptions, type Principal } from 'countersign';
import { expressAuth } from 'countersign/express';
import { answerError, nodeHandler } from 'countersign/node';
import { sqlite } from 'countersign/sqlite';
import express, { type NextFunction, type Request as ExpressRequest, type Response as ExpressResponse } from 'express';
import { internalsOf, type AuthInternals } from '../../dist/auth.js';
import { createPasswordHasher } from '../../dist/crypto/password-hash.js';
import { formatId, newIdBytes, systemRandom } from '../../dist/crypto/random.js';
import { startHttpServer } from '../../dist/server/http-server.js';
import { CookieJar } from './cookie-jar.js';
import { Inbox } from './inbox.js';
import { Client } from './client.js';
import { Secrets } from './secrets.js';

/** The ways in which a request can reach the library inside an application that has routes of its own. */
export const carriers = ['Express', 'Express behind express.json()', 'node:http', 'fetch handler'] as const;
/** And the stand-alone server, which has only ours. */
export type Carrier = (typeof carriers)[number] | 'stand-alone server';
export const allCarriers: readonly Carrier[] = [...carriers, 'stand-alone server'];

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

type LogWriter = (facts: object, message: string) => void;

export type AppOptions = Partial<Omit<AuthOptions, 'clock' | 'logger' | 'onEvent'>> & {
  /** Mails are sent, into this. */
  readonly inbox?: Inbox;
  readonly carrier?: Carrier;
  /** Default: any that is free. */
  readonly port?: number;
  /** Default: a file of its own, removed at the end. */
  readonly file?: string;
  /** Milliseconds. Default: 2027-01-15. */
  readonly startAt?: number;
};

export interface TestUser {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

/** 2027-01-15. Time stands still unless a test moves it, so that every boundary can be met exactly. */
const defaultStart = 1_800_000_000_000;
export const ownOrigin = 'https://app.example.test';
/** A page on another host that may call with cookies. */
export const trustedOrigin = 'https://web.example.test';

export class TestApp {
  readonly auth: Auth;
  readonly internals: AuthInternals;
  readonly carrier: Carrier;
  readonly port: number;
  readonly file: string;
  readonly publicUrl: string;
  readonly secret: string;
  readonly events: AuthEvent[];
  readonly log: LogLine[];
  /** Empty unless the app was started with one. */
  readonly inbox: Inbox;
  readonly secrets: Secrets = new Secrets();
  /** Null for the stand-alone server, which keeps its own. */
  readonly server: Server | null;
  readonly #time: { now: number };
  readonly #stop: () => Promise<void>;

  constructor(
    parts: Pick<TestApp, 'auth' | 'carrier' | 'port' | 'file' | 'publicUrl' | 'secret' | 'events' | 'log' | 'server' | 'inbox'>,
    time: { now: number },
    stop: () => Promise<void>,
  ) {
    this.auth = parts.auth;
    this.internals = internalsOf(parts.auth);
    this.carrier = parts.carrier;
    this.port = parts.port;
    this.file = parts.file;
    this.publicUrl = parts.publicUrl;
    this.secret = parts.secret;
    this.events = parts.events;
    this.log = parts.log;
    this.inbox = parts.inbox;
    this.server = parts.server;
    this.#time = time;
    this.#stop = stop;
  }

  get now(): number {
    return this.#time.now;
  }

  /** Moves the clock; the revocation index is up to date again when it resolves. */
  async advance(by: { ms?: number; seconds?: number; minutes?: number; hours?: number; days?: number }): Promise<void> {
    const { ms = 0, seconds = 0, minutes = 0, hours = 0, days = 0 } = by;
    this.#time.now += ms + 1000 * (seconds + 60 * (minutes + 60 * (hours + 24 * days)));
    await this.internals.core.feed.catchUp();
  }

  /** Without the catch-up: what a machine that slept finds. */
  jump(seconds: number): void {
    this.#time.now += 1000 * seconds;
  }

  /** Name of one of our cookies as this app's configuration has it. */
  cookie(kind: 'access' | 'refresh' | 'state'): string {
    return this.internals.core.config.cookies[kind].name;
  }

  /** A browser (or a program) that has not been here before. */
  client(options: { readonly origin?: string | null } = {}): Client {
    const jar = new CookieJar(() => this.now, this.publicUrl.startsWith('https:'));
    return new Client(this, jar, options.origin === undefined ? this.publicUrl : options.origin);
  }

  /** A user with a password, without the cost of hashing it each time. */
  async createUser({
    roles = ['user'],
    name = null,
    emailVerified = true,
  }: { roles?: readonly string[]; name?: string | null; emailVerified?: boolean } = {}): Promise<TestUser> {
    serial += 1;
    const username = `person${serial}`;
    const email = `${username}@example.test`;
    commonHash ??= createPasswordHasher().hash(commonPassword);
    const created = await this.internals.core.store.users.create({
      id: formatId('usr', newIdBytes(systemRandom, this.now)),
      username,
      usernameKey: username,
      email,
      emailKey: email,
      emailVerified,
      onEmailTaken: 'refuse',
      name,
      roles,
      profile: {},
      passwordHash: await commonHash,
    });
    if (created.outcome !== 'created') throw new Error(created.outcome);
    this.secrets.add('password', commonPassword);
    return { id: created.user.id, username, email, password: commonPassword };
  }

  /** A new user in a browser of his own. */
  async signedIn(
    options: { roles?: readonly string[]; delivery?: 'cookie' | 'memory' | 'bearer'; remember?: boolean; emailVerified?: boolean } = {},
  ): Promise<Client> {
    const { delivery = 'cookie', remember, ...user } = options;
    const client = this.client();
    const answer = await client.login(await this.createUser(user), { delivery, ...(remember === undefined ? {} : { remember }) });
    if (answer.status !== 200) throw new Error(`login: ${answer.outcome}`);
    return client;
  }

  /** Types of the events so far; of those of one session or user, if given. */
  eventsOf(id?: string): string[] {
    const ours = id === undefined ? this.events : this.events.filter((event) => event.sessionId === id || event.userId === id);
    return ours.map(({ type }) => type);
  }

  /** All that was logged, errors with their causes and stacks, as a log file would have it. */
  get logText(): string {
    return JSON.stringify(this.log, (_, value: unknown) =>
      value instanceof Error ? Object.assign({}, value, { message: value.message, stack: value.stack, cause: value.cause }) : value,
    );
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

let serial = 0;
const commonPassword = 'correct horse battery staple';
let commonHash: Promise<string> | undefined;

export async function startApp(options: AppOptions = {}): Promise<TestApp> {
  const { carrier = 'Express', port: wanted = 0, file, startAt = defaultStart, inbox, ...overrides } = options;
  const folder = file === undefined ? await mkdtemp(join(tmpdir(), 'countersign-')) : null;
  const database = file ?? join(folder ?? '', 'auth.db');
  const time = { now: startAt };
  const events: AuthEvent[] = [];
  const log: LogLine[] = [];
  const line =
    (level: LogLine['level']): LogWriter =>
    (facts, message) => {
      log.push({ level, facts: facts as LogLine['facts'], message });
    };
  const secret = newSecret();
  const publicUrl = overrides.publicUrl ?? ownOrigin;
  const auth = await createAuth({
    secret: masterSecret(secret),
    store: sqlite(database),
    trustedOrigins: [trustedOrigin],
    // Tests ask more in a moment than people do in an hour.
    limits: { login: 'insecure-off', api: 'insecure-off' },
    ...(inbox ? { sendMail: inbox.send } : {}),
    ...overrides,
    publicUrl,
    clock: { now: () => time.now },
    logger: { info: line('info'), warn: line('warn'), error: line('error') },
    onEvent: (event) => void events.push(event),
  });
  const {
    port,
    close,
    server = null,
  } = await (carrier === 'stand-alone server'
    ? startStandAlone(auth, line, wanted)
    : listen(createServer(listeners[carrier](auth)), wanted));
  const parts = { auth, carrier, port, file: database, publicUrl, secret, events, log, server, inbox: inbox ?? new Inbox() };
  return new TestApp(parts, time, async () => {
    await close();
    await auth.close();
    if (folder !== null) await rm(folder, { recursive: true });
  });
}

interface Listening {
  readonly port: number;
  readonly server?: Server;
  close(): Promise<unknown>;
}

function listen(server: Server, port = 0): Promise<Listening> {
  const close = async (): Promise<unknown> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, close, server }));
  });
}

/** What `countersign serve` starts, in this process, so that its clock can be set. */
async function startStandAlone(auth: Auth, line: (level: LogLine['level']) => LogWriter, wanted: number): Promise<Listening> {
  const free = await listen(createServer(), wanted);
  await free.close();
  const logger = { debug: line('info'), info: line('info'), warn: line('warn'), error: line('error') };
  const server = await startHttpServer({ ...internalsOf(auth), logger, port: free.port, host: '127.0.0.1' });
  return { port: free.port, close: () => server.stop({ withinMilliseconds: 0 }) };
}

const listeners: Readonly<Record<(typeof carriers)[number], (auth: Auth) => RequestListener>> = {
  Express: (auth) => expressApp(auth, false),
  'Express behind express.json()': (auth) => expressApp(auth, true),
  'node:http': nodeApp,
  'fetch handler': fetchApp,
};

function expressApp(auth: Auth, jsonFirst: boolean): RequestListener {
  const { routes, authenticate, requireRole, authenticated, principalOf, errors } = expressAuth(auth);
  const app = express();
  if (jsonFirst) app.use(express.json());
  app.use(routes());
  const hello = (req: ExpressRequest, res: ExpressResponse): void => void res.json(describePrincipal(principalOf(req)));
  app.get('/public', (req, res) => void res.json({ headers: req.headers, rawHeaders: req.rawHeaders, distinct: req.headersDistinct }));
  app.get(
    '/hello',
    authenticated((req, res) => void res.json({ ...describePrincipal(req.auth), headers: req.headers, rawHeaders: req.rawHeaders })),
  );
  app.post('/hello', authenticate(), hello);
  app.get('/admin-area', requireRole('admin'), hello);
  app.post('/admin-area', requireRole('admin'), hello);
  app.get('/recent', authenticate({ maxAge: '5m' }), hello);
  app.get('/strong', authenticate({ factors: 2, maxAge: '5m' }), hello);
  app.post('/echo', authenticate(), express.json(), (req, res) => void res.json({ body: req.body as unknown }));
  if (hasArticles(auth)) {
    const article = (req: ExpressRequest, res: ExpressResponse): void => void res.json(describeProgram(principalOf(req)));
    app.get('/articles', authenticate({ permissions: ['article:read'] }), article);
    app.post('/articles', authenticate({ permissions: ['article:write'] }), article);
    app.post('/articles/sensitive', authenticate({ permissions: ['article:write'], maxAge: '5m' }), article);
    app.get('/articles/of-editors', authenticate({ permissions: ['article:read'], roles: ['editor'] }), article);
  }
  app.use('/area', authenticate());
  app.get('/area/inside', hello);
  app.use(errors());
  app.use(
    (error: { status?: number }, _req: ExpressRequest, res: ExpressResponse, _next: NextFunction) =>
      void res.status(error.status ?? 500).end(),
  );
  return app as RequestListener;
}

/** Only where the application's roles have these permissions: a guard refuses to demand what nobody has. */
function hasArticles(auth: Auth): boolean {
  return internalsOf(auth).core.config.roles.get('editor')?.includes('article:write') === true;
}

/** The roles of an application that programs work for. */
export const articleRoles: Readonly<Record<string, readonly string[]>> = {
  user: ['article:read'],
  editor: ['article:read', 'article:write'],
  admin: [],
};

/** The same routes without a framework. */
function nodeApp(auth: Auth): RequestListener {
  const ours = nodeHandler(auth);
  return (request, response) => {
    ours(request, response, () => {
      answerOwnRoute(auth, request, response);
    });
  };
}

/** The same through the web-standard handler: what a framework that speaks `Request` and `Response` does. */
function fetchApp(auth: Auth): RequestListener {
  return (request, response) => {
    if (!/^\/(?:api|\.well-known)(?:\/|$)/.test(request.url ?? '/')) {
      answerOwnRoute(auth, request, response);
      return;
    }
    void (async () => {
      const answer = await auth.fetch(webRequest(request), { remoteAddress: request.socket.remoteAddress ?? null });
      response.statusCode = answer.status;
      for (const [name, value] of answer.headers) response.appendHeader(name, value);
      await pipeline(answer.body ?? [], response).catch(() => undefined);
    })().catch((error: unknown) => {
      // What cannot be a web request at all, a TRACE for one.
      response.writeHead(error instanceof TypeError ? 405 : 500).end();
    });
  };
}

function webRequest(request: IncomingMessage): Request {
  const headers = new Headers();
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    headers.append(request.rawHeaders[index] ?? '', request.rawHeaders[index + 1] ?? '');
  }
  const method = request.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const body = hasBody ? { body: request as unknown as ReadableStream, duplex: 'half' } : {};
  return new Request(`http://localhost${request.url ?? '/'}`, { method, headers, ...body } as RequestInit);
}

const ownRules: Readonly<Record<string, Parameters<Auth['getPrincipal']>[1]>> = {
  'GET /hello': {},
  'POST /hello': {},
  'POST /echo': {},
  'GET /admin-area': { roles: ['admin'] },
  'POST /admin-area': { roles: ['admin'] },
  'GET /recent': { maxAge: '5m' },
  'GET /strong': { factors: 2, maxAge: '5m' },
  'GET /area/inside': {},
};

/** Of routes that programs may use: with an API key there may be something to wait for. */
const programRules: typeof ownRules = {
  'GET /articles': { permissions: ['article:read'] },
  'POST /articles': { permissions: ['article:write'] },
  'POST /articles/sensitive': { permissions: ['article:write'], maxAge: '5m' },
  'GET /articles/of-editors': { permissions: ['article:read'], roles: ['editor'] },
};

function answerOwnRoute(auth: Auth, request: IncomingMessage, response: ServerResponse): void {
  const route = `${request.method ?? ''} ${request.url ?? ''}`;
  const rule = ownRules[route];
  if (programRules[route]) {
    auth.authenticate(request, programRules[route]).then(
      (principal) => respond(response, 200, describeProgram(principal)),
      (error: unknown) => answerError(auth, error, request, response),
    );
    return;
  }
  if (request.url === '/public') {
    respond(response, 200, { headers: request.headers, rawHeaders: request.rawHeaders });
  } else if (rule === undefined) respond(response, 404, {});
  else {
    try {
      respond(response, 200, describePrincipal(auth.getPrincipal(request, rule)));
    } catch (error) {
      answerError(auth, error, request, response);
    }
  }
}

function respond(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}

function describePrincipal({ userId, sessionId, roles, via }: Principal): object {
  return { userId, sessionId, roles, via };
}

function describeProgram(principal: Principal): object {
  return { ...describePrincipal(principal), permissions: [...principal.permissions] };
}
