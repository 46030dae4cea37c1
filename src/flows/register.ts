/** Registers a user who comes by himself. */
import { formatId, newIdBytes } from '../crypto/random.js';
import { AuthError } from '../errors.js';
import type { UserRecord } from '../model/store.js';
import { queueUnlessTooMany, type Asking } from './ask-for-mail.js';
import type { FlowContext } from './context.js';
import { checkNewUser, createNewUser, type NewUserInput } from './new-user.js';
import { hashNewPassword } from './verify-password.js';

export type Registration = NewUserInput & { readonly password: string };

/**
 * With a user name: a taken one is refused, a taken e-mail address is not told; the new user then cannot sign in by it until he proves that it
 * is his. By e-mail alone: null, whether or not the address has an account; the user is made once the link in a mail is used. With
 * `emailVerification: 'optional'` he is made at once, and a taken address is refused, which tells a stranger that it has an account.
 * @throws {AuthError} `not_found` when registration is closed, `invalid_request`, `username_taken`, `conflict`, `overloaded`.
 */
export async function register(context: FlowContext, input: Registration, asking: Asking): Promise<UserRecord | null> {
  const { config } = context;
  if (config.registration === 'closed') throw new AuthError('not_found', { reason: 'registration is closed' });
  const isByEmailAlone = input.username === undefined;
  if (isByEmailAlone && config.emailVerification === 'required') {
    await registerByEmail(context, input, asking);
    return null;
  }
  const id = formatId('usr', newIdBytes(context.random, context.clock.now()));
  const user = await createNewUser(context, input, {
    id,
    roles: [config.defaultRole],
    emailVerified: false,
    onEmailTaken: isByEmailAlone ? 'refuse' : 'yield',
    before: (checked) => context.beforeRegister(checked),
    outgoing: async ({ email }) => {
      const mayBeSent = email !== null && context.postbox.isSetUp && (await asking.mails.takeFor(email.key)) === null;
      return mayBeSent ? context.postbox.rows({ kind: 'verification_asked', userId: id, locale: asking.locale }) : [];
    },
  });
  context.postbox.wake();
  context.emit('user.registered', { userId: user.id });
  return user;
}

/** What was given is kept, sealed, until the address is proved: an account that nobody proved to be his is never in anybody's way. */
async function registerByEmail(context: FlowContext, input: Registration, { locale, mails }: Asking): Promise<void> {
  const { email, profile } = await checkNewUser(context, input, (checked) => context.beforeRegister(checked));
  if (email === null) throw new AuthError('invalid_request', { fields: [{ path: 'email', code: 'required', message: 'is required' }] });
  const of = { username: null, email: email.value };
  const passwordHash = await hashNewPassword(context, { password: input.password, path: 'password', of });
  const asked = { kind: 'registration_asked', email: email.value, passwordHash, name: input.name ?? null, profile, locale } as const;
  await queueUnlessTooMany(context, asked, mails);
}
