/** Tells the application and the log what happened, after the commit. */
import type { Clock, Logger } from '../model/app-types.js';
import type { AuthEvent, AuthEventType } from '../model/auth-event.js';

export type EventFacts = Omit<AuthEvent, 'type' | 'at'>;
export type EmitEvent = (type: AuthEventType, facts?: EventFacts) => void;

/** Somebody should look at these. */
const suspicious: ReadonlySet<AuthEventType> = new Set([
  'session.replayed',
  'session.late_double',
  'session.fast_forwarded',
  'password.hash_unusable',
  'user.disowned',
  'mail.failed',
]);

export interface EventSinks {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEvent: ((event: AuthEvent) => void | Promise<void>) | undefined;
}

/** The hook never delays an answer, and what it throws goes to the log only. */
export function createEmitter({ clock, logger, onEvent }: EventSinks): EmitEvent {
  return (type, facts = {}) => {
    const event: AuthEvent = Object.freeze({ type, at: new Date(clock.now()), ...facts });
    logger[suspicious.has(type) ? 'warn' : 'info']({ event: type, ...facts }, 'security event');
    if (!onEvent) return;
    queueMicrotask(() => {
      void callHook(event, onEvent, logger);
    });
  };
}

async function callHook(event: AuthEvent, onEvent: NonNullable<EventSinks['onEvent']>, logger: Logger): Promise<void> {
  try {
    await onEvent(event);
  } catch (error) {
    logger.error({ err: error, event: event.type }, 'onEvent threw');
  }
}
