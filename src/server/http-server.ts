/** The HTTP server around the handler: health, methods and malformed requests, limits of time and size, and a stop that loses nothing. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fromNode, toNode } from '../adapters/node-bridge.js';
import type { AuthInternals } from '../auth.js';
import { AuthError } from '../errors.js';
import type { Answer, HttpResponse } from '../http/message.js';
import { securityHeaders } from '../http/security-headers.js';
import { live, livePath, ready, readyPath } from './health.js';
import type { ServerLogger } from './log.js';
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
  /** Accepts nothing more, finishes what runs, for at most this long; then cuts it. */
  stop(withinMilliseconds: number): Promise<void>;
}

export interface ServerOptions extends AuthInternals {
  readonly logger: ServerLogger;
  readonly port: number;
  readonly host: string;
}

/** Listens when it resolves. Rejects with what Node says when it cannot. */
export async function startHttpServer(options: ServerOptions): Promise<RunningServer> {
  const connections = new Connections();
  const server = createServer(limits, (request, response) => {
    connections.begin(request, response);
    logWhenDone(options, request, response);
    void answer(options, request, connections.isStopping).then((answered) => {
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
  return { stop: (withinMilliseconds) => stop(server, connections, withinMilliseconds) };
}

/** Never rejects. */
async function answer(options: ServerOptions, request: IncomingMessage, isStopping: boolean): Promise<HttpResponse> {
  const { handler, core } = options;
  const { method = '', url = '/', headers, httpVersion } = request;
  const [path = '/'] = url.split('?', 1);
  // Not before the parser is through with a request without a body: an answer would cut off what is still to come.
  await Promise.resolve();
  if (headers.host === undefined && httpVersion === '1.1') return thenClose(answerToMalformed(handler, {}));
  if (path === livePath || path === readyPath) {
    if (method !== 'GET' && method !== 'HEAD') return refuseMethod(options, headers, ['GET', 'HEAD']);
    return complete(options, path === livePath ? live() : await ready(core, isStopping), method);
  }
  if (!knownMethods.includes(method) && !handler.owns(url)) return refuseMethod(options, headers);
  return handler.handle(fromNode(request));
}

function thenClose(response: HttpResponse): HttpResponse {
  return { ...response, headers: [...response.headers, ['connection', 'close']] };
}

function refuseMethod({ handler }: ServerOptions, headers: IncomingMessage['headers'], allow = knownMethods): HttpResponse {
  return handler.refuse(new AuthError('method_not_allowed', { allow }), { headers });
}

function complete({ core }: ServerOptions, { status, document, headers = [] }: Answer, method: string): HttpResponse {
  const body = JSON.stringify(document);
  const common = securityHeaders(core.config, core.random(12).toString('base64url'), null);
  const own: HttpResponse['headers'] = [
    ['content-type', 'application/json; charset=utf-8'],
    ['content-length', String(Buffer.byteLength(body))],
  ];
  return { status, headers: [...common, ...own, ...headers], body: method === 'HEAD' ? '' : body };
}

/** Path only, and only of what is ours: what a stranger puts into a path is his. */
function logWhenDone({ logger, handler, core }: ServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const startedAt = core.clock.now();
  response.once('finish', () => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const shown = handler.owns(path) || path.startsWith('/health/') ? path : '(unknown path)';
    const milliseconds = Math.round(core.clock.now() - startedAt);
    logger.debug({ method: request.method, path: shown, status: response.statusCode, milliseconds }, 'answered');
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

/** The connections, and the answers on them that are not finished yet. */
class Connections {
  readonly #open: Map<Duplex, { readonly socket: Socket; answer: ServerResponse | undefined }> = new Map();
  #isStopping = false;

  get isStopping(): boolean {
    return this.#isStopping;
  }

  add(socket: Socket): void {
    this.#open.set(socket, { socket, answer: undefined });
    socket.once('close', () => this.#open.delete(socket));
  }

  begin(request: IncomingMessage, answer: ServerResponse): void {
    if (this.#isStopping) answer.setHeader('connection', 'close');
    const connection = this.#open.get(request.socket);
    if (!connection) return;
    connection.answer = answer;
    answer.once('close', () => {
      if (connection.answer === answer) connection.answer = undefined;
    });
  }

  answerOn(socket: Duplex): ServerResponse | undefined {
    return this.#open.get(socket)?.answer;
  }

  /** Each answer that has not begun tells its client to open a new connection; a connection on which nothing ever came is closed. */
  windDown(): void {
    this.#isStopping = true;
    for (const { socket, answer } of this.#open.values()) {
      if (answer === undefined && socket.bytesRead === 0) socket.destroy();
      else if (answer?.headersSent === false) answer.setHeader('connection', 'close');
    }
  }
}

async function stop(server: Server, connections: Connections, withinMilliseconds: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  connections.windDown();
  // An answer that had begun before does not end its connection by itself.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = setTimeout(() => server.closeAllConnections(), withinMilliseconds);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
