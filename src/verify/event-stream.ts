/** Takes a stream of server-sent events apart (WHATWG HTML section 9.2), however its bytes are cut into chunks. */

export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
  /** Where a reader goes on that comes back; empty when none was named. */
  readonly lastEventId: string;
}

/** In UTF-16 units: a source that never ends a line or an event must not fill the memory. */
const longestLine = 1024 * 1024;
const longestData = 4 * longestLine;

export class EventStreamParser {
  /** Takes a byte order mark off the beginning. */
  readonly #decoder = new TextDecoder();
  readonly #onEvent: (event: ServerSentEvent) => void;
  /** Of a line that has begun. */
  #line = '';
  /** A line feed that comes first is the other half of a line break. */
  #endedInCarriageReturn = false;
  #type = '';
  #data: string[] = [];
  #dataLength = 0;
  #lastEventId = '';

  constructor(onEvent: (event: ServerSentEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** @throws {RangeError} for a line or an event beyond all measure, and what `onEvent` throws; then the parser is of no more use. */
  push(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true });
    if (text === '') return;
    let start = this.#endedInCarriageReturn && text.startsWith('\n') ? 1 : 0;
    for (let end = endOfLine(text, start); end < text.length; end = endOfLine(text, start)) {
      this.#begin(text.slice(start, end));
      this.#takeLine();
      start = end + (text.startsWith('\r\n', end) ? 2 : 1);
    }
    this.#begin(text.slice(start));
    this.#endedInCarriageReturn = text.endsWith('\r');
  }

  #begin(part: string): void {
    this.#line += part;
    if (this.#line.length > longestLine) throw new RangeError('a line of the event stream is too long');
  }

  #takeLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 32 /* space */ ? colon + 2 : colon + 1);
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#addData(value);
    else if (name === 'id' && !value.includes('\0')) this.#lastEventId = value;
  }

  #addData(value: string): void {
    this.#data.push(value);
    this.#dataLength += value.length + 1;
    if (this.#dataLength > longestData) throw new RangeError('an event of the stream is too long');
  }

  #dispatch(): void {
    const [type, data] = [this.#type === '' ? 'message' : this.#type, this.#data];
    this.#type = '';
    this.#data = [];
    this.#dataLength = 0;
    if (data.length > 0) this.#onEvent({ type, data: data.join('\n'), lastEventId: this.#lastEventId });
  }
}

/** Where the next line break begins, or the length of the text. */
function endOfLine(text: string, start: number): number {
  const lineBreak = /[\r\n]/g;
  lineBreak.lastIndex = start;
  return lineBreak.exec(text)?.index ?? text.length;
}
