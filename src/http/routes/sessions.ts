/** Routes about sessions: the current one, the list of devices, ending them. */
import { currentSession, type CurrentSession } from '../../flows/current-session.js';
import { endOtherSessions, endOwnSession, listSessions } from '../../flows/manage-sessions.js';
import type { Principal } from '../../model/app-types.js';
import type { CurrentSessionDocument } from '../../protocol/documents.js';
import { issueCsrfToken } from '../../tokens/csrf-token.js';
import { sessionDocument, userDocument } from '../documents.js';
import type { Arrival, Exchange } from '../exchange.js';
import { ok, type Answer } from '../message.js';
import { refreshCookie } from '../refresh-credential.js';

/** For a guest an answer, not a refusal, so that a page can ask without a red line in the browser's console. */
export async function answerCurrentSession(exchange: Exchange<Principal | null, object>): Promise<Answer> {
  const { core, who } = exchange;
  const current = await currentSession(core, who, refreshCookie(exchange));
  return ok(currentSessionDocument(core, current));
}

function currentSessionDocument({ secrets }: Arrival['core'], current: CurrentSession): CurrentSessionDocument {
  if (current.status === 'guest') return { user: null, session: null };
  const { user, session } = current.live;
  const csrf = session.delivery === 'bearer' ? {} : { csrfToken: issueCsrfToken(secrets, session.id) };
  if (current.status === 'refreshable') return { user: null, session: null, refreshable: true, ...csrf };
  return { user: userDocument(user), session: sessionDocument(session, session.id), ...csrf };
}

export async function answerListSessions({ core, who }: Exchange<Principal, object>): Promise<Answer> {
  const sessions = await listSessions(core, who);
  return ok({ items: sessions.map((session) => sessionDocument(session, who.sessionId)), nextCursor: null });
}

export async function answerEndSession({ core, who, params }: Exchange<Principal, object>): Promise<Answer> {
  await endOwnSession(core, who, params['id'] ?? '');
  return ok({ message: 'The session has ended.' });
}

export async function answerEndOtherSessions({ core, who }: Exchange<Principal, object>): Promise<Answer> {
  const ended = await endOtherSessions(core, who);
  return ok({ message: 'All other sessions have ended.', ended });
}
