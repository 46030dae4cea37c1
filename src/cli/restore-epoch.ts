/** `countersign restore-epoch` */
import { flag, jsonOption, RefusedError, report, type Command } from './command.js';
import { keyDocuments } from './list-keys.js';
import { confirm } from './read-password.js';
import { withCore } from './with-core.js';

const question = 'This ends every session of every user, revokes every API key and voids every access token. Go on?';

export const command: Command = {
  usage: 'restore-epoch [--yes] [--json]',
  about: `Call it after a backup of the database was put back, before the server starts: the backup does not know what was revoked
after it was taken. Ends every session of every user, revokes every API key, voids every signing key and makes a new one, and has
all readers of revocations start over. Everybody logs in again, and programs need new API keys.

  --yes    does not ask`,
  options: { yes: { type: 'boolean' }, ...jsonOption },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    if (!flag(invocation, 'yes') && !(await confirm(question))) throw new RefusedError('Nothing was changed.');
    await withCore(async (core) => {
      await core.store.restoreEpoch();
      core.emit('store.restored', { reason: 'by command' });
      // Finds the newest key compromised, and so adds one that signs at once.
      await core.keys.refresh();
      const key = (await keyDocuments(core)).find(({ state }) => state === 'signing');
      report(
        invocation,
        { signing: key?.kid ?? null },
        `Every session has ended, every API key is revoked. Key ${key?.kid ?? '-'} signs from now on.`,
      );
    });
  },
};
