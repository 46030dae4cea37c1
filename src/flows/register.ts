/** Registers a user who comes by himself. */
import { AuthError } from '../errors.js';
import type { UserRecord } from '../model/store.js';
import type { FlowContext } from './context.js';
import { createNewUser, type NewUserInput } from './new-user.js';

/**
 * With a user name: a taken one is refused, a taken e-mail address is not told; the new user then cannot sign in by it until he proves that it
 * is his. By e-mail alone (`emailVerification: 'optional'`): a taken address is refused, which tells a stranger that it has an account.
 * @throws {AuthError} `not_found` when registration is closed, `invalid_request`, `username_taken`, `conflict`, `overloaded`.
 */
export async function register(context: FlowContext, input: NewUserInput & { readonly password: string }): Promise<UserRecord> {
  if (context.config.registration === 'closed') throw new AuthError('not_found', { reason: 'registration is closed' });
  const user = await createNewUser(context, input, {
    roles: [context.config.defaultRole],
    emailVerified: false,
    onEmailTaken: input.username === undefined ? 'refuse' : 'yield',
    before: (checked) => context.beforeRegister(checked),
  });
  context.emit('user.registered', { userId: user.id });
  return user;
}
