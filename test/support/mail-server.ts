/** A real SMTP server on a free port, which can be told to refuse, to hang, or to lose the answer. */
import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { expect } from 'vitest';

export type Mood = 'takes' | 'refuses for now' | 'refuses for good' | 'hangs' | 'takes, and its answer is lost';

export class MailServer {
  readonly port: number;
  readonly received: Email[] = [];
  mood: Mood = 'takes';
  /** Connections so far. */
  sessions = 0;
  readonly #server: SMTPServer;

  private constructor(server: SMTPServer, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(port = 0): Promise<MailServer> {
    const started: { self?: MailServer } = {};
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      logger: false,
      onConnect: (_session, callback) => {
        if (started.self) started.self.sessions += 1;
        callback();
      },
      onData: (stream, _session, callback) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => void started.self?.take(Buffer.concat(chunks), callback));
      },
    });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    started.self = new MailServer(server, (server.server.address() as AddressInfo).port);
    return started.self;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  async take(raw: Buffer, callback: (error?: Error | null) => void): Promise<void> {
    const refusal = (code: number): Error => Object.assign(new Error('not now, somebody@example.test'), { responseCode: code });
    if (this.mood === 'refuses for now') callback(refusal(451));
    else if (this.mood === 'refuses for good') callback(refusal(550));
    else if (this.mood !== 'hangs') {
      this.received.push(await PostalMime.parse(raw));
      if (this.mood === 'takes') callback();
    }
  }

  /** The mails to an address, once there are so many. */
  async until(count: number): Promise<Email[]> {
    await expect.poll(() => this.received.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
    return this.received;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
