/** Countersign: authentication for REST APIs, JSON Web Tokens in cookies. */
export {
  createAuth,
  type ApiKeys,
  type Auth,
  type IssuedApiKey,
  type Keys,
  type Revocations,
  type RevocationStatus,
  type Sessions,
  type Users,
} from './auth.js';
export type { Inspection } from './http/continue-session.js';
export { AuthError, ConfigError, type AuthErrorOptions, type ConfigProblem, type FieldProblem } from './errors.js';
export { developmentSecret, masterSecret, newSecret, type MasterSecret } from './crypto/master-secret.js';
export { optionsFromEnvironment } from './settings/auth-options.js';
export type { ErrorCode } from './protocol/error-codes.js';
export type {
  AccessRule,
  ApiKey,
  ApiKeyScope,
  AppTypes,
  Clock,
  Delivery,
  Duration,
  Jwks,
  Logger,
  NewApiKey,
  NewUser,
  Principal,
  RequestLike,
  Session,
  User,
  WebOrigin,
} from './model/app-types.js';
export type { AuthEvent, AuthEventType } from './model/auth-event.js';
export type { ComposeMail, Mail, MailFacts, MailTemplate, MailText, SendMail } from './model/mail.js';
export type { AuthOptions, CookieOptions, LinkOptions, RevocationOptions, SessionOptions, TokenOptions } from './model/options.js';
export type { PropagationFigures } from './revocation/propagation.js';
export type { SigningAlgorithm, Store } from './model/store.js';
