/** Routes about sessions: the current one, the list of devices, ending them. */
import { readAccount } from '../../flows/account.js';
import { endOtherSessions, endOwnSession, listSessions } from '../../flows/manage-sessions.js';
import type { Principal } from '../../model/app-types.js';
import type { SessionAndUser } from '../../model/store.js';
import { isLive } from '../../policy/replay.js';
import type { CurrentSessionDocument } from '../../protocol/documents.js';
import { issueCsrfToken } from '../../tokens/csrf-token.js';
import { constantTimeEqual } from '../../crypto/digest.js';
import { verifyRefreshToken } from '../../tokens/refresh-token.js';
import { sessionDocument, userDocument } from '../documents.js';
import type { Arrival, Exchange } from '../exchange.js';
import { refreshCookie } from '../guards.js';
import { ok, type Answer } from '../message.js';

const guest: CurrentSessionDocument = { user: null, session: null };

/** Never a refusal for a guest, so that a page can ask without a red line in the browser's console. */
export async function answerCurrentSession(exchange: Exchange<Principal | null, object>): Promise<Answer> {
  const { core, who: principal } = exchange;
  if (!principal) return ok(await refreshableSession(exchange));
  const found = await core.store.sessions.find(principal.sessionId);
  if (!found || !isLive(found)) return ok(await refreshableSession(exchange));
  const document: CurrentSessionDocument = {
    user: userDocument(found.user),
    session: sessionDocument(found.session, principal.sessionId),
    ...(found.session.delivery === 'bearer' ? {} : { csrfToken: issueCsrfToken(core.secrets, found.session.id) }),
  };
  return ok(document);
}

/** With a genuine refresh cookie of a live session: that it can be refreshed, and the CSRF token for doing so. */
async function refreshableSession(arrival: Arrival): Promise<CurrentSessionDocument> {
  const { core } = arrival;
  const cookie = refreshCookie(arrival);
  const verdict = cookie === undefined ? null : verifyRefreshToken(core.secrets, cookie);
  if (!verdict?.ok) return guest;
  const found: SessionAndUser | null = await core.store.sessions.find(verdict.content.sessionId);
  const isGenuine = found !== null && isLive(found) && constantTimeEqual(found.session.secretDigest, verdict.content.secretDigest);
  return isGenuine ? { ...guest, refreshable: true, csrfToken: issueCsrfToken(core.secrets, found.session.id) } : guest;
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

/** The user behind a verified token, from the store. */
export async function answerReadAccount({ core, who }: Exchange<Principal, object>): Promise<Answer> {
  return ok({ user: userDocument(await readAccount(core, who)) });
}
