/** Routes that cause mails, and those that the links and codes in them are posted to. */
import { whenSettled } from '../../access/pending-error.js';
import { askForEmailChange, askForReset, askForVerification, type Asking } from '../../flows/ask-for-mail.js';
import { disown } from '../../flows/disown.js';
import { proveEmailByCode, proveEmailByLink, type ProvedEmail } from '../../flows/prove-email.js';
import { resetPassword } from '../../flows/reset-password.js';
import type { LiveSession } from '../../model/store.js';
import type { ChangeEmailBody, ForgotPasswordBody, NotMeBody, ResetPasswordBody, VerifyEmailBody } from '../../protocol/bodies.js';
import type { MessageDocument } from '../../protocol/documents.js';
import type { Exchange } from '../exchange.js';
import { signedInLive } from '../guards.js';
import { limitAttempts, limitMails } from '../limits.js';
import { ok, type Answer } from '../message.js';
import { preferredLocale } from '../preferred-locale.js';

export async function answerAskForVerification(exchange: Exchange<LiveSession, object>): Promise<Answer> {
  await askForVerification(exchange.core, exchange.who, askingOf(exchange));
  return accepted('We have sent a mail to your address: it says how to go on.');
}

export async function answerAskForEmailChange(exchange: Exchange<LiveSession, ChangeEmailBody>): Promise<Answer> {
  const { core, who, body } = exchange;
  await askForEmailChange(core, who, { ...body, ...askingOf(exchange) });
  return accepted('We have sent a mail to the new address. It is yours once it is confirmed.');
}

export async function answerAskForReset(exchange: Exchange<null, ForgotPasswordBody>): Promise<Answer> {
  const { core, body } = exchange;
  await limitMails(exchange);
  await askForReset(core, { ...body, ...askingOf(exchange) });
  return accepted('If this address has an account, we have sent a mail to it: it says how to go on.');
}

export async function answerVerifyEmail(exchange: Exchange<null, VerifyEmailBody>): Promise<Answer> {
  const { core, body } = exchange;
  if (body.token !== undefined) return proved(await proveEmailByLink(core, body.token));
  const { code } = body;
  const live = await whenSettled(() => signedInLive(exchange));
  return proved(await limitAttempts(exchange, `code ${live.user.id}`, () => proveEmailByCode(core, live, code)));
}

export async function answerResetPassword({ core, body }: Exchange<null, ResetPasswordBody>): Promise<Answer> {
  await resetPassword(core, body);
  return ok({ message: 'The password is set. You can log in now.' } satisfies MessageDocument);
}

export async function answerDisown({ core, body }: Exchange<null, NotMeBody>): Promise<Answer> {
  await disown(core, body.token);
  const message = 'All devices are signed out. We have sent a mail to this address to set a new password.';
  return ok({ message } satisfies MessageDocument);
}

const messages: Readonly<Record<ProvedEmail['purpose'], string>> = {
  verify_email: 'The address is confirmed.',
  change_email: 'The new address is confirmed. Other devices are signed out.',
  register: 'Registered. You can log in now.',
};

function proved({ purpose }: ProvedEmail): Answer {
  return ok({ message: messages[purpose] } satisfies MessageDocument);
}

function accepted(message: string): Answer {
  return { status: 202, document: { message } satisfies MessageDocument };
}

function askingOf({ core, request }: Pick<Exchange<unknown, unknown>, 'core' | 'request'>): Asking {
  return { locale: preferredLocale(request.headers), mails: core.mails };
}
