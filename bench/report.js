/** A run as Markdown: what was measured, beside what, and which goals it reaches. */
import { short } from './measure.js';

/**
 * @typedef {object} Figure
 * @property {string} id of the goal, such as `P1`
 * @property {string} title
 * @property {string} unit
 * @property {'lower' | 'higher'} better
 * @property {{ name: string, role: 'limit' | 'ours' | 'peer', median: number, low: number, high: number, details?: Record<string, string> }[]} [rows]
 * @property {{ label: string, log?: boolean }} [x] of a figure of curves
 * @property {{ name: string, points: [number, number][] }[]} [lines]
 * @property {{ text: string, measured: string, reached: boolean }[]} goals
 * @property {string[]} [notes]
 */

/** @param {Figure} figure @param {string | undefined} chart where its picture is */
export function figureSection(figure, chart) {
  const { id, title, unit, better, goals, notes = [] } = figure;
  return [
    `## ${id === '' ? title : `${id}: ${title}`}`,
    `${unit}; ${better} is better.`,
    figure.rows === undefined ? curveTable(figure) : rowTable(figure),
    ...(chart === undefined ? [] : [`![${title}](${chart})`]),
    ...(goals.length === 0
      ? []
      : [
          table(
            ['goal', 'measured', ''],
            goals.map(({ text, measured, reached }) => [text, measured, reached ? 'reached' : '**not reached**']),
          ),
        ]),
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join('\n')]),
  ].join('\n\n');
}

function rowTable({ rows, better }) {
  const ours = rows.find(({ role }) => role === 'ours');
  const names = [...new Set(rows.flatMap(({ details = {} }) => Object.keys(details)))];
  const sorted = rows.toSorted((a, b) => (better === 'lower' ? a.median - b.median : b.median - a.median));
  return table(
    ['', 'median', 'lowest to highest', ...names, 'beside ours'],
    sorted.map(({ name, role, median, low, high, details = {} }) => [
      role === 'ours' ? `**${name}**` : name,
      short(median),
      `${short(low)} to ${short(high)}`,
      ...names.map((column) => details[column] ?? ''),
      role === 'ours' || ours === undefined ? '' : `${short(median / ours.median)} ×`,
    ]),
  );
}

function curveTable({ x, lines }) {
  const places = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  return table(
    [x.label, ...lines.map(({ name }) => name)],
    places.map((place) => [place.toLocaleString('en'), ...lines.map(({ points }) => cell(points.find(([at]) => at === place)))]),
  );
}

const cell = (point) => (point === undefined ? '' : short(point[1]));

export function runSection({ date, commit, processor, memory, system, node, openssl, packages, peers }) {
  const versions = (all) =>
    Object.entries(all)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ');
  return [
    `Measured on ${date} at commit \`${commit}\`: ${processor}, ${memory}, ${system}, Node ${node} with OpenSSL ${openssl}; ${versions(packages)}.`,
    `Peers: ${versions(peers)}.`,
  ].join('\n\n');
}

export const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
