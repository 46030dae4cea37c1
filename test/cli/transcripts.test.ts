/** The command line, as one sees it: every transcript beside this file is typed, and must be answered as it says. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { runTranscript } from './transcript.js';

const transcripts = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.transcript'));

describe.concurrent('the transcript', () => {
  test.each(transcripts)('%s', { timeout: 240_000 }, async (file) => {
    const differences = await runTranscript(join(import.meta.dirname, file));
    if (differences.length === 0) return;
    const told = differences.map(({ at, expected, printed }) => `${at}\n--- expected\n${expected}\n--- printed\n${printed}`);
    throw new Error(told.join('\n\n'));
  });
});
