/** Prevents: an installation that grows unnoticed, and a module that every application loads though it was meant to be loaded when it is needed. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '..');
/** Ours among the packages, and without peers. Loaded: by what the quick start imports. */
const most = { packages: 23, megabytes: 13.5, modules: 190, loadedPackages: ['zod'] };
const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const problems = [];

/** Paths of what `npm i countersign` brings on this platform. */
function dependencies() {
  const { packages } = read('package-lock.json');
  const found = new Set();
  const add = (from, names) => {
    for (const name of names) {
      const path = [`${from}/node_modules/${name}`, `node_modules/${name}`].find((place) => packages[place] !== undefined);
      // A binary for another platform is listed, and not there.
      if (path === undefined || found.has(path) || !existsSync(join(root, path))) continue;
      found.add(path);
      const { dependencies: needed = {}, optionalDependencies: optional = {} } = packages[path];
      add(path, Object.keys({ ...needed, ...optional }));
    }
  };
  add('', Object.keys(packages[''].dependencies));
  return [...found];
}

function bytesIn(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return sum + statSync(join(root, path)).size;
    return entry.isDirectory() && entry.name !== 'node_modules' ? sum + bytesIn(path) : sum;
  }, 0);
}

/** Own modules and foreign packages that are loaded together with the entries: `import` and `export … from`, not `import()`. */
function loadedBy(entries) {
  const modules = new Set();
  const packages = new Set();
  const queue = entries.map((entry) => join(root, 'dist', entry));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (modules.has(path)) continue;
    modules.add(path);
    for (const { moduleSpecifier } of ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023).statements) {
      if (moduleSpecifier === undefined) continue;
      if (moduleSpecifier.text.startsWith('.')) queue.push(join(dirname(path), moduleSpecifier.text));
      else if (!moduleSpecifier.text.startsWith('node:')) packages.add(moduleSpecifier.text);
    }
  }
  return { modules: modules.size, packages: [...packages] };
}

const ours = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' }))[0]
  .unpackedSize;
const sizes = dependencies().map((path) => ({ path, bytes: bytesIn(path) }));
const megabytes = (ours + sizes.reduce((sum, { bytes }) => sum + bytes, 0)) / 1e6;
const loaded = loadedBy(['index.js', 'adapters/express.js', 'stores/sqlite/index.js']);
console.log(
  `npm i countersign: ${String(sizes.length + 1)} packages, ${megabytes.toFixed(1)} MB, of which ours ${(ours / 1e6).toFixed(1)} MB; ` +
    `the quick start loads ${String(loaded.modules)} modules of ours and ${loaded.packages.join(', ')}`,
);
if (sizes.length + 1 > most.packages)
  problems.push(`It must bring at most ${String(most.packages)} packages: ${sizes.map(({ path }) => path).join(', ')}.`);
if (megabytes > most.megabytes) {
  const largest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 3);
  const named = largest.map(({ path, bytes }) => `${path} ${(bytes / 1e6).toFixed(1)} MB`).join(', ');
  problems.push(`It must be at most ${String(most.megabytes)} MB. The largest besides ours: ${named}.`);
}
if (loaded.modules > most.modules)
  problems.push(`The quick start must load at most ${String(most.modules)} modules of ours: load what few requests need by import().`);
const uninvited = loaded.packages.filter((name) => !most.loadedPackages.includes(name));
if (uninvited.length > 0) problems.push(`Every application now loads ${uninvited.join(', ')}: load it by import() where it is needed.`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
