/** `countersign export` */
import { once } from 'node:events';
import { exportUsers } from '../flows/export-users.js';
import type { Command } from './command.js';
import { withCore } from './with-core.js';

export const command: Command = {
  usage: 'export',
  about: `Prints all users with their password hashes, as one JSON object on each line: what \`countersign import\` takes. Servers may run
meanwhile. Sessions, API keys and second factors are not in it; moving a whole installation is \`countersign migrate-store\`.

Keep it as you keep the database: redirect it into a file that only you can read.`,
  options: {},
  operands: { least: 0, most: 0 },
  async run() {
    const { stdout } = process;
    await withCore(async ({ store }) => {
      let count = 0;
      let withFactor = 0;
      for await (const { line, hasSecondFactor } of exportUsers(store)) {
        count += 1;
        if (hasSecondFactor) withFactor += 1;
        if (!stdout.write(`${line}\n`)) await once(stdout, 'drain');
      }
      process.stderr.write(`${count === 1 ? '1 user' : `${count} users`} exported.\n`);
      if (withFactor > 0)
        process.stderr.write(
          `${withFactor} of them must prove a second factor here. Elsewhere the password alone will do, until they set one up.\n`,
        );
    });
  },
};
