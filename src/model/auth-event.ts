/** What happens to accounts and sessions. No event holds a secret. */

/** Every kind. A refresh is none: there would be one for each session every few minutes. */
export const authEventTypes = [
  'user.registered',
  'user.created',
  'user.deleted',
  'user.disabled',
  'user.enabled',
  'user.roles_changed',
  'login.succeeded',
  'login.failed',
  // The password was right, and a second factor is asked for.
  'login.factor_due',
  'session.ended',
  'session.all_ended',
  'session.replayed',
  'session.late_double',
  'session.fast_forwarded',
  'session.reauthenticated',
  'api_key.created',
  'api_key.rotated',
  'api_key.revoked',
  'password.changed',
  'password.hash_unusable',
  'factor.enabled',
  'factor.disabled',
  'factor.recovery_codes_replaced',
  'factor.recovery_code_used',
  'email.verified',
  'email.changed',
  'user.disowned',
  'mail.failed',
  'keys.rotated',
  'store.restored',
  // Of the record itself; these two are told to nobody else.
  'events.lost',
  'events.tampered',
] as const;

export type AuthEventType = (typeof authEventTypes)[number];

export interface AuthEvent {
  readonly type: AuthEventType;
  readonly at: Date;
  readonly userId?: string;
  /** Id of the session, or of the API key. */
  readonly sessionId?: string;
  /** Who did it, when that is not the user himself. */
  readonly actorId?: string;
  /** A word or two for people who look into it. */
  readonly reason?: string;
}
