/** The table of routes: every path of ours, who may use it, and what its body looks like. */
import {
  adminUpdateUserBody,
  changeEmailBody,
  changePasswordBody,
  clientTokenBody,
  confirmTotpBody,
  forgotPasswordBody,
  loginBody,
  loginMfaBody,
  newApiKeyBody,
  noBody,
  notMeBody,
  reauthenticateBody,
  refreshTokenBody,
  resetPasswordBody,
  rotateApiKeyBody,
  setRolesBody,
  updateProfileBody,
  verifyEmailBody,
} from '../protocol/bodies.js';
import { mailPaths } from '../protocol/names.js';
import { revocationsPath } from '../protocol/revocation-events.js';
import { route, type AnyRoute } from './exchange.js';
import {
  admin,
  adminWrite,
  anyone,
  client,
  developer,
  readsRevocations,
  sensitive,
  signedIn,
  signedInLive,
  signedInOrGuest,
} from './guards.js';
import {
  answerClientToken,
  answerCreateOwnApiKey,
  answerCreateServiceApiKey,
  answerListApiKeys,
  answerListOwnApiKeys,
  answerRevokeApiKey,
  answerRevokeOwnApiKey,
  answerRotateOwnApiKey,
} from './routes/api-keys.js';
import {
  answerAskForEmailChange,
  answerAskForReset,
  answerAskForVerification,
  answerDisown,
  answerResetPassword,
  answerVerifyEmail,
} from './routes/mail.js';
import { answerListEvents, answerListOwnEvents } from './routes/events.js';
import { answerDevelopmentMails, answerNotMePage, answerResetPasswordPage, answerVerifyEmailPage } from './routes/pages.js';
import { answerCurrentSession, answerEndOtherSessions, answerEndSession, answerListSessions } from './routes/sessions.js';
import {
  answerChangePassword,
  answerLogin,
  answerLogout,
  answerReauthenticate,
  answerRefresh,
  answerRegister,
  registerBodyFor,
} from './routes/sign-in.js';
import {
  answerDeleteAccount,
  answerDeleteUser,
  answerEndSessionsOfUser,
  answerGetUser,
  answerListUsers,
  answerReadAccount,
  answerSetRoles,
  answerUpdateAccount,
  answerUpdateUser,
} from './routes/users.js';
import { answerJwks, answerMetadata, answerRevocations } from './routes/well-known.js';

/** Loaded by those who have one. */
const secondFactors = (): Promise<typeof import('./routes/second-factors.js')> => import('./routes/second-factors.js');

export const routes: readonly AnyRoute[] = [
  route({ method: 'POST', path: '/auth/register', guard: anyone, body: registerBodyFor, ignoresBearer: true, answer: answerRegister }),
  route({ method: 'POST', path: '/auth/login', guard: anyone, body: loginBody, ignoresBearer: true, answer: answerLogin }),
  route({
    method: 'POST',
    path: '/auth/login/mfa',
    guard: anyone,
    body: loginMfaBody,
    ignoresBearer: true,
    answer: async (exchange) => (await secondFactors()).answerLoginMfa(exchange),
  }),
  route({
    method: 'POST',
    path: '/auth/refresh',
    guard: anyone,
    body: refreshTokenBody,
    ignoresBearer: true,
    limitsItself: true,
    answer: answerRefresh,
  }),
  route({ method: 'POST', path: '/auth/logout', guard: anyone, body: refreshTokenBody, ignoresBearer: true, answer: answerLogout }),
  route({ method: 'POST', path: '/auth/reauthenticate', guard: signedInLive, body: reauthenticateBody, answer: answerReauthenticate }),
  route({ method: 'POST', path: '/auth/password', guard: sensitive, body: changePasswordBody, answer: answerChangePassword }),
  route({
    method: 'POST',
    path: '/auth/mfa/totp',
    guard: sensitive,
    body: noBody,
    answer: async (exchange) => (await secondFactors()).answerBeginTotp(exchange),
  }),
  route({
    method: 'POST',
    path: '/auth/mfa/totp/confirm',
    guard: sensitive,
    body: confirmTotpBody,
    answer: async (exchange) => (await secondFactors()).answerConfirmTotp(exchange),
  }),
  route({
    method: 'DELETE',
    path: '/auth/mfa/totp',
    guard: sensitive,
    body: noBody,
    answer: async (exchange) => (await secondFactors()).answerRemoveTotp(exchange),
  }),
  route({
    method: 'POST',
    path: '/auth/mfa/recovery-codes',
    guard: sensitive,
    body: noBody,
    answer: async (exchange) => (await secondFactors()).answerRenewRecoveryCodes(exchange),
  }),
  route({ method: 'GET', path: mailPaths.verifyEmail, guard: anyone, body: noBody, answer: answerVerifyEmailPage }),
  route({ method: 'POST', path: mailPaths.verifyEmail, guard: anyone, body: verifyEmailBody, answer: answerVerifyEmail }),
  route({ method: 'POST', path: '/auth/email/verification', guard: signedInLive, body: noBody, answer: answerAskForVerification }),
  route({ method: 'POST', path: '/auth/email', guard: sensitive, body: changeEmailBody, answer: answerAskForEmailChange }),
  route({
    method: 'POST',
    path: '/auth/password/forgot',
    guard: anyone,
    body: forgotPasswordBody,
    ignoresBearer: true,
    answer: answerAskForReset,
  }),
  route({ method: 'GET', path: mailPaths.resetPassword, guard: anyone, body: noBody, answer: answerResetPasswordPage }),
  route({
    method: 'POST',
    path: mailPaths.resetPassword,
    guard: anyone,
    body: resetPasswordBody,
    ignoresBearer: true,
    answer: answerResetPassword,
  }),
  route({ method: 'GET', path: mailPaths.notMe, guard: anyone, body: noBody, answer: answerNotMePage }),
  route({ method: 'POST', path: mailPaths.notMe, guard: anyone, body: notMeBody, ignoresBearer: true, answer: answerDisown }),
  route({ method: 'GET', path: '/auth/development/mails', guard: developer, body: noBody, answer: answerDevelopmentMails }),

  route({ method: 'GET', path: '/auth/session', guard: signedInOrGuest, body: noBody, answer: answerCurrentSession }),
  route({ method: 'GET', path: '/auth/sessions', guard: signedIn, body: noBody, answer: answerListSessions }),
  route({ method: 'DELETE', path: '/auth/sessions', guard: signedIn, body: noBody, answer: answerEndOtherSessions }),
  route({ method: 'DELETE', path: '/auth/sessions/{id}', guard: signedIn, body: noBody, answer: answerEndSession }),

  route({ method: 'GET', path: '/auth/events', guard: signedIn, body: noBody, answer: answerListOwnEvents }),

  route({ method: 'GET', path: '/auth/api-keys', guard: signedIn, body: noBody, answer: answerListOwnApiKeys }),
  route({ method: 'POST', path: '/auth/api-keys', guard: sensitive, body: newApiKeyBody, answer: answerCreateOwnApiKey }),
  route({ method: 'POST', path: '/auth/api-keys/{id}/rotate', guard: sensitive, body: rotateApiKeyBody, answer: answerRotateOwnApiKey }),
  route({ method: 'DELETE', path: '/auth/api-keys/{id}', guard: sensitive, body: noBody, answer: answerRevokeOwnApiKey }),
  route({
    method: 'POST',
    path: '/auth/token',
    guard: client,
    body: clientTokenBody,
    acceptsForm: true,
    speaksOAuth: true,
    answer: answerClientToken,
  }),

  route({ method: 'GET', path: '/users/me', guard: signedIn, body: noBody, answer: answerReadAccount }),
  route({ method: 'PATCH', path: '/users/me', guard: signedIn, body: updateProfileBody, answer: answerUpdateAccount }),
  route({ method: 'DELETE', path: '/users/me', guard: sensitive, body: noBody, answer: answerDeleteAccount }),

  route({ method: 'GET', path: '/admin/users', guard: admin, body: noBody, answer: answerListUsers }),
  route({ method: 'GET', path: '/admin/users/{id}', guard: admin, body: noBody, answer: answerGetUser }),
  route({ method: 'PATCH', path: '/admin/users/{id}', guard: adminWrite, body: adminUpdateUserBody, answer: answerUpdateUser }),
  route({ method: 'DELETE', path: '/admin/users/{id}', guard: adminWrite, body: noBody, answer: answerDeleteUser }),
  route({ method: 'PUT', path: '/admin/users/{id}/roles', guard: adminWrite, body: setRolesBody, answer: answerSetRoles }),
  route({ method: 'DELETE', path: '/admin/users/{id}/sessions', guard: adminWrite, body: noBody, answer: answerEndSessionsOfUser }),

  route({ method: 'GET', path: '/admin/events', guard: admin, body: noBody, answer: answerListEvents }),

  route({ method: 'GET', path: '/admin/api-keys', guard: admin, body: noBody, answer: answerListApiKeys }),
  route({ method: 'POST', path: '/admin/users/{id}/api-keys', guard: adminWrite, body: newApiKeyBody, answer: answerCreateServiceApiKey }),
  route({ method: 'DELETE', path: '/admin/api-keys/{id}', guard: adminWrite, body: noBody, answer: answerRevokeApiKey }),

  route({ method: 'GET', path: '/.well-known/jwks.json', guard: anyone, body: noBody, isPublic: true, answer: answerJwks }),
  route({ method: 'GET', path: '/.well-known/countersign', guard: anyone, body: noBody, isPublic: true, answer: answerMetadata }),
  route({ method: 'GET', path: revocationsPath, guard: readsRevocations, body: noBody, limitsItself: true, answer: answerRevocations }),
];
