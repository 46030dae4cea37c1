/**
 * Prevents: links that lead nowhere, error codes that do not exist or have another status, and generated pages that are out of date.
 * `--write` makes the generated pages. A page is a file in `tools/reference/` that exports `path` and `render(dist)`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const args = process.argv.slice(2);
const write = args.includes('--write');
const root = resolve(args.find((arg) => !arg.startsWith('--')) ?? join(import.meta.dirname, '..'));
const pages = join(import.meta.dirname, 'reference');
const dist = pathToFileURL(join(root, 'dist/'));
const skipped = new Set(['node_modules', 'dist', 'coverage', 'data', '.git']);
/** Snake-case words of the documentation that are no error codes and do not occur in `src/`. */
const otherWords = new Set(['node_modules', 'max_connections', 'pg_rewind', 'synchronous_commit']);

const problems = [];
const report = (file, line, text) => problems.push(`${relative(root, file)}:${line}: ${text}`);

function filesBelow(folder, wanted) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(join(folder, entry.name), wanted);
    return wanted.test(entry.name) ? [join(folder, entry.name)] : [];
  });
}

/** Lines of a page; `prose` is empty inside fenced code. */
function linesOf(text) {
  let fence = null;
  return text.split('\n').map((line, index) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1] ?? null;
    const inside = fence !== null || mark !== null;
    if (fence === null) fence = mark;
    else if (mark !== null && mark.startsWith(fence)) fence = null;
    return { number: index + 1, line, prose: inside ? '' : line };
  });
}

/** Anchors as GitHub makes them from headings. */
function anchorsOf(file) {
  const anchors = new Set();
  for (const { prose } of linesOf(readFileSync(file, 'utf8'))) {
    for (const [, id] of prose.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(prose)?.[1];
    if (heading === undefined) continue;
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function checkLink(file, number, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return;
  const [path, anchor] = target.split('#');
  const to = path === '' ? file : resolve(dirname(file), decodeURI(path));
  if (path.startsWith('/')) report(file, number, `link to ${target} is not relative`);
  else if (!existsSync(to)) report(file, number, `link to ${target} leads nowhere`);
  else if (anchor && to.endsWith('.md') && !anchorsOf(to).has(anchor)) report(file, number, `link to ${target}: no such heading`);
  else if (anchor && statSync(to).isDirectory()) report(file, number, `link to ${target}: a folder has no headings`);
}

function checkLinks(file, lines) {
  for (const { number, prose } of lines) {
    const text = prose.replace(/`[^`]*`/g, '``');
    for (const [, target] of text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) checkLink(file, number, target);
    const definition = /^\s*\[[^\]]+\]:\s*<?([^\s>]+)/.exec(text)?.[1];
    if (definition !== undefined) checkLink(file, number, definition);
    for (const [, target] of text.matchAll(/<(?:a|img)\b[^>]*\b(?:href|src)="([^"]+)"/g)) checkLink(file, number, target);
  }
}

/** A word beside a status must be a code with that status; another snake-case word must at least occur in the source. */
function checkCodes(file, lines, { errorCodes, sourceWords }) {
  const claims = [/\b([45]\d\d)\b[\s,:(]{1,3}`([a-z]+(?:_[a-z]+)*)`/g, /"status":\s*([45]\d\d)\b[^{}[\]]*?"code":\s*"(\w+)"/g];
  for (const { number, line } of lines) {
    for (const [, status, code] of claims.flatMap((claim) => [...line.matchAll(claim)])) {
      const entry = errorCodes[code];
      if (entry === undefined && code.includes('_')) report(file, number, `there is no error code ${code}`);
      else if (entry !== undefined && entry.status !== Number(status)) report(file, number, `${code} is ${entry.status}, not ${status}`);
    }
    for (const [, word] of line.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)) {
      if (!(word in errorCodes) && !sourceWords.has(word) && !otherWords.has(word)) {
        report(file, number, `${word} is no error code and occurs nowhere in src (tools/check-docs.js: otherWords)`);
      }
    }
  }
}

async function checkPage(name) {
  const { path, render } = await import(pathToFileURL(join(pages, name)).href);
  const file = join(root, path);
  const text = await render(dist);
  if (write) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    problems.push(`${path}: out of date. Run: node tools/check-docs.js --write`);
  }
}

const { errorCodes } = await import(new URL('protocol/error-codes.js', dist).href);
for (const name of readdirSync(pages).filter((file) => file.endsWith('.js'))) await checkPage(name);

const source = filesBelow(join(root, 'src'), /\.(ts|tsx|sql)$/).map((file) => readFileSync(file, 'utf8'));
const sourceWords = new Set(source.flatMap((text) => text.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? []));
for (const file of filesBelow(root, /\.md$/)) {
  const lines = linesOf(readFileSync(file, 'utf8'));
  checkLinks(file, lines);
  checkCodes(file, lines, { errorCodes, sourceWords });
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
