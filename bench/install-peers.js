/** Installs the other libraries, once, into a folder of their own: nobody who installs Countersign gets them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Skipped } from './skipped.js';

const folder = fileURLToPath(new URL('peers/', import.meta.url));
const read = (file) => JSON.parse(readFileSync(folder + file, 'utf8'));

/** @throws {Skipped} they cannot be installed. */
export function installPeers(progress) {
  if (isInstalled()) return;
  progress('installing the other libraries into bench/peers, once');
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Skipped(`the other libraries cannot be installed (npm ci --prefix bench/peers): ${lastLine(stderr)}`);
}

/** As the lock file says, and not as an older one said. */
function isInstalled() {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(folder + record)) return false;
  const installed = read(record).packages;
  return Object.entries(read('package-lock.json').packages).every(
    ([path, { version, optional }]) => path === '' || optional === true || installed[path]?.version === version,
  );
}

const lastLine = (text) => text.trim().split('\n').at(-1);
