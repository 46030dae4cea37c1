/** Writes what was measured: each run into `bench/out`, and with `--record` into what the page of the documentation is made from. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawFigure } from './chart.js';
import { figureSection, runSection } from './report.js';

const outFolder = fileURLToPath(new URL('out/', import.meta.url));
const recordedFile = fileURLToPath(new URL('recorded.json', import.meta.url));
const chartFolder = fileURLToPath(new URL('../docs/reference/performance/', import.meta.url));

/** @param {{ run: object, parts: Record<string, { figures: object[] } | { skipped: string }> }} result so far */
export function writeResult({ run, parts }) {
  mkdirSync(outFolder, { recursive: true });
  const charts = drawAll(parts, outFolder);
  writeFileSync(`${outFolder}results.json`, `${JSON.stringify({ run, parts }, null, 2)}\n`);
  writeFileSync(`${outFolder}results.md`, `${[runSection(run), ...sections(parts, (name) => charts.get(name))].join('\n\n')}\n`);
  return outFolder;
}

/** Replaces the parts that were measured, each with the run that it belongs to, and keeps the others. */
export function recordResult({ run, parts }) {
  const recorded = existsSync(recordedFile) ? JSON.parse(readFileSync(recordedFile, 'utf8')) : {};
  for (const [name, part] of Object.entries(parts)) if ('figures' in part) recorded[name] = { run, figures: part.figures };
  writeFileSync(recordedFile, `${JSON.stringify(recorded, null, 1)}\n`);
  rmSync(chartFolder, { recursive: true, force: true });
  mkdirSync(chartFolder, { recursive: true });
  drawAll(recorded, chartFolder);
}

/** Names of the pictures, by the name of the figure. */
function drawAll(parts, folder) {
  return new Map(
    namedFigures(parts).map(([name, figure]) => {
      writeFileSync(`${folder}${name}.svg`, drawFigure(figure));
      return [name, `${name}.svg`];
    }),
  );
}

/** @returns {[string, import('./report.js').Figure][]} a name of its own for each figure */
export function namedFigures(parts) {
  return Object.entries(parts).flatMap(([part, { figures = [] }]) =>
    figures.map((figure, index) => [figures.length === 1 ? part : `${part}-${String(index + 1)}`, figure]),
  );
}

export function sections(parts, chartOf = () => undefined) {
  const skipped = Object.entries(parts).filter(([, { skipped: why }]) => why !== undefined);
  return [
    ...namedFigures(parts).map(([name, figure]) => figureSection(figure, chartOf(name))),
    ...(skipped.length === 0 ? [] : [skipped.map(([name, { skipped: why }]) => `- ${name}: skipped, ${why}`).join('\n')]),
  ];
}
