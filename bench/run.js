/** `npm run bench [-- part …]`: ours, the peers and the physical limit, interleaved in one run; medians, spread and ratios. */
import { parseArgs } from 'node:util';
import { installPeers } from './install-peers.js';
import { describeRun } from './machine.js';
import { parts } from './parts.js';
import { endProgress, progressOf } from './progress.js';
import { recordResult, sections, writeResult } from './record.js';
import { Skipped } from './skipped.js';

const help = `npm run bench [-- part … [--rounds 7] [--quick] [--record]]
  --quick    short rounds on small data: whether everything works, no figures
  --record   puts the figures into bench/recorded.json, for docs/reference/performance.md
Parts, all of them without a name; "verify" is both that begin so:
${parts.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}`;

const options = readArguments();
const result = { run: describeRun(), parts: {} };
for (const part of options.chosen) {
  // One after the other: two measurements at once would measure each other.
  result.parts[part.name] = await measure(part);
  console.log(`${sections({ [part.name]: result.parts[part.name] }).join('\n\n')}\n`);
  console.log(`Written to ${writeResult(result)}\n`);
}
if (options.record) recordResult(result);

async function measure({ name, measure: work }) {
  const progress = progressOf(name);
  try {
    installPeers(progress);
    return { figures: await work({ rounds: options.rounds, quick: options.quick, progress }) };
  } catch (error) {
    if (error instanceof Skipped) return { skipped: error.message };
    throw error;
  } finally {
    endProgress();
  }
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) end(help, 0);
  const isMeant = (part, name) => part.name === name || part.name.startsWith(`${name}-`);
  const unknown = positionals.filter((name) => !parts.some((part) => isMeant(part, name)));
  if (unknown.length > 0) end(`There is no part "${unknown.join('", "')}".\n\n${help}`, 2);
  if (values.quick && values.record) end('What --quick measures is no figure: leave out --record.', 2);
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 7));
  if (!Number.isInteger(rounds) || rounds < 1) end('--rounds must be a number from 1.', 2);
  const chosen = positionals.length === 0 ? parts : parts.filter((part) => positionals.some((name) => isMeant(part, name)));
  return { chosen, rounds, quick: values.quick, record: values.record };
}

function end(text, code) {
  console.log(text);
  process.exit(code);
}
