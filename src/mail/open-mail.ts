/** Puts the parts of mail together: where flows put it, the mailbox of development, and the sender, which starts when it is told what causes are. */
import type { Logger } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import type { MailFacts, MailText, SendMail } from '../model/mail.js';
import type { OutboxStore } from '../model/outbox.js';
import { Mailbox } from './mailbox.js';
import type { ItemWriter } from './payloads.js';
import { createPostbox, type Postbox } from './postbox.js';
import { MailSender, type SenderParts, type SenderTiming } from './sender.js';

export interface MailParts extends ItemWriter {
  readonly config: Pick<AuthConfig, 'mail' | 'publicUrl'>;
  readonly logger: Logger;
  readonly outbox: OutboxStore;
  readonly sendMail: SendMail | undefined;
  readonly composeMail: (facts: MailFacts) => Promise<MailText>;
  /** What the mailbox of development writes its mails with. */
  readonly print: (block: string) => void;
  readonly onGivenUp: SenderParts['onGivenUp'];
  readonly timing: Partial<SenderTiming>;
}

export interface OpenMail {
  readonly postbox: Postbox;
  /** Only in development, and only while no transport is set. */
  readonly mailbox: Mailbox | null;
  /** Begins to work off the outbox. Not where others do: then rows are only written. */
  start(workOff: SenderParts['workOff']): void;
  /** Safe to call twice. */
  close(): Promise<void>;
}

export function openMail({ config, sendMail, composeMail, print, timing, ...parts }: MailParts): OpenMail {
  const mailbox = config.mail === 'mailbox' ? new Mailbox({ now: () => parts.clock.now(), print }) : null;
  const send = sendMail ?? intoMailbox(mailbox);
  let sender: MailSender | undefined;
  return {
    mailbox,
    postbox: createPostbox({ ...parts, isSetUp: config.mail !== 'none', wake: () => sender?.wake() }),
    start(workOff) {
      if (send === null) return;
      sender = new MailSender({ ...parts, send, compose: composeMail, host: config.publicUrl.hostname, workOff, timing });
      sender.wake();
    },
    close: async () => sender?.close(),
  };
}

function intoMailbox(mailbox: Mailbox | null): SendMail | null {
  if (mailbox === null) return null;
  return (mail) => {
    mailbox.receive(mail);
    return Promise.resolve();
  };
}
