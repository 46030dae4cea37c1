/** What a run was measured on: a figure without it means nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

/** Sizes, versions and the commit; nothing that names the machine. */
export function describeRun() {
  const ofLock = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).packages;
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: output('git', 'rev-parse', '--short', 'HEAD'),
    processor: `${cpus()[0]?.model ?? 'unknown processor'}, ${String(availableParallelism())} cores`,
    memory: `${String(Math.round(totalmem() / 2 ** 30))} GiB`,
    system: `${type()} ${release().replace(/-.*/, '')}`,
    node: process.version,
    openssl: process.versions.openssl,
    packages: versionsOf(ofLock('../package-lock.json'), ['express', 'fastify', 'pg', '@node-rs/argon2', '@photostructure/sqlite']),
    peers: versionsOf(ofLock('peers/package-lock.json')),
  };
}

/** Of a lock file; those that are named, or all that its own package.json names. */
function versionsOf(packages, names = Object.keys(packages[''].dependencies ?? {})) {
  return Object.fromEntries(names.map((name) => [name, packages[`node_modules/${name}`].version]));
}

function output(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
