/** `countersign session revoke` */
import { endSession } from '../flows/manage-sessions.js';
import { endAllSessions } from '../flows/manage-users.js';
import { jsonOption, RefusedError, report, textOption, UsageError, type Command } from './command.js';
import { namedUser, nameOf, withCore } from './with-core.js';

export const command: Command = {
  usage: 'session revoke (SESSION | --user USER) [--json]',
  about: `Ends one session, or with --user all sessions of a user (an id, a user name or an e-mail address).
Servers that run refuse its tokens within a second.`,
  options: { user: { type: 'string' }, ...jsonOption },
  operands: { least: 0, most: 1 },
  async run(invocation) {
    const [sessionId] = invocation.operands;
    const name = textOption(invocation, 'user');
    if ((sessionId === undefined) === (name === undefined)) throw new UsageError('Give the id of a session, or --user and whose to end.');
    await withCore(async (core) => {
      if (sessionId !== undefined) {
        if (!(await endSession(core, sessionId))) throw new RefusedError('There is no such session, or it has ended already.');
        report(invocation, { sessionId }, 'The session has ended.');
        return;
      }
      const user = await namedUser(core, name ?? '');
      await endAllSessions(core, user.id);
      report(invocation, { userId: user.id }, `All sessions of ${nameOf(user)} have ended.`);
    });
  },
};
