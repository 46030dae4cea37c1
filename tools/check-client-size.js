/** Prevents: a browser client that grows beyond 6 kB, as browsers get it: one file, minified, compressed. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const most = 6 * 1024;
const root = join(import.meta.dirname, '..');
const entry = join(root, 'dist/client/index.js');
const [{ output }] = await build({
  root,
  configFile: false,
  logLevel: 'error',
  build: { write: false, minify: true, lib: { entry, formats: ['es'] } },
});
const bytes = gzipSync(output[0].code, { level: 9 }).length;
console.log(`countersign/client: ${String(bytes)} bytes`);
if (output.length > 1 || bytes > most) {
  console.error(`It must be one file of at most ${String(most)} bytes.`);
  process.exitCode = 1;
}
