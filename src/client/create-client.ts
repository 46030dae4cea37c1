/** Puts the browser client together. */
import { AuthenticatedFetch } from './authenticated-fetch.js';
import type { AuthClient, ClientAppTypes, ClientOptions } from './client-types.js';
import { CurrentSession } from './current-session.js';
import { readInitialState } from './initial-state.js';
import { KnownSession } from './known-session.js';
import { mailMethods } from './mail-methods.js';
import { Refresher } from './refresher.js';
import { ServerRoutes } from './server-routes.js';
import { signInMethods } from './sign-in.js';
import { signedInCall } from './signed-in-call.js';
import { StateCookieReader } from './state-cookie.js';
import { keepUp } from './upkeep.js';

/**
 * One for a page, made when it is loaded. On a server it knows of nobody and does nothing by itself, so that a module may make it there too.
 * @throws {TypeError} for an address that is none.
 */
export function createClient<App extends ClientAppTypes = ClientAppTypes>(options: ClientOptions = {}): AuthClient<App> {
  const { delivery = 'cookie', basePath = '/api', cookiePrefix = 'cs', apiOrigins = [] } = options;
  const page = typeof document === 'undefined' ? undefined : document.baseURI;
  const base = new URL(options.baseUrl ?? page ?? 'http://localhost', page);
  const origins = new Set([base.origin, ...apiOrigins.map((origin) => new URL(origin).origin)]);

  const cookie = new StateCookieReader(base, cookiePrefix);
  const initial = readInitialState(options.initialState);
  const user = initial.status === 'authenticated' ? initial.user : null;
  const session = new KnownSession(`countersign ${base.origin}${basePath} ${cookiePrefix} ${delivery}`, cookie, user);
  const routes = new ServerRoutes(base, basePath, session);
  const refresher = new Refresher({
    session,
    send: (signal) => routes.post('refresh', undefined, signal),
    keepsToken: delivery === 'memory',
  });
  const current = new CurrentSession({ session, refresher, ask: () => routes.askWho() });
  const authenticated = new AuthenticatedFetch({ session, refresher, current, base, origins, delivery });

  const callSignedIn = signedInCall(routes, authenticated);

  const watchers = new Set<() => void>();
  /** Who watches wants to see the user, too. */
  const complete = (): void => {
    if (page !== undefined && (watchers.size > 0 || session.state.status === 'loading')) void current.complete();
  };
  const stop = keepUp({ session, refresher, lastRequestAt: () => authenticated.lastUsedAt, onReturn: complete });
  complete();

  const client: AuthClient = {
    get state() {
      return session.state;
    },
    subscribe(listener) {
      const unsubscribe = session.subscribe((state) => {
        listener(state);
        complete();
      });
      watchers.add(unsubscribe);
      complete();
      return () => {
        unsubscribe();
        watchers.delete(unsubscribe);
      };
    },
    ...signInMethods({ session, routes, callSignedIn, delivery }),
    ...mailMethods({ routes, callSignedIn, reload: () => current.reload() }),
    async reload() {
      await current.reload();
      return session.state;
    },
    fetch: (input, init) => authenticated.fetch(input, init),
    close() {
      stop();
      current.close();
      session.close();
    },
  };
  return client as unknown as AuthClient<App>;
}
