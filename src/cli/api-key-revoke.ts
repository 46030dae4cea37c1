/** `countersign api-key revoke` */
import { revokeApiKey } from '../flows/manage-api-keys.js';
import { parseApiKey } from '../tokens/api-key.js';
import { jsonOption, operand, RefusedError, report, type Command } from './command.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'api-key revoke KEY [--json]',
  about: `Revokes an API key for good. KEY is its id (key_…), or the secret itself (csk_…) as somebody found it.
Servers that run refuse it, and the tokens made from it, within a second.`,
  options: jsonOption,
  operands: { least: 1, most: 1 },
  async run(invocation) {
    const id = parseApiKey(operand(invocation))?.id ?? operand(invocation);
    await withCore(async (core) => {
      if (!(await revokeApiKey(core, id))) throw new RefusedError('There is no such API key, or it is revoked already.');
      report(invocation, { id }, `${id} is revoked.`);
    });
  },
};
