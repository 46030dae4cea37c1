/** Type-checks all snippets in one program, against the built package, as an application with strict settings would. */
import { join } from 'node:path';
import ts from 'typescript';
import { root, type Snippet } from './markdown.js';

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitReturns: true,
  noImplicitOverride: true,
  noFallthroughCasesInSwitch: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  jsx: ts.JsxEmit.ReactJSX,
  allowJs: true,
  checkJs: true,
  skipLibCheck: true,
  noEmit: true,
};

/** Problems as `README.md:12: message`. `files` are checked as they are on the disk, under the same settings. */
export function typeProblems(snippets: readonly Snippet[], files: readonly string[] = []): string[] {
  const places = new Map<string, Snippet>();
  const texts = new Map<string, string>();
  for (const snippet of snippets) {
    const extension = { ts: 'mts', tsx: 'tsx' }[snippet.language] ?? 'mjs';
    const path = join(root, 'test/docs', `${snippet.page.replaceAll('/', '-')}-${snippet.line}.${extension}`);
    const names = snippet.marks.get('with');
    // One line in front of each, so that lines are told as they are on the page: the fence counts as one too.
    const [from, of = ''] = names?.split(' of the ') ?? [];
    const before = from === undefined ? 'export {};' : `import { ${from} } from './${of}${of && '-'}context.js';`;
    texts.set(path, `${before}\n${snippet.text}`);
    places.set(path, snippet);
  }
  const program = ts.createProgram({ rootNames: [...texts.keys(), ...files], options, host: hostWith(texts) });
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
    if (!diagnostic.file || diagnostic.start === undefined) return message;
    const place = places.get(diagnostic.file.fileName);
    const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
    return place ? `${place.page}:${place.line + line}: ${message}` : `${diagnostic.file.fileName}:${line + 1}: ${message}`;
  });
}

function hostWith(texts: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  return {
    ...host,
    getCurrentDirectory: () => root,
    fileExists: (path) => texts.has(path) || fileExists(path),
    readFile: (path) => texts.get(path) ?? readFile(path),
    getSourceFile(path, version, ...rest) {
      const text = texts.get(path);
      return text === undefined ? getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version, true);
    },
  };
}
