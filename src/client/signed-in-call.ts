/** Calls a route of the server's own that needs a session which is alive: refreshes where that is due. */
import type { AuthenticatedFetch } from './authenticated-fetch.js';
import { bodyOf, typeOf, type ServerRoutes } from './server-routes.js';

export type SignedInCall = (method: 'POST' | 'DELETE', path: string, body?: object) => Promise<Response>;

export function signedInCall(routes: ServerRoutes, authenticated: AuthenticatedFetch): SignedInCall {
  return (method, path, body) => authenticated.fetch(routes.urlOf(path), { method, headers: typeOf(body), ...bodyOf(body) });
}
