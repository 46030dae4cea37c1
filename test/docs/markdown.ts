/** Reads the documentation: its pages, and the fenced snippets in them with the marks that stand in front of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root: string = join(import.meta.dirname, '../..');

/** `<!-- with: app, auth -->` in front of a fence: names that the snippet takes from `context.ts`; `auth of the page`: from `page-context.ts`. */
export type Mark = 'with' | 'file' | 'not run';

export interface Snippet {
  /** Path of the page, relative to the repository. */
  readonly page: string;
  /** Line of its fence. */
  readonly line: number;
  /** Empty: plain text. */
  readonly language: string;
  readonly text: string;
  readonly marks: ReadonlyMap<Mark, string>;
}

const ignored = new Set(['node_modules', 'dist', 'coverage', 'data', '.git']);

/** Every page of the repository. */
export function listPages(folder: string = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ignored.has(entry.name) ? [] : listPages(path);
    return entry.name.endsWith('.md') ? [relative(root, path)] : [];
  });
}

function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The server on which the page's commands run, as `<!-- walk-through on: quick start -->` says; null where they run on none. */
export function stageOf(page: string): string | null {
  return /^<!-- walk-through on: (.+) -->$/m.exec(readPage(page))?.[1] ?? null;
}

export function readSnippets(page: string): Snippet[] {
  const snippets: Snippet[] = [];
  let open: { line: number; language: string; lines: string[]; marks: Map<Mark, string> } | null = null;
  let marks = new Map<Mark, string>();
  for (const [index, line] of readPage(page).split('\n').entries()) {
    const fence = /^```(\S*)$/.exec(line);
    if (open && fence?.[1] === '') {
      snippets.push({ page, line: open.line, language: open.language, text: `${open.lines.join('\n')}\n`, marks: open.marks });
      open = null;
    } else if (open) open.lines.push(line);
    else if (fence) {
      open = { line: index + 1, language: fence[1] ?? '', lines: [], marks };
      marks = new Map();
    } else {
      const [, name, value = ''] = /^<!-- (with|file|not run): (.+) -->$/.exec(line) ?? [];
      if (name !== undefined) marks.set(name as Mark, value);
      else marks = new Map();
    }
  }
  if (open) throw new Error(`${page}:${open.line}: the fence is not closed`);
  return snippets;
}

export function fileOf(page: string, name: string): string {
  const found = readSnippets(page).find(({ marks }) => marks.get('file') === name);
  if (!found) throw new Error(`${page} has no snippet for the file ${name}`);
  return found.text;
}
