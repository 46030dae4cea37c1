/** Routes about users: one's own account, and the administration of all. */
import { deleteAccount, readAccount, updateAccount } from '../../flows/account.js';
import { deleteUser, endAllSessions, getUser, setRoles, updateUser } from '../../flows/manage-users.js';
import { listUsers } from '../../flows/list-users.js';
import type { Principal } from '../../model/app-types.js';
import type { LiveSession } from '../../model/store.js';
import { userListQuery, type AdminUpdateUserBody, type SetRolesBody, type UpdateProfileBody } from '../../protocol/bodies.js';
import type { AdminUserDocument, ListDocument, MessageDocument } from '../../protocol/documents.js';
import { adminUserDocument, userDocument } from '../documents.js';
import type { Exchange } from '../exchange.js';
import { ok, type Answer } from '../message.js';
import { readQuery } from '../read-body.js';
import { clearedCookies } from '../session-response.js';

export async function answerReadAccount({ core, who }: Exchange<Principal, object>): Promise<Answer> {
  return ok({ user: userDocument(await readAccount(core, who)) });
}

export async function answerUpdateAccount({ core, who, body }: Exchange<Principal, UpdateProfileBody>): Promise<Answer> {
  return ok({ user: userDocument(await updateAccount(core, who, body)) });
}

export async function answerDeleteAccount({ core, who }: Exchange<LiveSession, object>): Promise<Answer> {
  await deleteAccount(core, who);
  return ok(
    { message: 'The account is deleted.' } satisfies MessageDocument,
    who.session.delivery === 'bearer' ? [] : clearedCookies(core.config),
  );
}

export async function answerListUsers({ core, query }: Exchange<Principal, object>): Promise<Answer> {
  const { items, nextCursor } = await listUsers(core, readQuery(userListQuery, query));
  return ok({ items: items.map(adminUserDocument), nextCursor } satisfies ListDocument<AdminUserDocument>);
}

export async function answerGetUser({ core, params }: Exchange<Principal, object>): Promise<Answer> {
  return ok({ user: adminUserDocument(await getUser(core, params['id'] ?? '')) });
}

export async function answerUpdateUser({ core, who, params, body }: Exchange<LiveSession, AdminUpdateUserBody>): Promise<Answer> {
  const user = await updateUser(core, params['id'] ?? '', { ...body, actorId: who.user.id });
  return ok({ user: adminUserDocument(user) });
}

export async function answerSetRoles({ core, who, params, body }: Exchange<LiveSession, SetRolesBody>): Promise<Answer> {
  const user = await setRoles(core, params['id'] ?? '', { roles: body.roles, actorId: who.user.id });
  return ok({ user: adminUserDocument(user) });
}

export async function answerDeleteUser({ core, who, params }: Exchange<LiveSession, object>): Promise<Answer> {
  await deleteUser(core, params['id'] ?? '', { actorId: who.user.id });
  return ok({ message: 'The user is deleted.' } satisfies MessageDocument);
}

export async function answerEndSessionsOfUser({ core, who, params }: Exchange<LiveSession, object>): Promise<Answer> {
  await endAllSessions(core, params['id'] ?? '', { actorId: who.user.id });
  return ok({ message: 'All sessions of the user have ended.' } satisfies MessageDocument);
}
