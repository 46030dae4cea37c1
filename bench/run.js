/** `npm run bench [-- part …]`: ours beside the physical limit, interleaved in one run, medians. The peers follow. */
import { cpus } from 'node:os';
import { refresh, refreshOnPostgres } from './refresh.js';
import { revoke } from './revoke.js';
import { verify } from './verify.js';

const parts = { verify, refresh, 'refresh-postgres': refreshOnPostgres, revoke };
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`There is no part "${unknown.join('", "')}". Parts: ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
console.log(`Node ${process.version}, ${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown processor'}\n`);
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) await parts[name]();
