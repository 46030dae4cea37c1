/** Countersign for services on Fastify that verify tokens: guards for your routes, and typed `request.auth`. Translation only. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthError } from '../errors.js';
import { gateOf, identify, type Gate } from '../http/gate.js';
import { takeRefreshCookie } from '../http/take-refresh-cookie.js';
import type { AccessRule, AppTypes, Principal } from '../model/app-types.js';
import type { Verifier } from '../verify/index.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `authenticate`; `principalOf(request)` has the certain type. */
    auth?: Principal;
  }
}

export interface FastifyVerifier<App extends AppTypes = AppTypes> {
  /** Hook for a route, a plugin or everything, as `onRequest`: 401/403, or `request.auth`. No rule = any signed-in user. */
  authenticate(rule?: AccessRule<App>): FastifyGuard;
  /** Hook that includes `authenticate`. Needs at least one role; any of them will do. */
  requireRole(role: App['role'], ...more: App['role'][]): FastifyGuard;
  /** For handlers behind a guard. @throws {TypeError} when no guard ran: a bug, answered 500, never open. */
  principalOf(request: Pick<FastifyRequest, 'auth'>): Principal<App>;
  /** For `setErrorHandler`: your own `throw new AuthError(…)` answered as problem details; other errors as Fastify does. */
  errors(): (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;
}

/** Fastify calls it with `done`; without it, for calls from hooks of your own, gives a promise. */
export type FastifyGuard = (request: FastifyRequest, reply: FastifyReply, done?: (error?: Error) => void) => Promise<unknown> | undefined;

export function fastifyVerifier<App extends AppTypes>(verifier: Verifier<App>): FastifyVerifier<App> {
  const gate = gateOf(verifier);
  const authenticate = (rule: AccessRule<App> = {}): FastifyGuard => guard(gate, rule);
  return {
    authenticate,
    requireRole: (role, ...more) => authenticate({ roles: [role, ...more] }),
    principalOf({ auth }) {
      if (!auth) throw new TypeError('No guard ran before this handler: put authenticate() or requireRole() in front of it.');
      return auth as Principal<App>;
    },
    errors: () => (error, request, reply) => {
      if (error instanceof AuthError) return refuse(gate, error, request, reply);
      throw error;
    },
  };
}

function guard(gate: Gate, rule: AccessRule): FastifyGuard {
  const compiled = gate.compile(rule);
  /** Whether it is let in; if not, it is answered. */
  const admit = (request: FastifyRequest, reply: FastifyReply): boolean | Promise<boolean> =>
    identify(gate, compiled, request.raw, (outcome) => {
      if (outcome instanceof AuthError) {
        refuse(gate, outcome, request, reply);
        return false;
      }
      takeRefreshCookie(request.raw, gate.refreshCookie);
      request.auth = outcome;
      return true;
    });
  const admitted = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> =>
    (await admit(request, reply)) ? undefined : reply;
  return (request, reply, done) => {
    if (done === undefined) return admitted(request, reply);
    // A promise for each request would cost more than all that is done here.
    const isIn = admit(request, reply);
    if (isIn === true) done();
    else if (isIn !== false) void isIn.then((later) => later && done(), done);
    return undefined;
  };
}

function refuse(gate: Gate, refusal: AuthError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, body } = gate.refuse(refusal, request.raw);
  for (const [name, value] of headers) reply.header(name, value);
  // To the type of a text Fastify would add a charset, which JSON does not have.
  return reply.code(status).send(Buffer.from(body));
}
