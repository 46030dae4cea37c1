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

/** What Node's parser says is wrong. */
export interface ParserError {
  readonly code?: string;
  /** What it was reading. */
  readonly rawPacket?: Uint8Array;
}

/** The answer to it. Its status is HTTP's own where the table of codes has none for it. */
export function answerToMalformed(handler: HttpHandler, { code, rawPacket }: ParserError): HttpResponse {
  const answer = (detail: string, status = 400): HttpResponse =>
    withStatus(handler.refuse(new AuthError('invalid_request', { detail }), { headers: {} }), status);
  switch (code) {
    case 'HPE_INVALID_METHOD':
      return beginsWithRequestLine(rawPacket)
        ? handler.refuse(new AuthError('method_not_allowed', { allow: knownMethods }), { headers: {} })
        : answer('This is not HTTP.');
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

/** Otherwise it was no method that is not known, but nothing of the kind: TLS, for instance. */
function beginsWithRequestLine(packet: Uint8Array | undefined): boolean {
  const [line = ''] = Buffer.from(packet ?? [])
    .subarray(0, 4096)
    .toString('latin1')
    .split('\r\n', 1);
  return /^[A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.[01]$/.test(line);
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
