/** The HTTP server around the handler: health, methods and malformed requests, limits of time and size, and a stop that loses nothing. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fromNode, toNode } from '../adapters/node-bridge.js';
import type { AuthInternals } from '../auth.js';
import { AuthError } from '../errors.js';
import type { Answer, HttpResponse } from '../http/message.js';
import { securityHeaders } from '../http/security-headers.js';
import { Connections } from './connections.js';
import { live, livePath, Readiness, readyPath } from './health.js';
import type { ServerLogger } from './log.js';
import { metricsPath, type MetricsEndpoint } from './metrics-endpoint.js';
import { answerToMalformed, knownMethods, writeRaw, type ParserError } from './malformed.js';

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Longer than proxies keep theirs (60 s is usual), so that it is never we who close a connection just as a request comes. */
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
  /** We answer that ourselves. */
  requireHostHeader: false,
} as const;

export interface RunningServer {
  /** Finishes what runs and what is on its way; each answer from now on is the last on its connection. */
  stop(how: HowToStop): Promise<void>;
}

export interface HowToStop {
  /** Once nothing is accepted any more, what is not finished in this time is cut. */
  readonly withinMilliseconds: number;
  /** Connections are accepted for so long, for load balancers that have not noticed yet. */
  readonly acceptMilliseconds?: number;
  /** Others go on serving the port, so that it stays ready. */
  readonly isHandOver?: boolean;
}

export interface ServerOptions extends AuthInternals {
  readonly logger: ServerLogger;
  readonly port: number;
  readonly host: string;
  /** Without it there is no such resource. */
  readonly metrics?: MetricsEndpoint;
}

/** Listens when it resolves. Rejects with what Node says when it cannot. */
export async function startHttpServer(options: ServerOptions): Promise<RunningServer> {
  const connections = new Connections();
  const readiness = new Readiness(options.core);
  let isStopping = false;
  const ready = (): Promise<Answer> => readiness.answer(isStopping);
  const server = createServer(limits, (request, response) => {
    connections.begin(request, response);
    noteWhenDone(options, request, response);
    void answer(options, request, ready).then((answered) => {
      toNode(answered, request, response);
    });
  });
  server.on('connection', (socket) => {
    connections.add(socket);
  });
  server.on('clientError', (error: ParserError, socket) => {
    answerClientError(options, { error, socket, running: connections.answerOn(socket) });
  });
  server.on('connect', (_request, socket: Duplex) => {
    writeRaw(socket, refuseMethod(options, {}));
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    stop: (how) => {
      isStopping = how.isHandOver !== true;
      options.handler.endStreams();
      return stop(server, connections, how);
    },
  };
}

/** Never rejects. */
async function answer(options: ServerOptions, request: IncomingMessage, ready: () => Promise<Answer>): Promise<HttpResponse> {
  const { handler } = options;
  const { method = '', url = '/', headers, httpVersion } = request;
  const [path = '/'] = url.split('?', 1);
  // Not before the parser is through with a request without a body: an answer would cut off what is still to come.
  await Promise.resolve();
  if (headers.host === undefined && httpVersion === '1.1') return thenClose(answerToMalformed(handler, {}));
  if (path === livePath || path === readyPath) {
    if (method !== 'GET' && method !== 'HEAD') return refuseMethod(options, headers, ['GET', 'HEAD']);
    return complete(options, path === livePath ? live() : await ready(), method);
  }
  if (path === metricsPath && options.metrics) return answerMetrics(options, options.metrics, request);
  if (!knownMethods.includes(method) && !handler.owns(url)) return refuseMethod(options, headers);
  return handler.handle(fromNode(request));
}

function thenClose(response: HttpResponse): HttpResponse {
  return { ...response, headers: [...response.headers, ['connection', 'close']] };
}

function refuseMethod({ handler }: ServerOptions, headers: IncomingMessage['headers'], allow = knownMethods): HttpResponse {
  return handler.refuse(new AuthError('method_not_allowed', { allow }), { headers });
}

async function answerMetrics(options: ServerOptions, metrics: MetricsEndpoint, request: IncomingMessage): Promise<HttpResponse> {
  const { method = '', headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return refuseMethod(options, headers, ['GET', 'HEAD']);
  try {
    const text = await metrics.read(headers.authorization);
    return withOwnHeaders(options, { status: 200, headers: [['content-type', metrics.contentType]], body: text }, method);
  } catch (error) {
    return options.handler.refuse(error, { headers });
  }
}

function complete(options: ServerOptions, { status, document, headers = [] }: Answer, method: string): HttpResponse {
  const type = ['content-type', 'application/json; charset=utf-8'] as const;
  return withOwnHeaders(options, { status, headers: [type, ...headers], body: JSON.stringify(document) }, method);
}

function withOwnHeaders({ core }: ServerOptions, { status, headers, body }: HttpResponse, method: string): HttpResponse {
  const common = securityHeaders(core.config, core.random(12).toString('base64url'), null);
  const length = ['content-length', String(Buffer.byteLength(body))] as const;
  return { status, headers: [...common, length, ...headers], body: method === 'HEAD' ? '' : body };
}

/** Counted, and logged: path only, and only of what is ours, for what a stranger puts into a path is his. */
function noteWhenDone({ logger, handler, core, metrics }: ServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const startedAt = core.clock.now();
  response.once('finish', () => {
    const { method, url = '/' } = request;
    const [path = '/'] = url.split('?', 1);
    const status = response.statusCode;
    metrics?.count(status, method === 'POST' && path === `${core.config.basePath}/auth/refresh`);
    const isOurs = handler.owns(path) || path.startsWith('/health/') || path === metricsPath;
    const milliseconds = Math.round(core.clock.now() - startedAt);
    logger.debug({ method, path: isOurs ? path : '(unknown path)', status, milliseconds }, 'answered');
  });
}

interface ClientError {
  readonly error: ParserError;
  readonly socket: Duplex;
  /** The answer that is under way on this connection. */
  readonly running: ServerResponse | undefined;
}

function answerClientError({ handler }: ServerOptions, { error, socket, running }: ClientError): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else if (running?.req.complete) endAfter(running, socket);
  else if (running?.headersSent) socket.destroy();
  else writeRaw(socket, answerToMalformed(handler, error));
}

/** What is malformed came behind a request that is still being answered: its answer must not be taken for that request's. */
function endAfter(running: ServerResponse, socket: Duplex): void {
  if (!running.headersSent) running.setHeader('connection', 'close');
  running.once('finish', () => socket.end());
}

async function stop(server: Server, connections: Connections, { withinMilliseconds, acceptMilliseconds = 0 }: HowToStop): Promise<void> {
  connections.windDown();
  await pause(acceptMilliseconds);
  const closed = once(server, 'close');
  // Not the one of HTTP, which closes idle connections at once: a request may be on its way on them.
  NetServer.prototype.close.call(server);
  const quiet = setInterval(() => connections.closeQuiet(), 50);
  const deadline = setTimeout(() => server.closeAllConnections(), withinMilliseconds);
  await closed;
  clearInterval(quiet);
  clearTimeout(deadline);
  // Ends the timers of Node's own; that it does not listen any more is no news.
  server.close(() => undefined);
}
