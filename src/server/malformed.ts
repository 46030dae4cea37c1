/** Answers what Node's parser refused: there is no request then, only a connection. Always ends the connection. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { AuthError } from '../errors.js';
import type { HttpHandler } from '../http/handle.js';
import type { HttpResponse } from '../http/message.js';

/** The methods that any resource of ours may have. */
export const knownMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** How long a client may take to read the answer before the connection is cut. */
const lingerMilliseconds = 500;

/** The answer to what the parser says. `status` is HTTP's own where the table of codes has none for it. */
export function answerToMalformed(handler: HttpHandler, parserCode: string | undefined): HttpResponse {
  const answer = (detail: string, status = 400): HttpResponse =>
    withStatus(handler.refuse(new AuthError('invalid_request', { detail }), { headers: {} }), status);
  switch (parserCode) {
    case 'HPE_INVALID_METHOD':
      return handler.refuse(new AuthError('method_not_allowed', { allow: knownMethods }), { headers: {} });
    case 'HPE_HEADER_OVERFLOW':
      return answer('The headers are larger than 16 KiB.', 431);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return answer('The chunk extensions are too large.', 413);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return answer('The request did not arrive in time.', 408);
    default:
      return answer('This is not well-formed HTTP.');
  }
}

function withStatus(response: HttpResponse, status: number): HttpResponse {
  if (response.status === status) return response;
  const problem = JSON.parse(response.body) as object;
  return { ...response, status, body: JSON.stringify({ ...problem, status }) };
}

/** Writes an answer to a bare connection and ends it. */
export function writeRaw(socket: Duplex, { status, headers, body }: HttpResponse): void {
  const lines = [...headers, ['content-length', String(Buffer.byteLength(body))], ['connection', 'close']];
  const head = lines.map(([name = '', value = '']) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${body}`);
  setTimeout(() => socket.destroy(), lingerMilliseconds).unref();
}
