/** Looks into what was asked for or has happened, and makes of it a proof and a mail; the person who asked was answered long before. */
import type { Cause } from '../mail/payloads.js';
import type { Consequences } from '../mail/sender.js';
import type { MailFacts, MailTemplate } from '../model/mail.js';
import type { OutboxRecord } from '../model/outbox.js';
import type { UserRecord } from '../model/store.js';
import { parseEmail } from '../policy/identifiers.js';
import { hmacSha256 } from '../crypto/digest.js';
import type { FlowContext } from './context.js';
import { makeProof, type MadeProof } from './one-time-proof.js';

const nothing: Consequences = { proof: null, rows: [] };

export async function workOffCause(
  context: FlowContext,
  cause: Cause,
  { createdAt }: Pick<OutboxRecord, 'createdAt'>,
): Promise<Consequences> {
  switch (cause.kind) {
    case 'verification_asked':
      return verification(context, cause);
    case 'email_change_asked':
      return emailChange(context, cause);
    case 'registration_asked':
      return registration(context, cause);
    case 'reset_asked': {
      const user = await holderOf(context, cause.email);
      // As he has spelt it, and not as it was typed: some servers tell capital letters apart.
      return user?.email === undefined || user.email === null ? nothing : reset(context, { user, email: user.email, locale: cause.locale });
    }
    case 'reset_due': {
      const user = await context.store.users.find({ id: cause.userId });
      return user === null ? nothing : reset(context, { user, ...cause });
    }
    case 'notice_due':
      return notice(context, cause, createdAt);
  }
}

type CauseOf<Kind extends Cause['kind']> = Extract<Cause, { readonly kind: Kind }>;

async function verification(context: FlowContext, { userId, locale }: CauseOf<'verification_asked'>): Promise<Consequences> {
  const user = await context.store.users.find({ id: userId });
  if (user?.email === null || user === null || user.emailVerified) return nothing;
  const { email } = user;
  const holder = await otherHolder(context, email, userId);
  if (holder !== null) return alreadyRegistered(context, holder, locale);
  const terms = { userId, subject: userId, epoch: user.sessionEpoch };
  const proof = makeProof(context, { purpose: 'verify_email', content: { email }, ...terms });
  return linked(context, { template: 'verify_email', to: email, user, locale, page: context.config.links.verifyEmail }, proof);
}

/** Only while it is as it was when it was asked for. */
async function emailChange(context: FlowContext, cause: CauseOf<'email_change_asked'>): Promise<Consequences> {
  const { userId, sessionId, epoch, email, locale } = cause;
  const user = await context.store.users.find({ id: userId });
  if (user === null) return nothing;
  const holder = await otherHolder(context, email, userId);
  if (holder !== null) return alreadyRegistered(context, holder, locale);
  const proof = makeProof(context, { purpose: 'change_email', content: { email, sessionId }, userId, subject: userId, epoch });
  return linked(context, { template: 'change_email', to: email, user, locale, page: context.config.links.verifyEmail }, proof);
}

async function registration(context: FlowContext, cause: CauseOf<'registration_asked'>): Promise<Consequences> {
  const { email, passwordHash, name, profile, locale } = cause;
  const holder = await otherHolder(context, email, null);
  if (holder !== null) return alreadyRegistered(context, holder, locale);
  const subject = hmacSha256(context.secrets[0].counting, `register\n${email.toLowerCase()}`).toString('base64url');
  const content = { email, passwordHash, name, profile };
  const proof = makeProof(context, { purpose: 'register', content, userId: null, subject, epoch: null });
  return linked(context, { template: 'register', to: email, user: null, locale, page: context.config.links.verifyEmail }, proof);
}

function reset(
  context: FlowContext,
  { user, email, locale }: { readonly user: UserRecord; readonly email: string; readonly locale: string | null },
): Consequences {
  if (user.disabledAt !== null) return nothing;
  const terms = { userId: user.id, subject: user.id, epoch: user.sessionEpoch };
  const proof = makeProof(context, { purpose: 'reset_password', content: { email }, ...terms });
  return linked(context, { template: 'reset_password', to: email, user, locale, page: context.config.links.resetPassword }, proof);
}

/** Bound to no epoch: what was done to the account since must not void it. */
async function notice(context: FlowContext, cause: CauseOf<'notice_due'>, since: number): Promise<Consequences> {
  const { userId, to, notice: template, locale } = cause;
  const user = await context.store.users.find({ id: userId });
  if (user === null) return nothing;
  const proof = makeProof(context, { purpose: 'disown', content: { email: to }, userId, subject: null, epoch: null, since });
  const notMeLink = linkTo(context.config.links.notMe, proof.token);
  return { proof: proof.record, rows: mailRow(context, { template, to, user, locale, notMeLink }) };
}

async function holderOf({ store }: FlowContext, email: string): Promise<UserRecord | null> {
  const key = parseEmail(email)?.key;
  return key === undefined ? null : store.users.find({ emailKey: key });
}

/** Another user who has proved that the address is his; the address as he has spelt it. */
async function otherHolder(context: FlowContext, email: string, userId: string | null): Promise<string | null> {
  const holder = await holderOf(context, email);
  return holder !== null && holder.id !== userId && holder.emailVerified ? holder.email : null;
}

/** To whoever has the account; who asked learns nothing. */
function alreadyRegistered(context: FlowContext, to: string, locale: string | null): Consequences {
  return { proof: null, rows: mailRow(context, { template: 'already_registered', to, user: null, locale }) };
}

interface Linked {
  readonly template: MailTemplate;
  readonly to: string;
  readonly user: UserRecord | null;
  readonly locale: string | null;
  readonly page: string;
}

function linked(context: FlowContext, { page, ...mail }: Linked, { record, token, code, validSeconds }: MadeProof): Consequences {
  return { proof: record, rows: mailRow(context, { ...mail, link: linkTo(page, token), code, validSeconds }) };
}

/** In the fragment, which no server sees, no log keeps and no page hands on. */
function linkTo(page: string, token: string): string {
  return `${page}#token=${token}`;
}

function mailRow(
  { config, postbox }: FlowContext,
  { user, ...mail }: Partial<MailFacts> & Pick<MailFacts, 'template' | 'to' | 'locale'> & { readonly user: UserRecord | null },
): Consequences['rows'] {
  const facts: MailFacts = {
    link: null,
    code: null,
    notMeLink: null,
    validSeconds: null,
    service: config.publicUrl.hostname,
    ...mail,
    user: user && { id: user.id, username: user.username, name: user.name, profile: user.profile },
  };
  return postbox.rows({ kind: 'mail', facts });
}
