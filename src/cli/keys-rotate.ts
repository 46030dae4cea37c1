/** `countersign keys rotate` */
import { flag, jsonOption, report, type Command } from './command.js';
import { keyDocuments, keyTable } from './list-keys.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'keys rotate [--compromised] [--json]',
  about: `Publishes the next signing key. It signs six minutes later, once every cache of the key set has it; no valid token is refused.
While one is waiting already, no other is added.

  --compromised    a private key has got out: all present keys are void at once and a new one signs. Sessions live on:
                   their clients refresh and get tokens of the new key`,
  options: { compromised: { type: 'boolean' }, ...jsonOption },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const compromised = flag(invocation, 'compromised');
    await withCore(async (core) => {
      await core.keys.rotate({ compromised });
      const items = await keyDocuments(core);
      const said = compromised ? 'All keys so far are void; a new one signs.' : 'The next key is published.';
      report(invocation, { items }, `${said}\n\n${keyTable(items)}`);
    });
  },
};
