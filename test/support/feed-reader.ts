/** Reads the revocation feed as its specification says, with a parser that shares nothing with ours. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export interface FeedEvent {
  readonly event: string;
  readonly id: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into it and says by that what it must be
  readonly data: any;
}

export class FeedReader {
  readonly response: IncomingMessage;
  readonly events: FeedEvent[] = [];
  hasEnded = false;
  readonly #request: ClientRequest;
  #text = '';

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      this.#take(chunk);
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.hasEnded = true;
    });
  }

  static open(port: number, key: string, headers: NodeJS.Dict<string> = {}): Promise<FeedReader> {
    return new Promise((resolve, reject) => {
      const path = '/.well-known/countersign/revocations';
      const sent = request({ port, host: '127.0.0.1', path, agent: false, headers: { authorization: `Bearer ${key}`, ...headers } });
      sent.on('response', (response) => {
        resolve(new FeedReader(sent, response));
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  #take(chunk: string): void {
    this.#text += chunk;
    for (let end = this.#text.indexOf('\n\n'); end >= 0; end = this.#text.indexOf('\n\n')) {
      const lines = this.#text.slice(0, end).split('\n');
      this.#text = this.#text.slice(end + 2);
      const field = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      this.events.push({ event: field('event') ?? '', id: field('id'), data: JSON.parse(field('data') ?? 'null') });
    }
  }

  of(event: string): FeedEvent[] {
    return this.events.filter((candidate) => candidate.event === event);
  }

  /** The revoked ids, in the order in which they came. */
  get subjects(): string[] {
    return this.of('revocations').flatMap(({ data }) => (data as string[][]).map(([, subject]) => subject!));
  }

  get lastId(): string {
    return this.events.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  async until(what: string, isSo: () => boolean, withinMilliseconds = 5000): Promise<void> {
    const startedAt = performance.now();
    while (!isSo()) {
      await pause(5);
      if (performance.now() - startedAt > withinMilliseconds) throw new Error(`waited in vain: ${what}`);
    }
  }

  untilFresh(): Promise<void> {
    const before = this.of('fresh').length;
    const isFresh = (): boolean => this.of('fresh').length > before;
    return this.until('fresh', isFresh);
  }

  close(): void {
    this.#request.destroy();
  }
}
