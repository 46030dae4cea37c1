/** Routes of the second factor: the second half of a login, and setting up, removing and renewing what it takes. Loaded when they are used. */
import { beginTotp, confirmTotp, removeTotp, renewRecoveryCodes } from '../../flows/enrol-totp.js';
import { loginBySecondFactor, readLoginTicket } from '../../flows/login-ticket.js';
import type { LiveSession } from '../../model/store.js';
import type { ConfirmTotpBody, LoginMfaBody, NoBody } from '../../protocol/bodies.js';
import type { RecoveryCodesDocument, TotpEnrolmentDocument } from '../../protocol/documents.js';
import type { Exchange } from '../exchange.js';
import { limitAttempts, limitCodes } from '../limits.js';
import { ok, type Answer } from '../message.js';
import { sessionOfBrowser } from '../refresh-credential.js';
import { loggedInAnswer, signedInAnswer } from '../session-response.js';

export async function answerLoginMfa(exchange: Exchange<null, LoginMfaBody>): Promise<Answer> {
  const { core, body } = exchange;
  const { method, code } = body;
  const ticket = await readLoginTicket(core, body.ticket);
  const replaces = ticket.login.delivery === 'bearer' ? null : sessionOfBrowser(exchange);
  const signedIn = await limitCodes(exchange, { userId: ticket.userId, method }, () =>
    loginBySecondFactor(core, ticket, { method, code, replaces }),
  );
  return loggedInAnswer(exchange, signedIn);
}

export async function answerBeginTotp({ core, who }: Exchange<LiveSession, NoBody>): Promise<Answer> {
  const enrolment: TotpEnrolmentDocument = await beginTotp(core, who);
  return ok(enrolment);
}

export async function answerConfirmTotp(exchange: Exchange<LiveSession, ConfirmTotpBody>): Promise<Answer> {
  const { core, who, body } = exchange;
  const { signedIn, recoveryCodes } = await limitAttempts(exchange, `session ${who.session.id}`, () => confirmTotp(core, who, body.code));
  const answer = signedInAnswer(core.config, signedIn, core.clock.now());
  return { ...answer, document: { ...answer.document, recoveryCodes } satisfies RecoveryCodesDocument };
}

export async function answerRemoveTotp({ core, who }: Exchange<LiveSession, NoBody>): Promise<Answer> {
  return signedInAnswer(core.config, await removeTotp(core, who), core.clock.now());
}

export async function answerRenewRecoveryCodes({ core, who }: Exchange<LiveSession, NoBody>): Promise<Answer> {
  const document: RecoveryCodesDocument = { recoveryCodes: await renewRecoveryCodes(core, who) };
  return ok(document);
}
