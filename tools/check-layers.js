/** Prevents: a file that imports from a higher layer or from a neighbour, a folder without a layer, and drawers such as `utils/`. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix, resolve } from 'node:path';

const src = resolve(process.argv[2] ?? join(import.meta.dirname, '../src'));
const layers = JSON.parse(readFileSync(join(src, 'layers.json'), 'utf8'));
const drawer = /^(utils?|helpers?|common|lib|shared|misc)$/;
/** Folders whose own folders are sideways to each other. */
const apart = new Set(['stores']);

const importing = [
  /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
  /\bnew URL\(\s*['"](\.[^'"]+\.js)['"]\s*,\s*import\.meta\.url/g,
];

const problems = [];
const entries = readdirSync(src, { recursive: true, withFileTypes: true }).map((entry) => ({
  path: posix.relative(src, join(entry.parentPath ?? entry.path, entry.name)),
  isFolder: entry.isDirectory(),
}));

/** The first part of a path: what has a number. A test belongs to the file it tests. */
function unitOf(path) {
  const [first] = path.split('/');
  return first.replace(/\.test\.tsx?$/, (end) => end.replace('.test', ''));
}

/** Why `from` may not import `to`, both relative to src; null when it may. */
function refusal(from, to) {
  const [a, b] = [unitOf(from), unitOf(to)];
  if (!(b in layers)) return `${b} has no layer`;
  if (a === b) {
    const [inner, target] = [from, to].map((path) => (path.split('/').length > 2 ? path.split('/')[1] : null));
    return apart.has(a) && target !== null && target !== inner ? `sideways, from ${a}/${inner ?? ''} to ${b}/${target}` : null;
  }
  if (layers[b] > layers[a]) return `upward, from ${a} (${layers[a]}) to ${b} (${layers[b]})`;
  return layers[b] === layers[a] ? `sideways, from ${a} to ${b} (both ${layers[a]})` : null;
}

function checkFile(path) {
  const text = readFileSync(join(src, path), 'utf8');
  for (const specifier of importing.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]))) {
    if (/^countersign(\/|$)/.test(specifier)) problems.push(`${path}: imports ${specifier}, the package itself`);
    if (!specifier.startsWith('.')) continue;
    const to = posix.normalize(posix.join(dirname(path), specifier)).replace(/\.js$/, '.ts');
    const outside = to.startsWith('../');
    if (outside && /\.test\.tsx?$/.test(path)) continue;
    const why = outside ? 'outside src' : refusal(path, to);
    if (why !== null) problems.push(`${path}: imports ${specifier}: ${why}`);
  }
}

for (const { path, isFolder } of entries) {
  const name = basename(path).replace(/(\.test)?\.tsx?$/, '');
  const isSource = /\.tsx?$/.test(path);
  if (drawer.test(name)) problems.push(`${path}: put what is in it with the thing it helps`);
  if (!path.includes('/') && (isFolder || isSource) && !(unitOf(path) in layers)) problems.push(`${path}: missing in src/layers.json`);
  if (isSource && unitOf(path) in layers) checkFile(path);
}

if (problems.length > 0) {
  console.error(problems.sort().join('\n'));
  process.exit(1);
}
