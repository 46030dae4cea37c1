/**
 * Prevents: a public entry that is not there or does not load, a dependency's types in our own, an optional peer that an application must
 * install without using it, and a package that resolves differently than it says. Looks at what the build made.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const bin = join(import.meta.dirname, '../node_modules/.bin');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const run = promisify(execFile);

/** What an entry may mention beyond Node and ourselves: `types` in its declarations, `code` in what is loaded together with it. */
const ownPeers = {
  './fastify': { types: ['fastify'], code: [] },
  './react': { types: ['react'], code: ['react'] },
  './hono': { types: ['hono'], code: [] },
  './express': { types: ['express', 'express-serve-static-core', 'qs'], code: [] },
};
/** Built into later versions of Node than our floor, so never imported statically. */
const lateBuiltins = new Set(['node:sqlite']);

const problems = [];
const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Specifiers of a declaration file, types written as `import('…')` and references included. */
function typeImports(text) {
  const { importedFiles, typeReferenceDirectives, ambientExternalModules } = ts.preProcessFile(text, true, true);
  const references = typeReferenceDirectives.map(({ fileName }) => fileName).filter((name) => name !== 'node');
  return [...importedFiles.map(({ fileName }) => fileName), ...references, ...(ambientExternalModules ?? [])];
}

/** Specifiers that are loaded together with a module: `import` and `export … from`, not `import()`. */
function codeImports(text, path) {
  const { statements } = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023);
  return statements.flatMap(({ moduleSpecifier }) => (moduleSpecifier === undefined ? [] : [moduleSpecifier.text]));
}

/** Each foreign specifier reachable from `start` through relative imports, with the file that names it. */
function foreign(start, importsOf, toFile) {
  const seen = new Set();
  const found = [];
  const queue = [start];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    if (!existsSync(path)) {
      problems.push(`${relative(root, path)} is imported but not there`);
      continue;
    }
    for (const specifier of importsOf(readFileSync(path, 'utf8'), path)) {
      if (specifier.startsWith('.')) queue.push(toFile(join(dirname(path), specifier)));
      else found.push({ specifier, where: relative(root, path) });
    }
  }
  return found;
}

function checkTypes(name, path) {
  const allowed = ownPeers[name]?.types ?? [];
  for (const { specifier, where } of foreign(path, typeImports, (file) => file.replace(/\.js$/, '.d.ts'))) {
    if ((!isBuiltin(specifier) || lateBuiltins.has(specifier)) && !allowed.includes(packageOf(specifier))) {
      problems.push(`${name}: its declarations mention ${specifier} (${where})`);
    }
  }
}

function checkCode(name, path) {
  const allowed = ownPeers[name]?.code ?? [];
  for (const { specifier, where } of foreign(path, codeImports, (file) => file)) {
    if (lateBuiltins.has(specifier)) problems.push(`${name}: loads ${specifier}, which Node 20 does not have (${where})`);
    else if (!isBuiltin(specifier) && !(packageOf(specifier) in (manifest.dependencies ?? {})) && !allowed.includes(packageOf(specifier))) {
      problems.push(`${name}: loads ${specifier}, which is not a dependency (${where})`);
    }
  }
}

async function checkEntry(name, { types, default: code }) {
  const [typesPath, codePath] = [types, code].map((path) => join(root, path));
  const missing = [typesPath, codePath].filter((path) => !existsSync(path));
  problems.push(...missing.map((path) => `${name}: ${relative(root, path)} is not there`));
  if (missing.length > 0) return;
  checkTypes(name, typesPath);
  checkCode(name, codePath);
  await import(pathToFileURL(codePath).href).catch((error) => problems.push(`${name}: does not load: ${error.message}`));
}

/** What others make of the packed package. */
async function checkPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-pack-'));
  const report = (tool) => (error) => problems.push(`${tool}:\n${error.stdout}${error.stderr}`.trim());
  try {
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
    const file = join(folder, JSON.parse(stdout)[0].filename);
    const quiet = ['--no-definitely-typed', '--no-emoji', '--no-color', '--format', 'ascii'];
    await Promise.all([
      run(join(bin, 'publint'), ['run', file, '--strict']).catch(report('publint')),
      run(join(bin, 'attw'), [file, '--profile', 'esm-only', ...quiet]).catch(report('attw')),
    ]);
  } catch (error) {
    report('npm pack')(error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const [name, target] of Object.entries(manifest.exports)) if (typeof target === 'object') await checkEntry(name, target);
if (problems.length === 0) await checkPacked();

if (problems.length > 0) {
  console.error([...new Set(problems)].join('\n'));
  process.exit(1);
}
