/** Checks options that concern mail: whether it can be sent at all, what depends on that, and where links lead. */
import type { AppTypes } from '../model/app-types.js';
import type { AuthConfig, MailLinks } from '../model/config.js';
import type { AuthOptions, LinkOptions } from '../model/options.js';
import { mailPaths } from '../protocol/names.js';
import type { OptionProblems } from './option-problems.js';
import { isLoopback } from './resolve-origins.js';

/** Never a mailbox where others could look into it. */
export function resolveMail<App extends AppTypes>(
  { sendMail, composeMail }: AuthOptions<App>,
  development: boolean,
  problems: OptionProblems,
): AuthConfig['mail'] {
  for (const [path, value] of Object.entries({ sendMail, composeMail }))
    if (value !== undefined && typeof value !== 'function') problems.add(path, 'must be a function.');
  if (sendMail !== undefined) return 'transport';
  return development ? 'mailbox' : 'none';
}

export function resolveUnverified<App extends AppTypes>(
  { unverifiedAccounts }: AuthOptions<App>,
  mail: AuthConfig['mail'],
  problems: OptionProblems,
): AuthConfig['unverifiedAccounts'] {
  if (unverifiedAccounts === 'refuse' && mail === 'none')
    problems.add('unverifiedAccounts', 'nobody could prove an address without mail: set sendMail, or leave it out.');
  return problems.oneOf('unverifiedAccounts', unverifiedAccounts, ['allow', 'refuse']);
}

/** Of an application's own page, or of ours. */
export function resolveLinks(given: LinkOptions, root: string, problems: OptionProblems): MailLinks {
  const link = (name: keyof LinkOptions, ours: string): string => {
    const page = given[name];
    if (page === undefined) return root + ours;
    const url = URL.canParse(page) ? new URL(page) : null;
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
    if (!isSafe || page.includes('#')) problems.add(`links.${name}`, 'must be an absolute https URL without a fragment.');
    return page;
  };
  return {
    verifyEmail: link('verifyEmail', mailPaths.verifyEmail),
    resetPassword: link('resetPassword', mailPaths.resetPassword),
    notMe: link('notMe', mailPaths.notMe),
  };
}
