/** Countersign for `node:http`: one handler for our routes, one function for your own. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { internalsOf, type Auth } from '../auth.js';
import { takeRefreshCookie } from '../http/take-refresh-cookie.js';
import type { AppTypes } from '../model/app-types.js';
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

/** Answers an error that `auth.getPrincipal` threw, as problem details; anything else as `internal_error`, logged. */
export function answerError<App extends AppTypes>(
  auth: Auth<App>,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  toNode(internalsOf(auth).handler.refuse(error, request), request, response);
}
