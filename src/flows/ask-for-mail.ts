/** Takes what a person asks a mail for. What he is answered does not depend on what is found when that is looked into. */
import { AuthError } from '../errors.js';
import type { Cause } from '../mail/payloads.js';
import type { LiveSession } from '../model/store.js';
import { parseEmail } from '../policy/identifiers.js';
import type { FlowContext } from './context.js';

/** Whether one more mail may be sent to an address: null, or the seconds until one may. */
export interface MailBudget {
  takeFor(emailKey: string): Promise<number | null>;
}

export interface Asking {
  readonly locale: string | null;
  readonly mails: MailBudget;
}

/** @throws {AuthError} `conflict` without an address, or with one that is proved; `too_many_attempts`. */
export async function askForVerification(context: FlowContext, { user }: LiveSession, { locale, mails }: Asking): Promise<void> {
  if (user.email === null) throw new AuthError('conflict', { detail: 'The account has no e-mail address.' });
  if (user.emailVerified) throw new AuthError('conflict', { detail: 'The address is verified already.' });
  requireBudget(await mails.takeFor(user.email.toLowerCase()));
  await queue(context, { kind: 'verification_asked', userId: user.id, locale });
}

/** @throws {AuthError} `invalid_request`, `too_many_attempts`. */
export async function askForEmailChange(
  context: FlowContext,
  { user, session }: LiveSession,
  { newEmail, locale, mails }: Asking & { readonly newEmail: string },
): Promise<void> {
  const { value: email, key } = requireAddress(newEmail, 'newEmail');
  if (user.emailVerified && user.email === email)
    throw new AuthError('invalid_request', { fields: [{ path: 'newEmail', code: 'unchanged', message: 'is the address already' }] });
  // By the user, too: he must not be able to have mails sent to a list of addresses.
  requireBudget(await mails.takeFor(`of ${user.id}`));
  requireBudget(await mails.takeFor(key));
  await queue(context, { kind: 'email_change_asked', userId: user.id, sessionId: session.id, epoch: user.sessionEpoch, email, locale });
}

/** Without a word about too many mails to this address: that would tell what others asked for. @throws {AuthError} `invalid_request`. */
export async function askForReset(context: FlowContext, { email, locale, mails }: Asking & { readonly email: string }): Promise<void> {
  const address = requireAddress(email, 'email');
  const isTooMany = (await mails.takeFor(address.key)) !== null;
  if (!isTooMany) await queue(context, { kind: 'reset_asked', email: address.value, locale });
}

/** Rows for what is written elsewhere: none when there were too many mails to this address. */
export async function queueUnlessTooMany(
  context: FlowContext,
  cause: Cause & { readonly email: string },
  mails: MailBudget,
): Promise<void> {
  if ((await mails.takeFor(cause.email.toLowerCase())) === null) await queue(context, cause);
}

async function queue({ store, postbox }: FlowContext, cause: Cause): Promise<void> {
  await store.outbox.add(postbox.rows(cause));
  postbox.wake();
}

function requireAddress(text: string, path: string): { readonly value: string; readonly key: string } {
  const address = parseEmail(text);
  if (address) return address;
  throw new AuthError('invalid_request', { fields: [{ path, code: 'invalid', message: 'must be one plain e-mail address' }] });
}

function requireBudget(seconds: number | null): void {
  if (seconds !== null) throw new AuthError('too_many_attempts', { reason: 'mails to this address', retryAfterSeconds: seconds });
}
