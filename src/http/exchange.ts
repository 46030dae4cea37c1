/** One request on its way through the core: what guards and routes work with. */
import type { z } from 'zod';
import type { Core } from '../core.js';
import type { AuthConfig } from '../model/config.js';
import type { LimitState } from '../model/limits.js';
import type { Answer, HttpRequest } from './message.js';
import type { RevocationStreams } from './revocation-streams.js';

export interface Arrival {
  readonly core: Core;
  readonly streams: RevocationStreams;
  readonly request: HttpRequest;
  readonly requestId: string;
  /** Parts of the path, by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The limits that this request met, and where they stand. */
  readonly limits: LimitState[];
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
  /** The body may be `application/x-www-form-urlencoded` too, as OAuth clients send it. */
  readonly acceptsForm?: boolean;
  /** Refusals are as OAuth clients read them, beside what they are everywhere. */
  readonly speaksOAuth?: boolean;
  /** Judged by the refresh token that it reads, or by nothing, whatever `Authorization` says. */
  readonly ignoresBearer?: boolean;
  /** Its guard or its answer limits it, by what it finds in the body or by the key. */
  readonly limitsItself?: boolean;
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
