/** What each mail says, in English. */
import type { MailFacts, MailTemplate } from '../../model/mail.js';

export interface Words {
  readonly subject: string;
  readonly before: readonly string[];
  /** On the button; null: there is none. */
  readonly button: string | null;
  readonly after: readonly string[];
}

const ignore = 'If this was not you, there is nothing to do: without the link nothing happens.';

export function wordsOf(facts: MailFacts): Words {
  return writers[facts.template](facts);
}

const writers: Readonly<Record<MailTemplate, (facts: MailFacts) => Words>> = {
  verify_email: ({ service, user, validSeconds }) => ({
    subject: `Confirm your address for ${service}`,
    before: [`Please confirm that this address belongs to ${accountOf(user)} at ${service}.`],
    button: 'Confirm address',
    after: [`The link is good for ${timeOf(validSeconds)}. Confirm only if the account is yours.`, ignore],
  }),
  change_email: ({ service, user, validSeconds }) => ({
    subject: `Confirm your new address for ${service}`,
    before: [`Please confirm that this is to be the address of ${accountOf(user)} at ${service}. Other devices are signed out then.`],
    button: 'Confirm new address',
    after: [`The link is good for ${timeOf(validSeconds)}.`, ignore],
  }),
  register: ({ service, validSeconds }) => ({
    subject: `Complete your registration at ${service}`,
    before: [`Somebody, probably you, is registering at ${service} with this address. The account is made once you confirm.`],
    button: 'Complete registration',
    after: [`The link is good for ${timeOf(validSeconds)}.`, ignore],
  }),
  already_registered: ({ service }) => ({
    subject: `You already have an account at ${service}`,
    before: [
      `Somebody, probably you, wanted to use this address for an account at ${service}. It belongs to an account already, which has not changed.`,
      'If you have forgotten your password, ask for a new one on the login page.',
    ],
    button: null,
    after: ['If this was not you, there is nothing to do.'],
  }),
  reset_password: ({ service, validSeconds }) => ({
    subject: `Set a new password for ${service}`,
    before: [`Somebody, probably you, asked for a new password for your account at ${service}.`],
    button: 'Set a new password',
    after: [`The link is good for ${timeOf(validSeconds)}. All devices are signed out when the password is set.`, ignore],
  }),
  email_changed: ({ service, user }) => ({
    subject: `Your address at ${service} was changed`,
    before: [`Another address was set and confirmed for ${accountOf(user)} at ${service}. This one is not used for it any more.`],
    button: null,
    after: [],
  }),
  password_changed: ({ service, user }) => ({
    subject: `Your password at ${service} was changed`,
    before: [`The password of ${accountOf(user)} at ${service} was changed, and all other devices were signed out.`],
    button: null,
    after: [],
  }),
  second_factor_changed: ({ service, user }) => ({
    subject: `The second factor of your account at ${service} was changed`,
    before: [
      `What ${accountOf(user)} at ${service} is signed in to with besides the password was changed: an authenticator app was set up or removed, or new recovery codes were made.`,
    ],
    button: null,
    after: [],
  }),
  session_replayed: ({ service, user }) => ({
    subject: `A device was signed out of ${service} for safety`,
    before: [
      `A sign-in of ${accountOf(user)} at ${service} was used from two places, which happens when somebody has copied it. That device was signed out. Signing in again is safe.`,
    ],
    button: null,
    after: [],
  }),
};

/** Dots would let mail programs make a link of a name that a stranger has chosen. */
function accountOf(user: MailFacts['user']): string {
  const { username = null } = user ?? {};
  return username !== null && /^[\w-]+$/.test(username) ? `the account “${username}”` : 'your account';
}

function timeOf(seconds: number | null): string {
  const hours = Math.round((seconds ?? 0) / 3600);
  return hours === 1 ? 'one hour' : `${String(hours)} hours`;
}
