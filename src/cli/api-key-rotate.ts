/** `countersign api-key rotate` */
import { defaultOverlapSeconds, rotateApiKey } from '../flows/manage-api-keys.js';
import { parseDuration } from '../policy/durations.js';
import { jsonOption, minute, operand, textOption, UsageError, type Command } from './command.js';
import { reportSecret } from './show-api-key.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'api-key rotate KEY [--overlap TIME] [--json]',
  about: `Gives an API key (by its id, key_…) a new secret, which lives as long as the last one would have from its beginning. The old secret is
accepted for a while, so that the program can be given the new one. A secret that got out is revoked instead.

  --overlap TIME    for how long, from 1m to 7d; 24h without it`,
  options: { overlap: { type: 'string' }, ...jsonOption },
  operands: { least: 1, most: 1 },
  async run(invocation) {
    const text = textOption(invocation, 'overlap');
    const overlapSeconds = text === undefined ? defaultOverlapSeconds : parseDuration(text);
    if (overlapSeconds === null) throw new UsageError('--overlap must be a time such as 24h.');
    await withCore(async (core) => {
      const issued = await rotateApiKey(core, operand(invocation), { overlapSeconds });
      const until = issued.key.previousUntil === null ? '' : ` The old secret is accepted until ${minute(issued.key.previousUntil)} (UTC).`;
      reportSecret(invocation, issued, `${issued.key.id} has a new secret.${until}`);
    });
  },
};
