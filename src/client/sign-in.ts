/** Registration, login, logout, and what replaces the session: each answer taken over into what this tab knows. */
import type { FactorDueDocument, SignedInDocument } from '../protocol/documents.js';
import { accepted, codeOf, refused, resultOf, retryAfterOf } from './answers.js';
import type { AuthClient, ClientUser, LoginValue, Result } from './client-types.js';
import type { KnownSession } from './known-session.js';
import { pause } from './refresher.js';
import type { ServerRoutes } from './server-routes.js';
import type { SignedInCall } from './signed-in-call.js';

export interface SignInOptions {
  readonly session: KnownSession;
  readonly routes: ServerRoutes;
  readonly callSignedIn: SignedInCall;
  readonly delivery: 'cookie' | 'memory';
}

const logoutAttempts = 3;
const longestWaitMilliseconds = 2000;

export function signInMethods({
  session,
  routes,
  callSignedIn,
  delivery,
}: SignInOptions): Pick<AuthClient, 'register' | 'login' | 'loginWithFactor' | 'logout' | 'reauthenticate' | 'changePassword'> {
  const takeOverOrGoOn = async (ask: () => Promise<Response>): Promise<Result<LoginValue>> => {
    const sentAt = Date.now();
    const response = await ask();
    if (!response.ok) return refused(response);
    const document = (await response.json()) as SignedInDocument | FactorDueDocument;
    if ('mfaRequired' in document) return accepted(document);
    session.signedIn(document, sentAt);
    return accepted({ user: document.user });
  };

  /** Of what is never answered by half. */
  const takeOver = takeOverOrGoOn as (ask: () => Promise<Response>) => Promise<Result<{ readonly user: ClientUser }>>;

  return {
    async register(input) {
      const result = await resultOf<{ readonly user?: ClientUser }>(await routes.post('register', input));
      return result.ok ? accepted({ user: result.value.user ?? null }) : result;
    },

    login: (input) => takeOverOrGoOn(() => routes.post('login', { ...input, delivery })),

    loginWithFactor: (input) => takeOver(() => routes.post('login/mfa', input)),

    async logout({ everywhere = false } = {}) {
      if (everywhere) {
        const others = await callSignedIn('DELETE', 'sessions');
        // 401: this one is over, so that there is nothing to end with it.
        if (!others.ok && others.status !== 401) return refused(others);
      }
      for (let attempt = 1; ; attempt += 1) {
        const response = await routes.post('logout');
        if (response.ok || response.status === 401) {
          session.signedOut();
          return accepted(null);
        }
        const passes = response.status >= 500 || (await codeOf(response)) === 'csrf_failed';
        if (!passes || attempt === logoutAttempts) return refused(response);
        await pause(Math.min(retryAfterOf(response) ?? 250, longestWaitMilliseconds));
        session.follow();
      }
    },

    reauthenticate: (input) => takeOver(() => callSignedIn('POST', 'reauthenticate', input)),

    /** Where the login was too long ago, the current password is the proof that is asked for; of two factors it is not enough. */
    async changePassword(input) {
      const change = (): Promise<Result<{ readonly user: ClientUser }>> => takeOver(() => callSignedIn('POST', 'password', input));
      const result = await change();
      const { state } = session;
      const hasTwo = state.status === 'authenticated' && state.user?.mfaEnabled === true;
      if (result.ok || result.code !== 'step_up_required' || hasTwo) return result;
      const proved = await takeOver(() => callSignedIn('POST', 'reauthenticate', { password: input.currentPassword }));
      return proved.ok ? change() : proved;
    },
  };
}
