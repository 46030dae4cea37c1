/** One request on its way through the core: what guards and routes work with. */
import type { z } from 'zod';
import type { Core } from '../core.js';
import type { AuthConfig } from '../model/config.js';
import type { Answer, HttpRequest } from './message.js';

export interface Arrival {
  readonly core: Core;
  readonly request: HttpRequest;
  readonly requestId: string;
  /** Parts of the path, by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
}

/** Says who is asking, or throws. Runs before the body's shape is judged. */
export type Guard<Who> = (arrival: Arrival) => Who | Promise<Who>;

/** What an answering function gets: `who` from the guard, `body` in the shape of the table. */
export interface Exchange<Who, Body> extends Arrival {
  readonly who: Who;
  readonly body: Body;
}

export interface Route<Who, Body> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base path; `{id}` stands for one segment. With `/.well-known` at its start, below the origin. */
  readonly path: string;
  readonly guard: Guard<Who>;
  /** Shape of the body; `noBody` where the protocol has none; a function where it depends on the configuration. */
  readonly body: z.ZodType<Body> | ((config: AuthConfig) => z.ZodType<Body>);
  /** Judged by the refresh token that it reads, or by nothing, whatever `Authorization` says. */
  readonly ignoresBearer?: boolean;
  /** Anybody may read the answer, without credentials, and keep it for as long as a key set. */
  readonly isPublic?: boolean;
  answer(exchange: Exchange<Who, Body>): Answer | Promise<Answer>;
}

/** Any row of the table; its own types hold inside it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows of different types stand in one table
export type AnyRoute = Route<any, any>;

export function route<Who, Body>(row: Route<Who, Body>): AnyRoute {
  return row;
}
