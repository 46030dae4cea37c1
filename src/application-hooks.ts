/** The application's own functions among the options, called so that what they throw or return cannot do harm. */
import { AuthError, type FieldProblem } from './errors.js';
import type { AppTypes } from './model/app-types.js';
import type { AuthOptions } from './model/options.js';
import type { UserRecord } from './model/store.js';
import type { FlowContext } from './flows/context.js';
import { presentUser } from './flows/present.js';
import { standardText } from './mail/templates/standard-text.js';
import type { MailFacts, MailText } from './model/mail.js';

const maxClaimsBytes = 256;

export function applicationHooks<App extends AppTypes>(
  options: AuthOptions<App>,
): Pick<FlowContext, 'claimsOf' | 'parseProfile' | 'beforeRegister'> & { composeMail(facts: MailFacts): Promise<MailText> } {
  const { claims, parseProfile, beforeRegister, composeMail } = options;
  return {
    async claimsOf(user: UserRecord) {
      if (!claims) return undefined;
      const facts = await claims(presentUser<App>(user));
      if (Buffer.byteLength(JSON.stringify(facts)) > maxClaimsBytes) {
        throw new RangeError(`options.claims gave more than ${String(maxClaimsBytes)} bytes of JSON for user ${user.id}.`);
      }
      return facts as Readonly<Record<string, unknown>>;
    },
    parseProfile(input) {
      if (!parseProfile) {
        if (input === undefined) return {};
        throw new AuthError('invalid_request', { fields: [{ path: 'profile', code: 'unrecognized', message: 'is not known here' }] });
      }
      try {
        return parseProfile(input ?? {});
      } catch (error) {
        if (error instanceof AuthError) throw error;
        throw new AuthError('invalid_request', { cause: error, fields: profileProblems(error) });
      }
    },
    async beforeRegister(input) {
      await beforeRegister?.(input);
    },
    async composeMail(facts) {
      const standard = standardText(facts);
      const { subject, text, html } = (await composeMail?.(facts as MailFacts<App>, standard)) ?? standard;
      // Another line would be another header.
      return { subject: subject.replace(/[\r\n]+/g, ' '), text, html };
    },
  };
}

/** From what zod and its like throw; anything else is one problem of the whole profile. */
function profileProblems(error: unknown): FieldProblem[] {
  const issues: unknown = (error as { issues?: unknown } | null)?.issues;
  if (!Array.isArray(issues) || issues.length === 0) return [{ path: 'profile', code: 'invalid', message: 'is not valid' }];
  return (issues as { path?: unknown[]; message?: unknown }[]).map(({ path = [], message }) => ({
    path: ['profile', ...path.map(String)].join('.'),
    code: 'invalid',
    message: typeof message === 'string' ? message : 'is not valid',
  }));
}
