/** The HTTP core for frameworks that speak web-standard `Request` and `Response`. */
import { Readable } from 'node:stream';
import { ByteLengthQueuingStrategy } from 'node:stream/web';
import type { HttpHandler } from './handle.js';
import type { HttpRequest, HttpResponse, IncomingBody } from './message.js';

export async function handleFetch(handler: HttpHandler, request: Request, address: string | null): Promise<Response> {
  return toResponse(await handler.handle(fromRequest(request, address)));
}

function fromRequest(request: Request, address: string | null): HttpRequest {
  return {
    method: request.method,
    target: targetOf(request.url),
    headers: request.headers,
    address,
    body: (maxBytes) => readStream(request, maxBytes),
  };
}

/** Path and query of an absolute URL, exactly as they stand in it. */
function targetOf(url: string): string {
  const pathAt = url.indexOf('/', url.indexOf('://') + 3);
  const target = pathAt < 0 ? '/' : url.slice(pathAt);
  const fragmentAt = target.indexOf('#');
  return fragmentAt < 0 ? target : target.slice(0, fragmentAt);
}

async function readStream(request: Request, maxBytes: number): Promise<IncomingBody> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (request.body) {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > maxBytes) return { kind: 'too_large' };
      chunks.push(chunk);
    }
  }
  return { kind: 'bytes', bytes: Buffer.concat(chunks) };
}

export function toResponse({ status, headers, body, stream }: HttpResponse): Response {
  const answer = new Headers();
  for (const [name, value] of headers) {
    if (name === 'set-cookie') answer.append(name, value);
    else answer.set(name, value);
  }
  if (stream) return new Response(toWeb(stream), { status, headers: answer });
  return new Response(status === 204 || body === '' ? null : body, { status, headers: answer });
}

/** Without a measure of its own it would take thousands of chunks ahead, whatever their size. */
function toWeb(stream: Readable): ReadableStream<Uint8Array> {
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: 16_384 });
  return Readable.toWeb(stream, { strategy }) as ReadableStream<Uint8Array>;
}
