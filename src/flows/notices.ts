/** Tells a user what has happened to his account, by the address that he has proved: an unproved one may be a stranger's. */
import type { Notice } from '../mail/payloads.js';
import type { Outgoing, UserRecord } from '../model/store.js';
import type { FlowContext } from './context.js';

/** To be written with what has happened. */
export function noticeRows(
  { postbox }: FlowContext,
  notice: Notice,
  user: Pick<UserRecord, 'id' | 'email' | 'emailVerified'> | null,
): Outgoing {
  if (user === null || user.email === null || !user.emailVerified || !postbox.isSetUp) return [];
  return postbox.rows({ kind: 'notice_due', notice, userId: user.id, to: user.email, locale: null });
}
