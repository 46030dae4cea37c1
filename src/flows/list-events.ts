/** Pages through what happened, the latest first. */
import { AuthError } from '../errors.js';
import { authEventTypes, type AuthEventType } from '../model/auth-event.js';
import type { EventQuery, EventRecord } from '../model/event-store.js';
import type { EventListQuery } from '../protocol/bodies.js';
import type { FlowContext } from './context.js';
import { readPage, writeCursor, type PageQuery } from './list-page.js';

/** What a user understands of his own account. */
const ownTypes: readonly AuthEventType[] = [
  'user.registered',
  'user.created',
  'user.enabled',
  'user.roles_changed',
  'user.disowned',
  'login.succeeded',
  'login.failed',
  'login.factor_due',
  'session.ended',
  'session.all_ended',
  'session.replayed',
  'session.reauthenticated',
  'api_key.created',
  'api_key.rotated',
  'api_key.revoked',
  'password.changed',
  'email.verified',
  'email.changed',
  'factor.enabled',
  'factor.disabled',
  'factor.recovery_codes_replaced',
  'factor.recovery_code_used',
];

export interface EventPage {
  readonly items: readonly EventRecord[];
  readonly nextCursor: string | null;
}

/** @throws {AuthError} `invalid_request` for a cursor that we did not give, or a kind that there is not. */
export function listEvents(context: FlowContext, { user, type, from = 0, to, ...page }: EventListQuery): Promise<EventPage> {
  if (type !== undefined && !authEventTypes.includes(type as AuthEventType)) {
    throw new AuthError('invalid_request', { fields: [{ path: 'type', code: 'invalid', message: 'is no kind of event' }] });
  }
  return pageOf(context, page, { userId: user ?? null, types: type === undefined ? null : [type], from }, to);
}

/** @throws {AuthError} `invalid_request` for a cursor that we did not give. */
export function listOwnEvents(context: FlowContext, userId: string, page: PageQuery): Promise<EventPage> {
  return pageOf(context, page, { userId, types: ownTypes, from: 0 });
}

async function pageOf(
  { store, secrets }: FlowContext,
  query: PageQuery,
  filter: Pick<EventQuery, 'userId' | 'types' | 'from'>,
  to: number = Number.MAX_SAFE_INTEGER,
): Promise<EventPage> {
  const { limit, after } = readPage(secrets, 'events', query);
  const before = after === null ? { at: to, position: 0 } : { at: after.createdAt, position: Number(after.id) };
  const items = await store.events.list({ ...filter, before, limit: limit + 1 });
  const shown = items.slice(0, limit);
  const last = items.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown,
    nextCursor: writeCursor(secrets, 'events', last === undefined ? null : { createdAt: last.at, id: String(last.position) }),
  };
}
