/** Forgotten passwords and e-mail addresses: what causes a mail, and what its link or code is given back to. */
import { resultOf } from './answers.js';
import type { AuthClient, MailResult } from './client-types.js';
import type { ServerRoutes } from './server-routes.js';
import type { SignedInCall } from './signed-in-call.js';

export interface MailMethodOptions {
  readonly routes: ServerRoutes;
  readonly callSignedIn: SignedInCall;
  /** After what changes the user or ends his sessions. */
  readonly reload: () => Promise<unknown>;
}

export function mailMethods({
  routes,
  callSignedIn,
  reload,
}: MailMethodOptions): Pick<AuthClient, 'forgotPassword' | 'resetPassword' | 'sendVerification' | 'verifyEmail' | 'changeEmail'> {
  const afterwardsReload = async (response: Response): Promise<MailResult> => {
    // What was done is done, whether or not the network lasts for one more question.
    if (response.ok) await reload().catch(() => undefined);
    return resultOf(response);
  };
  return {
    forgotPassword: async (input) => resultOf(await routes.post('password/forgot', input)),
    resetPassword: async (input) => afterwardsReload(await routes.post('password/reset', input)),
    sendVerification: async () => resultOf(await callSignedIn('POST', 'email/verification')),
    verifyEmail: async (input) =>
      afterwardsReload(await ('code' in input ? callSignedIn('POST', 'email/verify', input) : routes.post('email/verify', input))),
    changeEmail: async (input) => resultOf(await callSignedIn('POST', 'email', input)),
  };
}
