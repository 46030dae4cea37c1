/** Routes to get in, stay in and get out. */
import type { z } from 'zod';
import { findCookie, readBearer, readHeader } from '../../access/credentials.js';
import { whenSettled } from '../../access/pending-error.js';
import { AuthError } from '../../errors.js';
import { changePassword } from '../../flows/change-password.js';
import { findLogin, login } from '../../flows/login.js';
import type { SignedIn } from '../../flows/issue-tokens.js';
import { requireRefreshCookieOf } from '../../flows/live-session.js';
import { logout } from '../../flows/logout.js';
import { reauthenticate } from '../../flows/reauthenticate.js';
import { refresh, type PresentedToken } from '../../flows/refresh.js';
import { register } from '../../flows/register.js';
import type { LiveSession } from '../../model/store.js';
import { deviceName } from '../../policy/device-name.js';
import type { AuthConfig } from '../../model/config.js';
import {
  registerBody,
  type ChangePasswordBody,
  type LoginBody,
  type ReauthenticateBody,
  type RefreshTokenBody,
  type RegisterBody,
} from '../../protocol/bodies.js';
import type { FactorDueDocument } from '../../protocol/documents.js';
import { userDocument } from '../documents.js';
import type { Exchange } from '../exchange.js';
import { addressOf, attemptKey, limitAttempts, limitCodes, limitMails, limitRefresh, limitRequest } from '../limits.js';
import { preferredLocale } from '../preferred-locale.js';
import { presentedRefreshToken, refreshCookie, requireOwnPlace, sessionOfBrowser } from '../refresh-credential.js';
import { ok, type Answer } from '../message.js';
import { clearedCookies, loggedInAnswer, signedInAnswer } from '../session-response.js';

/** A user name is demanded unless people sign in by e-mail alone; see `emailVerification`. */
export function registerBodyFor({ identifiers, emailVerification, unverifiedAccounts, mail }: AuthConfig): z.ZodType<RegisterBody> {
  const byEmailAlone = identifiers.has('email') && (emailVerification === 'optional' || mail !== 'none');
  if (!identifiers.has('username')) return registerBody({ username: 'unknown', email: 'required' });
  return registerBody({
    username: byEmailAlone ? 'optional' : 'required',
    email: unverifiedAccounts === 'refuse' ? 'required' : 'optional',
  });
}

export async function answerRegister(exchange: Exchange<null, RegisterBody>): Promise<Answer> {
  const { core, body } = exchange;
  if (body.email !== undefined && core.postbox.isSetUp) await limitMails(exchange);
  const asking = { locale: preferredLocale(exchange.request.headers), mails: core.mails };
  const user = await limitAttempts(exchange, addressOf(exchange), () => register(core, body, asking));
  if (user === null) return { status: 202, document: { message: 'We have sent a mail to this address: it says how to go on.' } };
  return { status: 201, document: { user: userDocument(user), message: 'Registered. You can log in now.' } };
}

export async function answerLogin(exchange: Exchange<null, LoginBody>): Promise<Answer> {
  const { core, body, request } = exchange;
  const delivery = body.delivery ?? core.config.delivery;
  const countedFor = await attemptKey(exchange, body.identifier);
  // In the same turn as the place among the attempts, so that both are one errand to the database. Whoever finds no place learns nothing of it.
  const credential = findLogin(core, body.identifier);
  credential.catch(() => undefined);
  const result = await limitAttempts(exchange, countedFor, async () =>
    login(core, {
      credential: await credential,
      password: body.password,
      delivery,
      remember: body.remember,
      device: body.deviceName ?? deviceName(readHeader(request.headers, 'user-agent')),
      replaces: delivery === 'bearer' ? null : sessionOfBrowser(exchange),
    }),
  );
  if (result.outcome === 'signed_in') return loggedInAnswer(exchange, result.signedIn);
  const due: FactorDueDocument = { mfaRequired: true, ...result.due };
  return ok(due);
}

export async function answerRefresh(exchange: Exchange<null, RefreshTokenBody>): Promise<Answer> {
  const { core } = exchange;
  const presented = requireRefreshToken(exchange);
  limitRefresh(exchange, presented.content.sessionId);
  return signedInAnswer(core.config, await refresh(core, presented), core.clock.now());
}

/** What is none counts for the address that it came from. */
function requireRefreshToken(exchange: Exchange<null, RefreshTokenBody>): PresentedToken {
  try {
    const presented = presentedRefreshToken(exchange, exchange.body.refreshToken);
    if (presented) return presented;
  } catch (error) {
    limitRequest(exchange);
    throw error;
  }
  limitRequest(exchange);
  throw new AuthError('refresh_token_missing');
}

/** Whatever the session's state, its holder may leave. With nothing to leave, the browser is rid of its cookies all the same. */
export async function answerLogout(exchange: Exchange<null, RefreshTokenBody>): Promise<Answer> {
  const { core, body } = exchange;
  const sessionId = (await sessionOfRefreshToken(exchange)) ?? (await whenSettled(() => sessionOfAccessToken(exchange)));
  if (sessionId !== undefined) await logout(core, sessionId);
  return ok({ message: 'Logged out.' }, body.refreshToken === undefined ? clearedCookies(core.config) : []);
}

/** A refresh cookie that is none of ours is nothing to leave; one in a body is a program's mistake, which it should hear of. */
async function sessionOfRefreshToken(exchange: Exchange<null, RefreshTokenBody>): Promise<string | undefined> {
  const { refreshToken } = exchange.body;
  try {
    const presented = presentedRefreshToken(exchange, refreshToken);
    if (presented) await requireOwnPlace(exchange.core, presented);
    return presented?.content.sessionId;
  } catch (error) {
    if (refreshToken === undefined && error instanceof AuthError && error.code === 'refresh_token_invalid') return undefined;
    throw error;
  }
}

/** For whoever has no refresh token any more, or forgot to send it: says he is out only when he is. An API key is no session to leave. */
function sessionOfAccessToken({ core, request }: Exchange<null, RefreshTokenBody>): string | undefined {
  const hasBearer = readBearer(readHeader(request.headers, 'authorization')) !== undefined;
  const hasCookie = findCookie(readHeader(request.headers, 'cookie'), core.config.cookies.access.name) !== undefined;
  if (!hasBearer && !hasCookie) return undefined;
  try {
    return core.authenticator.authenticate(request, core.compile(evenIfStale)).sessionId;
  } catch (error) {
    if (error instanceof AuthError && error.status === 401) return undefined;
    throw error;
  }
}

/** Leaving must work while revocations cannot be read. */
const evenIfStale = { revocation: 'available' } as const;

export async function answerReauthenticate(exchange: Exchange<LiveSession, ReauthenticateBody>): Promise<Answer> {
  const { core, who, body } = exchange;
  // A code alone would make more of a copied access token than a session of the password's.
  if (body.method !== undefined) requireRefreshCookieOf(core, who.session, refreshCookie(exchange));
  const work = (): Promise<SignedIn> => reauthenticate(core, who, body);
  const signedIn = await (body.method === undefined
    ? limitAttempts(exchange, `session ${who.session.id}`, work)
    : limitCodes(exchange, { userId: who.user.id, method: body.method }, work));
  return signedInAnswer(core.config, signedIn, core.clock.now());
}

export async function answerChangePassword(exchange: Exchange<LiveSession, ChangePasswordBody>): Promise<Answer> {
  const { core, who, body } = exchange;
  const signedIn = await limitAttempts(exchange, `session ${who.session.id}`, () => changePassword(core, who, body));
  return signedInAnswer(core.config, signedIn, core.clock.now());
}
