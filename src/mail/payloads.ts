/** What rows of the outbox hold, sealed: a mail that is to be sent, or what will cause one once it is looked into. */
import type { SecretRing } from '../crypto/master-secret.js';
import { formatId, newIdBytes, type Random } from '../crypto/random.js';
import { seal, unseal } from '../crypto/sealing.js';
import type { MailFacts, MailTemplate } from '../model/mail.js';
import type { NewOutboxRecord, OutboxRecord } from '../model/outbox.js';

/** Notices of what has happened to an account; each can be disowned. */
export type Notice = Extract<MailTemplate, 'email_changed' | 'password_changed' | 'second_factor_changed' | 'session_replayed'>;

/**
 * What was asked for, or has happened. It becomes a mail when it is worked off, in whichever process, so that who asks is answered after the
 * same act whether or not the address has an account.
 */
export type Cause =
  | { readonly kind: 'verification_asked'; readonly userId: string; readonly locale: string | null }
  | {
      readonly kind: 'email_change_asked';
      readonly userId: string;
      /** The one that asked, and stays. */
      readonly sessionId: string;
      readonly epoch: number;
      readonly email: string;
      readonly locale: string | null;
    }
  | {
      readonly kind: 'registration_asked';
      readonly email: string;
      readonly passwordHash: string;
      readonly name: string | null;
      readonly profile: object;
      readonly locale: string | null;
    }
  | { readonly kind: 'reset_asked'; readonly email: string; readonly locale: string | null }
  /** By whoever disowned what was done to the account. */
  | { readonly kind: 'reset_due'; readonly userId: string; readonly email: string; readonly locale: string | null }
  | { readonly kind: 'notice_due'; readonly notice: Notice; readonly userId: string; readonly to: string; readonly locale: string | null };

export type OutboxItem = Cause | { readonly kind: 'mail'; readonly facts: MailFacts };

export interface ItemWriter {
  readonly secrets: SecretRing;
  readonly random: Random;
  readonly clock: { now(): number };
}

const hour = 3600;
const day = 24 * hour;

/** For how long it is tried to work off a cause, and to send a notice. Other mails are tried as long as their links are good. */
const causeSeconds = day;
const noticeSeconds = 3 * day;

export function outboxRow({ secrets, random, clock }: ItemWriter, item: OutboxItem): NewOutboxRecord {
  const id = formatId('out', newIdBytes(random, clock.now()));
  return {
    id,
    kind: item.kind === 'mail' ? item.facts.template : item.kind,
    sealedPayload: seal(secrets, random, sealedFor(id), Buffer.from(JSON.stringify(item))),
    lifetimeSeconds:
      item.kind === 'mail' ? (item.facts.validSeconds ?? noticeSeconds) : item.kind === 'notice_due' ? noticeSeconds : causeSeconds,
  };
}

/** Null: sealed under a secret that this process does not have. */
export function readItem(secrets: SecretRing, { id, sealedPayload }: Pick<OutboxRecord, 'id' | 'sealedPayload'>): OutboxItem | null {
  const opened = unseal(secrets, sealedFor(id), sealedPayload);
  return opened === null ? null : (JSON.parse(opened.toString('utf8')) as OutboxItem);
}

/** Bound to its row: what is sealed for one opens in no other. */
function sealedFor(id: string): string {
  return `outbox/${id}`;
}
