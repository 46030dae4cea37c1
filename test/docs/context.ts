/** What snippets of the documentation take for granted when they say so: `<!-- with: app, auth -->`. Types only; nothing of it runs. */
import type { Express, RequestHandler, Router } from 'express';
import type { Auth, Store } from 'countersign';
import type { ExpressAuth } from 'countersign/express';

export declare const auth: Auth;
export declare const app: Express;
export declare const store: Store;
export declare const authenticate: ExpressAuth['authenticate'];
export declare const authenticated: ExpressAuth['authenticated'];
export declare const requireRole: ExpressAuth['requireRole'];
export declare const principalOf: ExpressAuth['principalOf'];
export declare const routes: ExpressAuth['routes'];
export declare const errors: ExpressAuth['errors'];

/** Handlers and routers of the reader's own application. */
export declare const transfer: RequestHandler;
export declare const reports: RequestHandler;
export declare const adminRouter: Router;
/** Of an application that renders its pages itself. */
export declare const renderPage: (state: object) => string;
