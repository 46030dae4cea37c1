/** Lets a request of Node's in, or answers its refusal: what the guards of Express and `node:http` share. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuthError } from '../errors.js';
import { identify, type Gate } from '../http/gate.js';
import { takeRefreshCookie } from '../http/take-refresh-cookie.js';
import type { AccessRule, Principal } from '../model/app-types.js';
import { toNode } from './node-bridge.js';

/** Puts the principal on the request and proceeds. Gives a promise only when it has to wait, or `proceed` does. */
export type Admit = (request: IncomingMessage & { auth?: Principal }, response: ServerResponse, proceed: () => unknown) => unknown;

/** @throws {ConfigError} for the rule. */
export function admission(gate: Gate, rule: AccessRule): Admit {
  const compiled = gate.compile(rule);
  return (request, response, proceed) =>
    identify(gate, compiled, request, (outcome) => {
      if (outcome instanceof AuthError) {
        toNode(gate.refuse(outcome, request), request, response);
        return null;
      }
      takeRefreshCookie(request, gate.refreshCookie);
      request.auth = outcome;
      return proceed();
    });
}
