/** Works off the outbox: claims rows for a while, sends or looks into each, removes it; what fails is tried again after growing pauses. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SecretRing } from '../crypto/master-secret.js';
import type { Logger } from '../model/app-types.js';
import type { MailFacts, MailText, SendMail } from '../model/mail.js';
import type { NewOutboxRecord, OutboxRecord, OutboxStore } from '../model/outbox.js';
import type { NewProofRecord } from '../model/proofs.js';
import { readItem, type Cause } from './payloads.js';

/** What comes of a cause. */
export interface Consequences {
  readonly proof: NewProofRecord | null;
  readonly rows: readonly NewOutboxRecord[];
}

export interface SenderParts {
  readonly outbox: OutboxStore;
  readonly secrets: SecretRing;
  readonly logger: Logger;
  readonly send: SendMail;
  readonly compose: (facts: MailFacts) => Promise<MailText>;
  /** Of the `Message-ID`. */
  readonly host: string;
  readonly workOff: (cause: Cause, row: OutboxRecord) => Promise<Consequences>;
  /** A row's time was over before it could be done with. */
  readonly onGivenUp: (kind: string) => void;
  readonly timing?: Partial<SenderTiming>;
}

export interface SenderTiming {
  /** How often is looked for rows of other processes. */
  readonly pollMilliseconds: number;
  /** What a transport does not answer within this has failed. */
  readonly sendMilliseconds: number;
  /** Longer than sending may take, so that no row is worked off twice while its process lives. */
  readonly leaseSeconds: number;
  /** After the first failure, the second, and so on; the last one from then on. */
  readonly pausesSeconds: readonly [number, ...number[]];
  /** How long closing waits for what is being sent. */
  readonly closeMilliseconds: number;
}

const usualTiming: SenderTiming = {
  pollMilliseconds: 5_000,
  sendMilliseconds: 30_000,
  leaseSeconds: 60,
  pausesSeconds: [5, 30, 120, 600, 1800],
  closeMilliseconds: 1_000,
};

const atOnce = 8;
/** Timers cannot be set for longer. */
const longestMilliseconds = 2 ** 31 - 1;

export class MailSender {
  readonly #parts: SenderParts;
  readonly #timing: SenderTiming;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #isAskedAgain = false;
  #isClosed = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#timing = { ...usualTiming, ...parts.timing };
    this.#sleep(this.#timing.pollMilliseconds);
  }

  /** There may be something due. Neither waits nor throws. */
  wake(): void {
    if (this.#isClosed) return;
    this.#isAskedAgain = true;
    this.#running ??= this.#run();
  }

  /** Begins nothing more; waits a moment for what is being sent, which would be sent again otherwise. Safe to call twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await Promise.race([this.#running, pause(this.#timing.closeMilliseconds, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    // What is written in the same turn of the event loop is found at once.
    await Promise.resolve();
    let nextMilliseconds = this.#timing.pollMilliseconds;
    try {
      while (this.#isAskedAgain && !this.#isClosed) {
        this.#isAskedAgain = false;
        nextMilliseconds = await this.#workOffAll();
      }
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'the outbox could not be read; it is tried again');
    }
    this.#running = null;
    if (!this.#isClosed) this.#sleep(nextMilliseconds);
  }

  #sleep(milliseconds: number): void {
    this.#timer = setTimeout(() => this.wake(), Math.min(milliseconds, longestMilliseconds));
    this.#timer.unref();
  }

  /** Milliseconds until it is worth looking again. */
  async #workOffAll(): Promise<number> {
    const { outbox } = this.#parts;
    for (;;) {
      const dueIn = await outbox.nextDue();
      if (this.#isClosed || dueIn === null || dueIn > 0) return Math.min(dueIn ?? Infinity, this.#timing.pollMilliseconds);
      const rows = await outbox.claim(atOnce, this.#timing.leaseSeconds);
      if (rows.length === 0) return this.#timing.pollMilliseconds;
      await Promise.all(rows.map((row) => this.#workOff(row)));
    }
  }

  /** Never rejects. */
  async #workOff(row: OutboxRecord): Promise<void> {
    const { outbox, logger, onGivenUp } = this.#parts;
    try {
      if (row.expiresAt <= row.now) {
        if ((await outbox.settle(row.id)) === 'settled') onGivenUp(row.kind);
        return;
      }
      await outbox.settle(row.id, await this.#consequencesOf(row));
    } catch (error) {
      // What a mail server says can hold the address.
      const { code, responseCode } = (error ?? {}) as { code?: unknown; responseCode?: unknown };
      logger.warn(
        { mail: row.kind, attempts: row.attempts, code, responseCode, err: withoutAddresses(error) },
        'mail was not sent; it is tried again',
      );
      await outbox.postpone(row.id, row.attempts, this.#pauseAfter(row.attempts)).catch(() => undefined);
    }
  }

  async #consequencesOf(row: OutboxRecord): Promise<Consequences | undefined> {
    const item = readItem(this.#parts.secrets, row);
    if (item === null) throw new Error('It is sealed under a master secret that this process does not have.');
    if (item.kind !== 'mail') return this.#parts.workOff(item, row);
    const { subject, text, html } = await this.#parts.compose(item.facts);
    await this.#sendInTime({ to: item.facts.to, subject, text, html, messageId: `<${row.id}@${this.#parts.host}>` });
    return undefined;
  }

  async #sendInTime(mail: Parameters<SendMail>[0]): Promise<void> {
    const giveUp = new AbortController();
    const late = pause(this.#timing.sendMilliseconds, undefined, { signal: giveUp.signal }).then(() => {
      throw new Error('The mail server did not answer in time.');
    });
    try {
      await Promise.race([this.#parts.send(mail), late]);
    } finally {
      late.catch(() => undefined);
      giveUp.abort();
    }
  }

  #pauseAfter(attempts: number): number {
    const { pausesSeconds } = this.#timing;
    return pausesSeconds[Math.min(attempts, pausesSeconds.length) - 1] ?? pausesSeconds[0];
  }
}

/** Kind and place of an error, with nothing of what it was about. */
function withoutAddresses(error: unknown): Error {
  const told = error instanceof Error ? error : new Error(String(error));
  const hide = (text: string): string => text.replace(/[^\s<>"'(),;:]+@[^\s<>"'(),;:]+/g, '(address)');
  const shown = new Error(hide(told.message));
  shown.name = told.name;
  if (told.stack !== undefined) shown.stack = hide(told.stack);
  return shown;
}
