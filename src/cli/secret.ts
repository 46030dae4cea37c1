/** `countersign secret` */
import { newSecret } from '../crypto/master-secret.js';
import { print, type Command } from './command.js';

export const command: Command = {
  usage: 'secret',
  about: `Prints a new master secret, 32 random bytes, fit for COUNTERSIGN_SECRET. Nothing is kept or changed.

To change the secret without logging anyone out, put the new one before the old one:
  COUNTERSIGN_SECRET=NEW,OLD`,
  options: {},
  operands: { least: 0, most: 0 },
  async run() {
    print(newSecret());
  },
};
