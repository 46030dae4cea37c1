/** `countersign serve` */
import { serve } from '../server/serve.js';
import type { Command } from './command.js';

export const command: Command = {
  usage: 'serve',
  about: `Runs the stand-alone server until it is stopped (Ctrl-C or SIGTERM); running requests are finished first.
Without any setting it listens on http://localhost:4000 and keeps its data in ./data.

Prints what is wrong with the settings, all of it at once, and ends with 1.`,
  options: {},
  operands: { least: 0, most: 0 },
  run: serve,
};
