/** Renders the page of measurements from the run that was recorded with `npm run bench -- --record`. */
import { readFileSync } from 'node:fs';
import { namedFigures } from '../../bench/record.js';
import { figureSection, runSection, table } from '../../bench/report.js';

export const path = 'docs/reference/performance.md';

const intro = `<!-- Generated from bench/recorded.json by \`node tools/check-docs.js --write\`. Do not edit. -->

# Performance

Countersign beside other libraries and beside the physical limit, the bare primitive that does only what cannot be avoided, measured in turns
in one run: medians of several rounds, with the lowest and the highest. Absolute figures differ from machine to machine and from minute to
minute; the ratios are what counts. Load comes from another process over loopback, and every variant is warmed up alike.

\`npm run bench\` measures all of it again, \`npm run bench -- --help\` lists the parts: [how to read the figures and what to set](../guide/performance.md).`;

export async function render() {
  const recorded = JSON.parse(readFileSync(new URL('../../bench/recorded.json', import.meta.url), 'utf8'));
  const figures = namedFigures(recorded);
  const goals = figures.flatMap(([, { id, title, goals: all }]) =>
    all.map(({ text, measured, reached }) => [
      id,
      `[${title}](#${anchorOf(`${id}: ${title}`)})`,
      text,
      measured,
      reached ? 'yes' : '**no**',
    ]),
  );
  const runs = new Map(Object.values(recorded).map(({ run }) => [JSON.stringify(run), run]));
  return [
    intro,
    '## Goals',
    table(['', 'what', 'goal', 'measured', 'reached'], goals),
    ...figures.map(([name, figure]) => figureSection(figure, `performance/${name}.svg`)),
    '## What it was measured on',
    ...[...runs.values()].map((run) => `${partsOf(recorded, run)}\n\n${runSection(run)}`),
    '',
  ].join('\n\n');
}

const partsOf = (recorded, run) =>
  `**${Object.entries(recorded)
    .filter(([, part]) => JSON.stringify(part.run) === JSON.stringify(run))
    .map(([name]) => name)
    .join(', ')}**`;

/** As GitHub makes it from a heading. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
