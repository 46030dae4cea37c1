/** The mailboxes of everybody: what an application's own `sendMail` got, and what a person finds in it. */
import type { Mail } from 'countersign';
import { expect } from 'vitest';

export class Inbox {
  readonly mails: Mail[] = [];
  /** What the next ones meet instead of being taken. */
  readonly failures: Error[] = [];

  /** For the option `sendMail`. */
  readonly send = (mail: Mail): Promise<void> => {
    const failure = this.failures.shift();
    if (failure) return Promise.reject(failure);
    this.mails.push(mail);
    return Promise.resolve();
  };

  to(address: string): Mail[] {
    return this.mails.filter(({ to }) => to === address);
  }

  /** The newest mail to an address once there are so many; resolves when it is there. */
  async next(address: string, count: number): Promise<Mail> {
    await expect.poll(() => this.to(address).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
    return this.to(address)[count - 1]!;
  }

  /** Resolves once a mail with these words in its subject has come to an address. */
  async find(address: string, subject: RegExp): Promise<Mail> {
    const found = (): Mail | undefined => this.to(address).findLast((mail) => subject.test(mail.subject));
    await expect.poll(found, { timeout: 10_000 }).toBeDefined();
    return found()!;
  }

  clear(): void {
    this.mails.length = 0;
  }
}

/** The token of the only link in a mail, or of its link to disown something. */
export function tokenIn({ text }: Pick<Mail, 'text'>): string {
  return /#token=(cso_[\w-]+)/.exec(text)?.[1] ?? '';
}

export function linkIn({ text }: Pick<Mail, 'text'>): string {
  return /https?:\/\/\S+#token=\S+/.exec(text)?.[0] ?? '';
}

export function codeIn({ text }: Pick<Mail, 'text'>): string {
  return /code: (\d{6})/.exec(text)?.[1] ?? '';
}
