/** `countersign events verify` */
import { verifyEvents, type ChainReport } from '../flows/verify-events.js';
import { RefusedError, UsageError, jsonOption, report, textOption, type Command } from './command.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'events verify [--expect POSITION:HASH] [--json]',
  about: `Reads the whole record of events and proves that it is as it was written: exit code 1, and the first position that is not, when an
event was edited, removed, put in or moved, or a signature forged.

Whoever has the database and the master secret can write a new record that is sound in itself. So keep the head that this prints
somewhere else, and give it the next time:

  --expect POSITION:HASH    the record must still hold this event`,
  options: { expect: { type: 'string' }, ...jsonOption },
  operands: { least: 0, most: 0 },
  async run(invocation) {
    const expected = parseExpected(textOption(invocation, 'expect'));
    const result = await withCore((core) => verifyEvents(core.store.events, { signers: core.secrets, expected, onProgress: progress() }));
    report(invocation, documentOf(result), sentences(result));
    if (result.broken !== null) throw new RefusedError();
  },
};

function parseExpected(text: string | undefined): { readonly position: number; readonly hash: Buffer } | null {
  if (text === undefined) return null;
  const match = /^(0|[1-9]\d{0,14}):([0-9a-f]{64})$/i.exec(text);
  if (!match) throw new UsageError('--expect takes POSITION:HASH, as --json prints them of the head.');
  return { position: Number(match[1]), hash: Buffer.from(match[2] ?? '', 'hex') };
}

const saidEvery = 100_000;

/** On a terminal only, beside what is printed. */
function progress(): (so: { readonly events: number }) => void {
  let next = saidEvery;
  return ({ events }) => {
    if (!process.stderr.isTTY || events < next) return;
    next = events + saidEvery;
    process.stderr.write(`${events} events are as they were written …\n`);
  };
}

function documentOf({ start, position, hash, events, checkpoints, unknownCheckpoints, broken }: ChainReport): object {
  const head = { position, hash: Buffer.from(hash).toString('hex') };
  return { valid: broken === null, ...(broken === null ? { head } : { broken }), start, events, checkpoints, unknownCheckpoints };
}

function sentences({ start, position, hash, events, unknownCheckpoints, broken }: ChainReport): string {
  if (broken !== null) return `Position ${broken.position}: ${broken.why}. ${events} events before it are as they were written.`;
  return [
    `${events} events are as they were written.`,
    ...(start > 0 ? [`The record begins behind position ${start}; what was before it was removed for its age.`] : []),
    ...(unknownCheckpoints > 0 ? [`${unknownCheckpoints} checkpoints are signed under a master secret that is not known any more.`] : []),
    `Head: ${position}:${Buffer.from(hash).toString('hex')}`,
  ].join('\n');
}
