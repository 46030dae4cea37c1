/** Request in, answer out: finds the route, runs the guards in their order, calls it, and lets every error out by one door. */
import { clientAddress } from '../access/client-address.js';
import { findCookie, isSafeMethod, readBearer, readHeader } from '../access/credentials.js';
import { requireTrustedOrigin } from '../access/csrf-guard.js';
import { whenSettled } from '../access/pending-error.js';
import type { Core } from '../core.js';
import { AuthError } from '../errors.js';
import type { LimitState } from '../model/limits.js';
import { corsHeaders, isPreflight, preflightHeaders, publicCorsHeaders, varyOnOrigin } from './cors.js';
import { errorResponse, toAuthError } from './error-response.js';
import type { AnyRoute, Arrival } from './exchange.js';
import { limitHeaders } from './limit-headers.js';
import { limitRequest } from './limits.js';
import { createRouteFinder, type FoundPath } from './find-route.js';
import type { Answer, HeaderList, HttpRequest, HttpResponse } from './message.js';
import { checkShape, readBodyObject } from './read-body.js';
import { jwksLifetimeSeconds } from '../tokens/key-rotation.js';
import { RevocationStreams } from './revocation-streams.js';
import { routes } from './routes.js';
import { securityHeaders } from './security-headers.js';

export interface HttpHandler {
  /** Whether the path of this target is one of ours. */
  owns(target: string): boolean;
  /** Resolves when every request that is under way has been answered. An answer that streams counts as soon as it has begun. */
  settled(): Promise<void>;
  /** Ends the answers that stream, which would go on for ever, and begins no more. */
  endStreams(): void;
  /** Never rejects. */
  handle(request: HttpRequest): Promise<HttpResponse>;
  /** The answer to a refusal of a route of the application's. */
  refuse(error: unknown, request: Pick<HttpRequest, 'headers'>): HttpResponse;
}

export function createHandler(core: Core): HttpHandler {
  const findRoute = createRouteFinder(routes, core.config.basePath);
  const streams = new RevocationStreams(core);
  const newRequestId = (): string => core.random(12).toString('base64url');

  function complete(requestId: string, { headers }: Pick<HttpRequest, 'headers'>, work: WorkDone): HttpResponse {
    const { response, found, limits } = work;
    const isPublic = found !== null && isPublicPath(found);
    const publicSeconds = response.status === 200 && isPublic ? jwksLifetimeSeconds : null;
    const cors = isPublic ? publicCorsHeaders : [...corsHeaders(core.config, headers), varyOnOrigin];
    return {
      ...response,
      headers: [...securityHeaders(core.config, requestId, publicSeconds), ...cors, ...limitHeaders(limits), ...response.headers],
    };
  }

  const refusal = (error: unknown, requestId: string, row?: AnyRoute): HttpResponse =>
    errorResponse(toAuthError(error, requestId, core.logger), requestId, row?.speaksOAuth);

  const heedProxies = warnOfUntrustedProxies(core);

  async function handle(request: HttpRequest): Promise<HttpResponse> {
    const requestId = newRequestId();
    heedProxies(request);
    const { path, query } = splitTarget(request.target);
    const found = findRoute(path);
    const row = found?.byMethod.get(request.method === 'HEAD' ? 'GET' : request.method);
    const limits: LimitState[] = [];
    try {
      const running = row && found && { core, streams, request, requestId, row, params: found.params, query, limits };
      const answer = running ? await run(running) : answerWithoutRoute(core, request, found);
      return complete(requestId, request, { response: toResponse(answer, request.method), found, limits });
    } catch (error) {
      const response = refusal(error, requestId, row);
      return complete(requestId, request, { response: request.method === 'HEAD' ? { ...response, body: '' } : response, found, limits });
    }
  }

  const underWay = new Set<Promise<HttpResponse>>();
  return {
    // Asked for each request of the application's own: of the query not even an object is made.
    owns: (target) => findRoute(pathOf(target)) !== null,
    handle(request) {
      const answering = handle(request).finally(() => underWay.delete(answering));
      underWay.add(answering);
      return answering;
    },
    settled: async () => {
      await Promise.all(underWay);
    },
    endStreams: () => streams.close(),
    refuse(error, request) {
      const requestId = newRequestId();
      return complete(requestId, request, { response: refusal(error, requestId), found: null, limits: [] });
    },
  };
}

interface WorkDone {
  readonly response: HttpResponse;
  readonly found: FoundPath | null;
  readonly limits: readonly LimitState[];
}

interface Running extends Arrival {
  readonly row: AnyRoute;
}

/** The guards, in the order in which they are judged: origin, limits, size, type, who, shape. */
async function run(running: Running): Promise<Answer> {
  const { core, request, row } = running;
  requireOrigin(core, request, row);
  if (row.isPublic !== true) requireSingleCookies(core, request);
  if (row.isPublic !== true && row.limitsItself !== true) limitRequest(running);
  const sent = await readBodyObject(request, row.acceptsForm === true);
  const who: unknown = await whenSettled((): unknown => row.guard(running));
  const body: unknown = checkShape(typeof row.body === 'function' ? row.body(core.config) : row.body, sent);
  return row.answer({ ...running, ...(isSafeMethod(request.method) ? {} : { core: tellingFromWhere(running) }), who, body });
}

/** What happens in a request that acts is recorded with the address that it came from. */
function tellingFromWhere({ core, request }: Running): Core {
  const emit: Core['emit'] = (type, facts) => {
    const address = clientAddress(request, core.config.trustedProxies);
    core.emit(type, address === null ? facts : { ...facts, address });
  };
  return Object.create(core, { emit: { value: emit } }) as Core;
}

/** Once: whoever runs this behind a proxy, and does not say so, has all clients counted as one. */
function warnOfUntrustedProxies({ config, logger }: Core): (request: HttpRequest) => void {
  let isSaid = config.trustedProxies !== null;
  return ({ headers }) => {
    if (isSaid || readHeader(headers, 'x-forwarded-for') === undefined) return;
    isSaid = true;
    logger.warn({}, 'X-Forwarded-For is ignored: behind a proxy all clients count as one address, unless trustedProxies names the proxy');
  };
}

function requireOrigin(core: Core, { method, headers }: HttpRequest, { ignoresBearer }: AnyRoute): void {
  if (isSafeMethod(method)) return;
  const hasBearer = ignoresBearer !== true && readBearer(readHeader(headers, 'authorization')) !== undefined;
  if (!hasBearer) requireTrustedOrigin(headers, core.config);
}

/** Which of two cookies of one name is genuine is not guessed, whether or not this route reads it. @throws {AuthError} `invalid_request`. */
function requireSingleCookies({ config }: Core, { headers }: HttpRequest): void {
  const cookies = readHeader(headers, 'cookie');
  if (cookies === undefined || readBearer(readHeader(headers, 'authorization')) !== undefined) return;
  for (const { name } of [config.cookies.access, config.cookies.refresh, config.cookies.state]) findCookie(cookies, name);
}

function answerWithoutRoute(core: Core, { method, headers }: HttpRequest, found: FoundPath | null): Answer {
  if (!found) throw new AuthError('not_found');
  const methods = [...found.byMethod.keys()];
  const allow = [...(methods.includes('GET') ? ['HEAD'] : []), ...methods, 'OPTIONS'];
  if (method !== 'OPTIONS') throw new AuthError('method_not_allowed', { allow });
  if (isPublicPath(found))
    return {
      status: 204,
      headers: [
        ['allow', allow.join(', ')],
        ['access-control-allow-methods', methods.join(', ')],
      ],
    };
  if (isPreflight(method, headers)) return { status: 204, headers: preflightHeaders(core.config, headers, methods) };
  return { status: 204, headers: [['allow', allow.join(', ')]] };
}

function isPublicPath({ byMethod }: FoundPath): boolean {
  return [...byMethod.values()].every((row) => row.isPublic === true);
}

function toResponse({ status, document, page, stream, headers = [] }: Answer, method: string): HttpResponse {
  if (stream) {
    if (method !== 'HEAD') return { status, headers, body: '', stream };
    stream.destroy();
    return { status, headers, body: '' };
  }
  if (page) return pageResponse(page, { status, headers, method });
  const type: HeaderList = document === undefined ? [] : [['content-type', 'application/json; charset=utf-8']];
  const body = document === undefined ? '' : JSON.stringify(document);
  const length: HeaderList = method === 'HEAD' ? [['content-length', String(Buffer.byteLength(body))]] : [];
  return { status, headers: [...type, ...length, ...headers], body: method === 'HEAD' ? '' : body };
}

function pathOf(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? target : target.slice(0, at);
}

/** Its policy comes after the one that every other answer has, and takes its place. */
function pageResponse(
  { html, contentSecurityPolicy }: NonNullable<Answer['page']>,
  { status, headers, method }: { readonly status: number; readonly headers: HeaderList; readonly method: string },
): HttpResponse {
  const own: HeaderList = [
    ['content-type', 'text/html; charset=utf-8'],
    ['content-security-policy', contentSecurityPolicy],
    ['x-robots-tag', 'noindex'],
  ];
  const length: HeaderList = method === 'HEAD' ? [['content-length', String(Buffer.byteLength(html))]] : [];
  return { status, headers: [...own, ...length, ...headers], body: method === 'HEAD' ? '' : html };
}

function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const path = pathOf(target);
  return { path, query: new URLSearchParams(target.slice(path.length + 1)) };
}
