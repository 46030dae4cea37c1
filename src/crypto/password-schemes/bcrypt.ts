/** bcrypt in its modular crypt format, `$2a$`, `$2b$` and `$2y$`, which are one and the same for well-formed text. */
import { createRequire } from 'node:module';
import { excessive, malformed, type PasswordScheme } from './scheme.js';

/** Loaded when the first hash is met: most applications never meet one. */
const require = createRequire(import.meta.url);
const library = (): typeof import('bcryptjs') => require('bcryptjs') as typeof import('bcryptjs');

/** About a second of one thread. */
const greatestCost = 14;
const format = /^\$2[aby]\$(0[4-9]|[1-3]\d)\$[./A-Za-z0-9]{53}$/;

export const bcrypt: PasswordScheme = {
  name: 'bcrypt',
  recognizes: (hash) => /^\$2[aby]\$/.test(hash),
  problem(hash) {
    const cost = Number(format.exec(hash)?.[1] ?? NaN);
    if (Number.isNaN(cost)) return malformed('bcrypt');
    return excessive('bcrypt', cost > greatestCost ? `of cost ${cost}, and at most ${greatestCost} is taken` : null);
  },
  costOf: (hash) => `bcrypt ${hash.slice(4, 6)}`,
  verify(hash, password) {
    const isSame = library().compareSync(password, hash);
    // bcrypt is blind beyond 72 bytes, and some forms of it beyond NUL: two different passwords would both be right.
    return isSame && Buffer.byteLength(password) <= 72 && !password.includes('\0');
  },
};
