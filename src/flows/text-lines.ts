/** Cuts a stream of bytes into lines, none of which can take more memory than a line may. */
import { isUtf8 } from 'node:buffer';

export interface TextLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Why it cannot be read, or null. */
  readonly problem: string | null;
}

const maxLineBytes = 65_536;
const lineFeed = 10;

export async function* textLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<TextLine> {
  let number = 1;
  let parts: Buffer[] = [];
  let bytes = 0;
  const take = (part: Buffer): void => {
    bytes += part.length;
    // What is too long is counted, and not kept.
    if (bytes > maxLineBytes) parts = [];
    else parts.push(part);
  };
  const end = (): TextLine => {
    const line = lineOf(number, parts, bytes);
    [number, parts, bytes] = [number + 1, [], 0];
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, start)) {
      take(chunk.subarray(start, at));
      yield end();
      start = at + 1;
    }
    take(chunk.subarray(start));
  }
  if (bytes > 0) yield end();
}

function lineOf(number: number, parts: readonly Buffer[], bytes: number): TextLine {
  if (bytes > maxLineBytes) return { number, text: '', problem: `is longer than ${maxLineBytes} bytes` };
  const all = Buffer.concat(parts);
  if (!isUtf8(all)) return { number, text: '', problem: 'is no UTF-8' };
  const text = all.toString();
  // As spreadsheets and Windows begin a file.
  return { number, text: number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text, problem: null };
}
