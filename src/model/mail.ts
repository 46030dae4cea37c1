/** Mails as an application meets them: what its own transport sends, and what its own texts are made of. */
import type { AppTypes } from './app-types.js';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** For the header of this name. The same when a mail is sent again because nobody knows whether it was: then the first is known by it. */
  readonly messageId: string;
}

/**
 * `verify_email`: an address is to be proved, also one that an account is to be changed to (`change_email`) or registered by (`register`).
 * `already_registered`: somebody wanted that for an address that has an account. The others tell what has happened.
 */
export type MailTemplate =
  | 'verify_email'
  | 'change_email'
  | 'register'
  | 'already_registered'
  | 'reset_password'
  | 'email_changed'
  | 'password_changed'
  | 'second_factor_changed'
  | 'session_replayed';

/** What a mail says, before it is put into words. */
export interface MailFacts<App extends AppTypes = AppTypes> {
  readonly template: MailTemplate;
  readonly to: string;
  /** What it is about opens here: a page with a button. Null where there is nothing to be done. */
  readonly link: string | null;
  /** What can be typed instead, where the person is signed in. */
  readonly code: string | null;
  /** For notices: ends all sessions, and has the password set anew. */
  readonly notMeLink: string | null;
  /** How long link and code are good for. */
  readonly validSeconds: number | null;
  /** Host name of the public URL, by which people know the service. */
  readonly service: string;
  /** Null where there is none yet, or nobody may know whose he is. */
  readonly user: {
    readonly id: string;
    readonly username: string | null;
    readonly name: string | null;
    readonly profile: App['profile'];
  } | null;
  /** The first language that the browser asked for which caused the mail (BCP 47); null: not known. */
  readonly locale: string | null;
}

export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export type SendMail = (mail: Mail) => Promise<void>;

/** Null or undefined: as `standard` has it. */
export type ComposeMail<App extends AppTypes = AppTypes> = (
  facts: MailFacts<App>,
  standard: MailText,
) => MailText | null | undefined | Promise<MailText | null | undefined>;
