/** The mailbox of development: mails are kept in memory and printed, so that links can be opened without a mail server. */
import type { Mail } from '../model/mail.js';

const kept = 50;

export interface ReceivedMail extends Mail {
  readonly at: Date;
}

export class Mailbox {
  readonly #mails: ReceivedMail[] = [];
  readonly #print: (block: string) => void;
  readonly #now: () => number;

  constructor({ print, now }: { readonly print: (block: string) => void; readonly now: () => number }) {
    this.#print = print;
    this.#now = now;
  }

  /** Newest first. */
  get mails(): readonly ReceivedMail[] {
    return this.#mails.toReversed();
  }

  receive(mail: Mail): void {
    this.#mails.push({ ...mail, at: new Date(this.#now()) });
    if (this.#mails.length > kept) this.#mails.shift();
    this.#print(blockOf(mail));
  }
}

function blockOf({ to, subject, text }: Mail): string {
  const lines = [`To: ${to}`, `Subject: ${subject}`, '', ...text.trimEnd().split('\n')];
  return ['', ...lines.map((line) => `  | ${line}`), ''].join('\n');
}
