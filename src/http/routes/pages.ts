/** Routes that answer pages: what links in mails open, and the mailbox of development. None of them changes anything. */
import { mailboxPage } from '../../pages/mailbox.js';
import { notMePage, resetPasswordPage, verifyEmailPage, type Page } from '../../pages/link-pages.js';
import type { Mailbox } from '../../mail/mailbox.js';
import type { Exchange } from '../exchange.js';
import type { Answer } from '../message.js';

/** Mail scanners open links: the token is in the fragment, which they do not send, and it takes a press of the button to use it. */
export function answerVerifyEmailPage(exchange: Exchange<null, object>): Answer {
  return pageAnswer(verifyEmailPage(exchange.core.config.publicUrl.hostname));
}

export function answerResetPasswordPage({ core }: Exchange<null, object>): Answer {
  return pageAnswer(resetPasswordPage(core.config.publicUrl.hostname, core.config.passwords.minLength));
}

export function answerNotMePage(exchange: Exchange<null, object>): Answer {
  return pageAnswer(notMePage(exchange.core.config.publicUrl.hostname));
}

export function answerDevelopmentMails({ who }: Exchange<Mailbox, object>): Answer {
  return pageAnswer(mailboxPage(who.mails));
}

function pageAnswer(page: Page): Answer {
  return { status: 200, page };
}
