/** Translates between Node's request and response and the HTTP core. Builds no web `Request`: that costs more than all the rest. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { AuthError } from '../errors.js';
import type { HttpRequest, HttpResponse, IncomingBody } from '../http/message.js';
import { originalCookieHeader } from '../http/take-refresh-cookie.js';

/** As Node has it; `originalUrl` and `body` as Express and its body parsers add them. */
export type NodeRequest = IncomingMessage & { readonly originalUrl?: string; readonly body?: unknown };

export function fromNode(request: NodeRequest): HttpRequest {
  const cookie = originalCookieHeader(request.headers);
  return {
    method: request.method ?? 'GET',
    target: request.originalUrl ?? request.url ?? '/',
    headers: cookie === undefined ? request.headers : { ...request.headers, cookie },
    address: request.socket.remoteAddress ?? null,
    body: (maxBytes) => readBody(request, maxBytes),
  };
}

async function readBody(request: NodeRequest, maxBytes: number): Promise<IncomingBody> {
  if (request.body !== undefined && request.readableDidRead) return parsedBody(request.body, maxBytes);
  if (hasNoBody(request)) return nothing;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > maxBytes) return { kind: 'too_large' };
      chunks.push(chunk);
    }
  } catch (error) {
    // Its sender is gone: nobody will read an answer, and nothing of ours has failed.
    throw request.complete ? error : new AuthError('invalid_request', { detail: 'The body did not arrive completely.' });
  }
  return { kind: 'bytes', bytes: Buffer.concat(chunks) };
}

const nothing: IncomingBody = { kind: 'bytes', bytes: new Uint8Array(0) };

/** By its headers (RFC 9112 section 6.3): nothing to wait for, and no stream to be set up. HTTP/2 has other ways to say so. */
function hasNoBody({ httpVersionMajor, headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return httpVersionMajor === 1 && headers['transfer-encoding'] === undefined && (length === undefined || length === '0');
}

/** What `express.json()`, `text()` or `raw()` left. */
function parsedBody(body: unknown, maxBytes: number): IncomingBody {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    return byteLengthOf(body) > maxBytes ? { kind: 'too_large' } : { kind: 'parsed', value: body };
  }
  const bytes = Buffer.from(body);
  return bytes.byteLength > maxBytes ? { kind: 'too_large' } : { kind: 'bytes', bytes };
}

/** Of its JSON. Infinity for what is nested too deeply to be written at all. */
function byteLengthOf(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Infinity;
  }
}

/** How long a client may go on sending a body that was refused, before the connection is cut. */
const lingerMilliseconds = 500;

export function toNode({ status, headers, body, stream }: HttpResponse, request: IncomingMessage, response: ServerResponse): void {
  // Somebody else has answered meanwhile, a time-out of the application's for example.
  if (response.headersSent) {
    stream?.destroy();
    return;
  }
  response.statusCode = status;
  // Cookies of the application's own middleware stay.
  for (const [name, value] of headers) {
    if (name === 'set-cookie') response.appendHeader(name, value);
    else response.setHeader(name, name === 'vary' ? withVary(response.getHeader(name), value) : value);
  }
  // Of any other answer Node itself discards what was not read, and keeps the connection.
  if (status === 413) discardRest(request, response);
  if (stream) writeStream(stream, request, response);
  else response.end(body);
}

/** A server that was told to close waits for its answers, and this one would never end by itself. */
function writeStream(stream: Readable, { socket }: IncomingMessage, response: ServerResponse): void {
  const { server } = socket as Socket & { readonly server?: Server };
  stream.on('data', () => {
    if (server?.listening === false) stream.destroy();
  });
  pipeline(stream, response, () => undefined);
}

/** What others have said already, said once. */
function withVary(said: number | string | readonly string[] | undefined, value: string): string {
  const names = said === undefined ? [] : String(said).split(/ *, */);
  return names.some((name) => name.toLowerCase() === value.toLowerCase()) ? names.join(', ') : [...names, value].join(', ');
}

/** Lets the client finish, so that it reads the answer instead of meeting a reset connection; but not for long. */
function discardRest(request: IncomingMessage, response: ServerResponse): void {
  // Taken now: both messages lose theirs when the connection ends.
  const { socket } = response;
  request.resume();
  response.once('finish', () => {
    setTimeout(() => socket?.destroy(), lingerMilliseconds).unref();
  });
}
