/** Countersign for services that verify access tokens on their own, and know what was revoked: the issuer's URL in, principals out. */
export { createVerifier, type Verifier, type VerifierStatus } from './create-verifier.js';
export type { FetchGuard, FetchHandler, GuardedHandler } from './guard-fetch.js';
export type { InsecureVerifierOptions, VerifierOptions } from './verifier-options.js';
export { AuthError, ConfigError, type AuthErrorOptions, type ConfigProblem, type FieldProblem } from '../errors.js';
export type { ErrorCode } from '../protocol/error-codes.js';
export type { AccessRule, AppTypes, Clock, Duration, Logger, Principal, RequestLike, WebOrigin } from '../model/app-types.js';
