/** Countersign for `node:http`: one handler for our routes, one function for your own. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { internalsOf, type Auth } from '../auth.js';
import { gateOf } from '../http/gate.js';
import { takeRefreshCookie } from '../http/take-refresh-cookie.js';
import type { AccessRule, AppTypes, Principal } from '../model/app-types.js';
import type { Verifier } from '../verify/index.js';
import { admission } from './admission.js';
import { fromNode, toNode } from './node-bridge.js';

export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;

/** Answers our own paths; with `next` leaves all others to it, without the refresh cookie; without `next` answers them with 404. */
export function nodeHandler<App extends AppTypes>(auth: Auth<App>): NodeHandler {
  const { core, handler } = internalsOf(auth);
  return (request, response, next) => {
    if (next && !handler.owns(request.url ?? '/')) {
      takeRefreshCookie(request, core.config.cookies.refresh.name);
      next();
      return;
    }
    void handler.handle(fromNode(request)).then((answer) => {
      toNode(answer, request, response);
    });
  };
}

/** Answers an error that `getPrincipal` threw, as problem details; anything else as `internal_error`, logged. */
export function answerError<App extends AppTypes>(
  owner: Auth<App> | Verifier<App>,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  toNode(gateOf(owner).refuse(error, request), request, response);
}

export type AuthenticatedListener<App extends AppTypes> = (
  request: IncomingMessage & { readonly auth: Principal<App> },
  response: ServerResponse,
) => unknown;

export interface NodeVerifier<App extends AppTypes = AppTypes> {
  /** Guard and handler in one: inside, `request.auth` is certain. What the handler throws or rejects with is answered as by `answerError`. */
  authenticated(handler: AuthenticatedListener<App>): RequestListener;
  authenticated(rule: AccessRule<App>, handler: AuthenticatedListener<App>): RequestListener;
}

/** For another service, which only verifies. */
export function nodeVerifier<App extends AppTypes>(verifier: Verifier<App>): NodeVerifier<App> {
  const gate = gateOf(verifier);
  return {
    authenticated: (first: AccessRule<App> | AuthenticatedListener<App>, second?: AuthenticatedListener<App>): RequestListener => {
      const [rule, handler] = typeof first === 'function' ? [{}, first] : [first, second];
      if (!handler) throw new TypeError('authenticated(rule, handler) needs a handler.');
      const admit = admission(gate, rule);
      return (request, response) => {
        const proceed = (): unknown => handler(request as typeof request & { readonly auth: Principal<App> }, response);
        // In a promise, so that what is thrown at once is answered too.
        void new Promise((resolve) => resolve(admit(request, response, proceed))).catch((error: unknown) => {
          answerError(verifier, error, request, response);
        });
      };
    },
  };
}
