/** Guard and handler in one, for everything that speaks web-standard `Request` and `Response`. */
import { AuthError } from '../errors.js';
import { toResponse } from '../http/fetch-bridge.js';
import { identify, type Gate } from '../http/gate.js';
import type { AccessRule, AppTypes, Principal } from '../model/app-types.js';

/** `rest`: what a framework passes beside the request. */
export type GuardedHandler<App extends AppTypes, Rest extends readonly unknown[]> = (
  request: Request,
  principal: Principal<App>,
  ...rest: Rest
) => Response | Promise<Response>;

export type FetchHandler<Rest extends readonly unknown[]> = (request: Request, ...rest: Rest) => Promise<Response>;

/** Refusals, and each `AuthError` that the handler throws, are answered as problem details; everything else is the caller's. @throws {ConfigError} */
export interface FetchGuard<App extends AppTypes> {
  <Rest extends readonly unknown[]>(handler: GuardedHandler<App, Rest>): FetchHandler<Rest>;
  <Rest extends readonly unknown[]>(rule: AccessRule<App>, handler: GuardedHandler<App, Rest>): FetchHandler<Rest>;
}

export function guardFetch<App extends AppTypes>(gate: Gate): FetchGuard<App> {
  return <Rest extends readonly unknown[]>(
    first: AccessRule<App> | GuardedHandler<App, Rest>,
    second?: GuardedHandler<App, Rest>,
  ): FetchHandler<Rest> => {
    const [rule, handler] = typeof first === 'function' ? [{}, first] : [first, second];
    if (!handler) throw new TypeError('authenticated(rule, handler) needs a handler.');
    const compiled = gate.compile(rule);
    return async (request, ...rest) => {
      const answer = (outcome: Principal | AuthError): Response | Promise<Response> => {
        if (outcome instanceof AuthError) throw outcome;
        return handler(request, outcome as Principal<App>, ...rest);
      };
      try {
        return await identify(gate, compiled, request, answer);
      } catch (error) {
        if (!(error instanceof AuthError)) throw error;
        return toResponse(gate.refuse(error, request));
      }
    };
  };
}
