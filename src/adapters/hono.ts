/** Countersign for services on Hono that verify tokens: guards for your routes, and typed `c.get('auth')`. Translation only. */
import type { Context, ErrorHandler, MiddlewareHandler } from 'hono';
import { AuthError } from '../errors.js';
import { toResponse } from '../http/fetch-bridge.js';
import { gateOf, identify, type Gate } from '../http/gate.js';
import type { AccessRule, AppTypes, Principal } from '../model/app-types.js';
import type { Verifier } from '../verify/index.js';

/** What the guards put into the context. */
export interface AuthEnv<App extends AppTypes = AppTypes> {
  Variables: { auth: Principal<App> };
}

export interface HonoVerifier<App extends AppTypes = AppTypes> {
  /** Guard for a route or for everything below a path: 401/403, or `c.get('auth')`. No rule = any signed-in user. */
  authenticate(rule?: AccessRule<App>): MiddlewareHandler<AuthEnv<App>>;
  /** Guard that includes `authenticate`. Needs at least one role; any of them will do. */
  requireRole(role: App['role'], ...more: App['role'][]): MiddlewareHandler<AuthEnv<App>>;
  /** For handlers behind a guard. @throws {TypeError} when no guard ran: a bug, answered 500, never open. */
  principalOf(c: Pick<Context, 'get'>): Principal<App>;
  /** For `onError`: your own `throw new AuthError(…)` answered as problem details; other errors are thrown on. */
  errors(): ErrorHandler;
}

export function honoVerifier<App extends AppTypes>(verifier: Verifier<App>): HonoVerifier<App> {
  const gate = gateOf(verifier);
  const authenticate = (rule: AccessRule<App> = {}): MiddlewareHandler<AuthEnv<App>> => guard<App>(gate, rule);
  return {
    authenticate,
    requireRole: (role, ...more) => authenticate({ roles: [role, ...more] }),
    principalOf(c) {
      const auth = c.get('auth') as Principal<App> | undefined;
      if (!auth) throw new TypeError('No guard ran before this handler: put authenticate() or requireRole() in front of it.');
      return auth;
    },
    errors: () => (error, c) => {
      if (error instanceof AuthError) return toResponse(gate.refuse(error, c.req.raw));
      throw error;
    },
  };
}

function guard<App extends AppTypes>(gate: Gate, rule: AccessRule): MiddlewareHandler<AuthEnv<App>> {
  const compiled = gate.compile(rule);
  return async (c, next) =>
    identify(gate, compiled, c.req.raw, (outcome): Response | Promise<void> => {
      if (outcome instanceof AuthError) return toResponse(gate.refuse(outcome, c.req.raw));
      c.set('auth', outcome as Principal<App>);
      return next();
    });
}
