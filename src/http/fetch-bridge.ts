/** The HTTP core for frameworks that speak web-standard `Request` and `Response`. */
import type { HttpHandler } from './handle.js';
import type { HttpRequest, HttpResponse, IncomingBody } from './message.js';

export async function handleFetch(handler: HttpHandler, request: Request): Promise<Response> {
  return toResponse(await handler.handle(fromRequest(request)));
}

function fromRequest(request: Request): HttpRequest {
  return {
    method: request.method,
    target: targetOf(request.url),
    headers: request.headers,
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

function toResponse({ status, headers, body }: HttpResponse): Response {
  const answer = new Headers();
  for (const [name, value] of headers) answer.append(name, value);
  return new Response(status === 204 || body === '' ? null : body, { status, headers: answer });
}
