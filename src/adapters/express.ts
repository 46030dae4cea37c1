/** Countersign for Express: our routes, guards for yours, and typed `req.auth`. Translation only. */
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express';
import { internalsOf, type Auth, type AuthInternals } from '../auth.js';
import { AuthError } from '../errors.js';
import { gateOf, type Gate } from '../http/gate.js';
import type { HeaderList } from '../http/message.js';
import { corsHeaders, isPreflight, preflightHeaders } from '../http/cors.js';
import { takeRefreshCookie } from '../http/take-refresh-cookie.js';
import type { AccessRule, AppTypes, Principal } from '../model/app-types.js';
import { isTrustedOrigin } from '../policy/origins.js';
import type { Verifier } from '../verify/index.js';
import { admission } from './admission.js';
import { fromNode, toNode } from './node-bridge.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Express lets others add to its request
  namespace Express {
    interface Request {
      /** Set by `authenticate`; use `authenticated(…)` for the certain type. */
      readonly auth?: Principal;
    }
  }
}

export interface ExpressAuth<App extends AppTypes = AppTypes> extends ExpressVerifier<App> {
  /** Mount once, at the root, before or after `express.json()`: answers our own paths and preflights of trusted origins, leaves all else to `next()`. */
  routes(): RequestHandler;
  /** One of our routes at a path of your own as well: `app.post('/login', answer('login'))`. The method is what it is at ours. */
  answer(act: 'register' | 'login' | 'refresh' | 'logout' | 'session'): RequestHandler;
}

export interface ExpressVerifier<App extends AppTypes = AppTypes> {
  /** Guard for a route or a router: 401/403, or `req.auth`. No rule = any signed-in user. */
  authenticate(rule?: AccessRule<App>): Guard;
  /** Guard that includes `authenticate`. Needs at least one role; any of them will do. */
  requireRole(role: App['role'], ...more: App['role'][]): Guard;
  /** Guard and handler in one: inside, `req.auth` is certain, with your types. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Express's own defaults
  authenticated<P = Request['params'], R = any, B = any, Q = Request['query'], L extends Record<string, any> = Record<string, any>>(
    handler: AuthenticatedHandler<App, P, R, B, Q, L>,
  ): RequestHandler<P, R, B, Q, L>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Express's own defaults
  authenticated<P = Request['params'], R = any, B = any, Q = Request['query'], L extends Record<string, any> = Record<string, any>>(
    rule: AccessRule<App>,
    handler: AuthenticatedHandler<App, P, R, B, Q, L>,
  ): RequestHandler<P, R, B, Q, L>;
  /** For handlers behind a guarded router. @throws {TypeError} when no guard ran: a bug, answered 500, never open. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any request
  principalOf(req: Request<any, any, any, any>): Principal<App>;
  /** Optional, last: your own `throw new AuthError(…)` and a body that could not be parsed, answered as problem details; other errors go on to `next`. */
  errors(): ErrorRequestHandler;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Express's own constraint
export type AuthenticatedHandler<App extends AppTypes, P, R, B, Q, L extends Record<string, any>> = (
  req: Request<P, R, B, Q, L> & { readonly auth: Principal<App> },
  res: Response<R, L>,
  next: NextFunction,
) => unknown;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Express's own constraint
export type Guard = <P, R, B, Q, L extends Record<string, any>>(
  req: Request<P, R, B, Q, L>,
  res: Response<R, L>,
  next: NextFunction,
) => void;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any request
type AnyHandler<App extends AppTypes> = AuthenticatedHandler<App, any, any, any, any, any>;

export function expressAuth<App extends AppTypes>(auth: Auth<App>): ExpressAuth<App> {
  const parts = internalsOf(auth);
  return {
    routes: () => routes(parts),
    answer: (act) => answerAt(parts, `${parts.core.config.basePath}/auth/${act}`),
    ...guardsOf<App>(gateOf(auth)),
  };
}

/** The same guards in another service, which only verifies. */
export function expressVerifier<App extends AppTypes>(verifier: Verifier<App>): ExpressVerifier<App> {
  return guardsOf<App>(gateOf(verifier));
}

function guardsOf<App extends AppTypes>(gate: Gate): ExpressVerifier<App> {
  const authenticate = (rule: AccessRule<App> = {}): Guard => guard(gate, rule);
  return {
    authenticate,
    requireRole: (role, ...more) => authenticate({ roles: [role, ...more] }),
    authenticated: (first: AccessRule<App> | AnyHandler<App>, second?: AnyHandler<App>): RequestHandler => {
      const [rule, handler] = typeof first === 'function' ? [{}, first] : [first, second];
      if (!handler) throw new TypeError('authenticated(rule, handler) needs a handler.');
      const admit = admission(gate, rule);
      return (req, res, next) => admit(req, res, () => handler(req as typeof req & { readonly auth: Principal<App> }, res, next));
    },
    principalOf(req) {
      if (!req.auth) throw new TypeError('No guard ran before this handler: put authenticate() or requireRole() in front of it.');
      return req.auth as Principal<App>;
    },
    errors: () => errors(gate),
  };
}

function answerAt({ handler }: AuthInternals, target: string): RequestHandler {
  return (req, res) => {
    void handler.handle({ ...fromNode(req), target }).then((answer) => {
      toNode(answer, req, res);
    });
  };
}

function routes({ core, handler }: AuthInternals): RequestHandler {
  return (req, res, next) => {
    if (handler.owns(req.originalUrl)) {
      answerAt({ core, handler }, req.originalUrl)(req, res, next);
      return;
    }
    takeRefreshCookie(req, core.config.cookies.refresh.name);
    answerCors({ core, handler }, req, res, next);
  };
}

/** For the application's own paths: CORS headers for trusted pages, and their preflights; what is not trusted is left to the application. */
function answerCors({ core }: AuthInternals, req: Request, res: Response, next: NextFunction): void {
  const { config } = core;
  const { origin } = req.headers;
  if (origin !== undefined) setHeaders(res, corsHeaders(config, req.headers));
  if (res.hasHeader('vary')) res.vary('Origin');
  else res.setHeader('Vary', 'Origin');
  if (origin !== undefined && isPreflight(req.method, req.headers) && isTrustedOrigin(origin, config)) {
    setHeaders(res, preflightHeaders(config, req.headers, ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']));
    res.status(204).end();
    return;
  }
  next();
}

function setHeaders(res: Response, headers: HeaderList): void {
  for (const [name, value] of headers) res.setHeader(name, value);
}

function guard(gate: Gate, rule: AccessRule): Guard {
  const admit = admission(gate, rule);
  return (req, res, next) => admit(req, res, next);
}

function errors(gate: Gate): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    const refusal = error instanceof AuthError ? error : bodyProblem(error);
    if (refusal === null || res.headersSent) next(error);
    else toNode(gate.refuse(refusal, req), req, res);
  };
}

/** What `express.json()` passes on for a body that it cannot take. */
function bodyProblem(error: unknown): AuthError | null {
  const type: unknown = (error as { type?: unknown } | null)?.type;
  if (type === 'entity.too.large') return new AuthError('body_too_large');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') return new AuthError('unsupported_media_type');
  return type === 'entity.parse.failed' ? new AuthError('invalid_request', { detail: 'The body is not valid JSON.' }) : null;
}
