/** `countersign keys list` */
import { jsonOption, report, type Command } from './command.js';
import { keyDocuments, keyTable } from './list-keys.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'keys list [--json]',
  about: `Lists the signing keys, oldest first.

  next           published, does not sign yet
  signing        signs now
  verifying      has stopped signing; tokens of it may be alive
  expired        no token of it can be alive
  compromised    every token of it is refused`,
  options: jsonOption,
  operands: { least: 0, most: 0 },
  async run(invocation) {
    await withCore(async (core) => {
      const items = await keyDocuments(core);
      report(invocation, { items }, keyTable(items));
    });
  },
};
