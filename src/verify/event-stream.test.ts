/** The parser against the standard's own examples, and against itself: how the bytes are cut must not matter. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventStreamParser, type ServerSentEvent } from './event-stream.js';

function parse(...chunks: readonly (string | Uint8Array)[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  for (const chunk of chunks) parser.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return events;
}

const short = (events: readonly ServerSentEvent[]): string[] =>
  events.map(({ type, data, lastEventId }) => `${type}|${data}|${lastEventId}`);

describe('an event stream', () => {
  it.each([
    ['data: YHOO\ndata: +2\ndata: 10\n\n', ['message|YHOO\n+2\n10|']],
    [
      ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n',
      ['message|first event|1', 'message|second event|', 'message| third event|'],
    ],
    ['data\n\ndata\ndata\n\ndata:', ['message||', 'message|\n|']],
    ['data:test\n\ndata: test\n\n', ['message|test|', 'message|test|']],
  ])('is read as the standard says of its own example %#', (text, events) => {
    expect(short(parse(text))).toEqual(events);
  });

  it.each([
    ['event: add\ndata: 1\n\ndata: 2\n\n', ['add|1|', 'message|2|']],
    ['event: add\n\ndata: 2\n\n', ['message|2|']],
    ['id: 7\n\ndata: x\n\n', ['message|x|7']],
    ['id: 7\ndata: x\n\nid: a\0b\ndata: y\n\n', ['message|x|7', 'message|y|7']],
    ['retry: 10\nDATA: no\ndata : no\n data: no\nfoo: bar\ndata: x\n\n', ['message|x|']],
    ['data: a:b: c\n\n', ['message|a:b: c|']],
    ['\ufeffdata: x\n\n', ['message|x|']],
    ['\ufeff\ufeffdata: x\n\n', []],
    ['data: x\n', []],
    ['data: gr\u00fc\u00df \ud83d\ude00\n\n', ['message|gr\u00fc\u00df \ud83d\ude00|']],
    ['data: \u2028\u0085\n\n', ['message|\u2028\u0085|']],
  ])('%j gives %j', (text, events) => {
    expect(short(parse(text))).toEqual(events);
  });

  it('may end its lines in any of three ways, mixed', () => {
    expect(short(parse('event: a\rdata: 1\r\ndata: 2\n\r\ndata: 3\r\r'))).toEqual(['a|1\n2|', 'message|3|']);
    expect(short(parse('data: 1\r', '\ndata: 2\r', '\n\r', '\n'))).toEqual(['message|1\n2|']);
  });

  it('that is no text is read all the same', () => {
    expect(short(parse(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xfe, 0x0a, 0x0a])))).toEqual(['message|\ufffd\ufffd|']);
  });

  it('gives an event as soon as its last line break has begun', () => {
    expect(short(parse('data: 1\r\r'))).toEqual(['message|1|']);
  });

  it('gives the same events however its bytes are cut', () => {
    const piece = fc.constantFrom(
      'data',
      'event',
      'id',
      ':',
      ': ',
      ' ',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'x',
      '\u00fc',
      '\ud83d\ude00',
      '\ufeff',
      '\0',
      'retry: 5',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.array(fc.nat(200), { maxLength: 20 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        const byByte = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
        expect(parse(...chunks)).toEqual(parse(bytes));
        expect(parse(...byByte)).toEqual(parse(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('brings back what was written, whatever is in it', () => {
    const data = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\r', '').replaceAll('\0', ''));
    const event = fc.record({ type: fc.stringMatching(/^[a-z]{1,9}$/), data, lastEventId: fc.stringMatching(/^[a-zA-Z0-9:_-]{1,20}$/) });
    const write = ({ type, data: text, lastEventId }: ServerSentEvent): string =>
      `event: ${type}\nid: ${lastEventId}\n${text
        .split('\n')
        .map((line) => `data: ${line}\n`)
        .join('')}\n`;
    fc.assert(
      fc.property(fc.array(event), (events) => {
        expect(parse(events.map(write).join(''))).toEqual(events);
      }),
    );
  });

  it('is given up when a line or an event does not end', () => {
    const chunk = 'x'.repeat(64 * 1024);
    expect(() => parse('data: ', ...Array.from({ length: 17 }, () => chunk))).toThrow(RangeError);
    expect(() => parse(...Array.from({ length: 65 }, () => `data: ${chunk}\n`))).toThrow(RangeError);
    expect(() => parse(': ', ...Array.from({ length: 17 }, () => chunk))).toThrow(RangeError);
  });
});
