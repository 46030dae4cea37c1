/** A request and its answer as the HTTP core sees them; adapters translate from and to what their framework has. */
import type { Readable } from 'node:stream';
import type { RequestLike } from '../model/app-types.js';

export interface HttpRequest {
  readonly method: string;
  /** Path and query exactly as sent: guard and router see the same bytes. */
  readonly target: string;
  readonly headers: RequestLike['headers'];
  /** The other end of the connection; null: unknown. */
  readonly address: string | null;
  /** Reads at most `maxBytes`. Called once. */
  body(maxBytes: number): Promise<IncomingBody>;
}

/** `parsed`: a framework read the body already, this is what it made of it. */
export type IncomingBody =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too_large' };

export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface HttpResponse {
  readonly status: number;
  /** `set-cookie` may be there several times. */
  readonly headers: HeaderList;
  readonly body: string;
  /** Instead of `body`: written as it comes, until it ends; destroyed when the client is gone. */
  readonly stream?: Readable;
}

/** What a route answers, before headers that every answer has. */
export interface Answer {
  readonly status: number;
  readonly document?: object;
  /** Instead of `document`: a page, with the policy that lets it do what it does. */
  readonly page?: { readonly html: string; readonly contentSecurityPolicy: string };
  /** Instead of `document`; the answer names its type. */
  readonly stream?: Readable;
  readonly headers?: HeaderList;
}

export function ok(document: object, headers: HeaderList = []): Answer {
  return { status: 200, document, headers };
}
