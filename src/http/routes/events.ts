/** Routes about what happened: to one's own account, and to all for administrators. */
import { listEvents, listOwnEvents } from '../../flows/list-events.js';
import type { Principal } from '../../model/app-types.js';
import { eventListQuery, pageQuery } from '../../protocol/bodies.js';
import type { AdminEventDocument, EventDocument, ListDocument } from '../../protocol/documents.js';
import { adminEventDocument, eventDocument } from '../documents.js';
import type { Exchange } from '../exchange.js';
import { ok, type Answer } from '../message.js';
import { readQuery } from '../read-body.js';

export async function answerListOwnEvents({ core, who, query }: Exchange<Principal, object>): Promise<Answer> {
  const { items, nextCursor } = await listOwnEvents(core, who.userId, readQuery(pageQuery, query));
  return ok({ items: items.map(eventDocument), nextCursor } satisfies ListDocument<EventDocument>);
}

export async function answerListEvents({ core, query }: Exchange<Principal, object>): Promise<Answer> {
  const { items, nextCursor } = await listEvents(core, readQuery(eventListQuery, query));
  return ok({ items: items.map(adminEventDocument), nextCursor } satisfies ListDocument<AdminEventDocument>);
}
