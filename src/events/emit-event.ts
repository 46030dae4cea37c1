/** Tells the application, the log and the record what happened, after the commit. */
import type { Clock, Logger } from '../model/app-types.js';
import type { AuthEvent, AuthEventType } from '../model/auth-event.js';

export interface EventFacts extends Omit<AuthEvent, 'type' | 'at'> {
  /** From where it was done: for the record only, and neither logged nor told. */
  readonly address?: string;
}
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
  /** Keeps it. */
  readonly record: (event: AuthEvent, address: string | undefined) => void;
  readonly onEvent: ((event: AuthEvent) => void | Promise<void>) | undefined;
}

/** The hook never delays an answer, and what it throws goes to the log only. */
export function createEmitter({ clock, logger, record, onEvent }: EventSinks): EmitEvent {
  return (type, { address, ...facts } = {}) => {
    const event: AuthEvent = Object.freeze({ type, at: new Date(clock.now()), ...facts });
    logger[suspicious.has(type) ? 'warn' : 'info']({ event: type, ...facts }, 'security event');
    record(event, address);
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
